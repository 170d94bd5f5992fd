from __future__ import annotations

import functools

import pytest

from atilite.automation.naming import description_of, name_of, source_of


class Pump:
    def start(self):
        """Start it."""

    def __call__(self):
        """Do it."""


@pytest.mark.row("B6")
def test_the_name_is_the_qualified_one_without_module():
    def inner():
        return None

    assert name_of(Pump.start) == "Pump.start"
    assert name_of(inner).endswith("<locals>.inner")
    assert name_of(Pump()) == "Pump.__call__"
    assert name_of(functools.partial(Pump.start, None)) == "Pump.start"


@pytest.mark.row("B6")
def test_each_line_of_the_docstring_is_stripped():
    def documented():
        """
        Fetch rates

            every day
        """

    assert description_of(documented) == "Fetch rates\n\nevery day"
    assert description_of(lambda: None) == ""
    assert description_of(Pump()) == "Do it."


def test_the_source_names_module_and_line():
    module, _, line = source_of(Pump.start).partition(":")

    assert module == __name__
    assert int(line) > 1
