"""The page of the key-value store."""

from __future__ import annotations

import pytest

from atilite.console import kv
from atilite.store.kv import Item
from tests.console.samples import FACE, NOW


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", None), (" ", None), ("90", 90), ("7d", 7 * 86400), ("1.5 h", 5400), ("10 min", 600), ("2m", 120)],
)
def test_a_time_to_live_is_read_with_its_unit(text: str, seconds: float | None) -> None:
    assert kv.seconds(text) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "0", "7 weeks"])
def test_a_time_to_live_that_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="like 7d"):
        kv.seconds(text)


def test_the_editor_says_where_its_json_is_wrong() -> None:
    with pytest.raises(ValueError, match="line 2, column 3"):
        kv.value_of("{\n  north: 30}")
    assert kv.value_of('{"north": 30}') == {"north": 30}


def test_the_path_of_a_key_quotes_its_slashes() -> None:
    assert kv.path_of("finance", "rates/EUR") == "/kv/finance/rates%2FEUR"


def test_a_row_shows_the_value_on_one_line() -> None:
    row = kv.row(Item("plan", {"north": 30}, 17, NOW, None, "ana"), "garden", FACE, "plan")

    assert (row.short, row.on, row.path) == ("{north: 30}", True, "/kv/garden/plan")


def test_the_namespace_that_is_shown_is_there_even_without_keys() -> None:
    assert [(chip.name, chip.count, chip.on) for chip in kv.chips({"b": 2}, "a")] == [("a", 0, True), ("b", 2, False)]
    assert kv.chips({}, "default") == ()


def test_the_editor_keeps_what_was_sent_when_it_could_not_be_saved() -> None:
    item = Item("plan", {"north": 30}, 18, NOW, None, "ben")

    editor = kv.refused(item, "garden", "plan", "/console", "{oops", "7d", "Not JSON")

    assert (editor.text, editor.ttl, editor.error, editor.version) == ("{oops", "7d", "Not JSON", 18)
