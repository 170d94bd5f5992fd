"""docs/commands.md names every command of the program with each of its own flags."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator

import pytest

from atilite.cli import serve
from atilite.cli.main import ROOMS
from atilite.cli.parser import Commands
from atilite.cli.pod import _parsers
from tests.docs.test_state_pages import DOCS


def below(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The commands of a parser and theirs, each with all its words."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                words = f"{name} {word}".strip()
                yield words, inner
                yield from below(inner, words)


def commands() -> dict[str, list[list[str]]]:
    """All commands, each with the flags that are its own, in all their spellings."""
    known = Commands("serve.py", {}, choose_app=True)
    serve.add(known)
    for room in ROOMS:
        importlib.import_module(f"atilite.cli.{room}").add(known)
    shared = {flag for action in known._settings._actions for flag in action.option_strings} | {"-h"}
    found = {**dict(below(known.parser)), **dict(below(_parsers("serve.py")[0], "pod"))}
    return {
        name: [list(action.option_strings) for action in parser._actions if not shared & {*action.option_strings}]
        for name, parser in found.items()
    }


def usages() -> list[str]:
    """What stands in the first column of the tables; of several words of which one is meant, each for itself."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8").replace("\\|", "/")
    found = []
    for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE):
        words = re.findall(r"`([^`]+)`", row)
        flags = " ".join(word for word in words if word.startswith("["))  # of all that stand before
        for usage in words:
            choices = re.match(r"(\w+ )([a-z]+(?:/[a-z]+)+)(.*)", usage)
            some = [f"{choices[1]}{one}{choices[3]}" for one in choices[2].split("/")] if choices else [usage]
            found += [f"{one} {flags}" for one in some]
    return found


@pytest.mark.parametrize(("name", "flags"), commands().items())
def test_the_page_of_commands_names_each_one_with_its_flags(name: str, flags: list[list[str]]) -> None:
    told = " ".join(usage for usage in usages() if usage.startswith(f"{name} "))

    assert told, f"{name} is not on the page"
    assert [spellings for spellings in flags if spellings and not any(one in told for one in spellings)] == []


def test_the_page_names_no_command_that_there_is_not() -> None:
    known = {name.split()[0] for name in commands()}

    assert [usage for usage in usages() if usage[0] not in "[-" and usage.split()[0] not in known] == []
