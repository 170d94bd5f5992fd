"""The watched folder."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import ParameterError
from services.inbox import changes, listing
from tests.services.conftest import Open

SERVICE, ACTION = "Inbox watcher", "Write a memo"


def test_a_listing_has_files_only(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")

    found = listing(tmp_path)

    assert [(name, size) for name, (size, _) in found.items()] == [("a.txt", 0), ("b.txt", 1)]


def test_changes_between_two_listings() -> None:
    before = {"same": (1, 1.0), "gone": (1, 1.0), "grown": (1, 1.0)}
    after = {"same": (1, 1.0), "grown": (2, 1.0), "new": (1, 1.0)}

    assert changes(before, after) == [("added", "new"), ("changed", "grown"), ("removed", "gone")]


@pytest.mark.row("B26")
def test_the_service_tells_of_every_file_that_comes_changes_and_goes(opened: Open, tmp_path: Path) -> None:
    site = opened(WATCHED_FOLDER="letters")
    app = site.apps["services"]
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    app.on("inbox")(lambda word, name: told.put((word, name)))

    def records(count: int) -> list[str]:
        """Wait until the watcher's run has so many records; return their messages, the oldest first."""
        while True:
            for run in app.journal.search(SERVICE).fetch():
                found = app.journal.get(run.id).fetch().records
                if len(found) >= count:
                    return [record.message for record in reversed(found)]
            recorded.get(timeout=20)

    with app.journal.record_added.subscribe() as recorded:
        site.start()
        assert records(1) == ["watching"]
        app.action.invoke(ACTION, title="letter").fetch(20)
        assert told.get(timeout=20) == ("added", "letter-1.txt")
        letter = tmp_path / "letters" / "letter-1.txt"
        letter.write_text("longer than what was there before")
        assert told.get(timeout=20) == ("changed", "letter-1.txt")
        letter.unlink()
        assert told.get(timeout=20) == ("removed", "letter-1.txt")
        assert records(4)[1:] == ["added letter-1.txt", "changed letter-1.txt", "removed letter-1.txt"]


def test_the_service_ends_at_once_when_it_is_stopped(opened: Open) -> None:
    site = opened()
    app = site.apps["services"]
    with app.service.service_changed.subscribe() as changed:
        site.start()
        while changed.get(timeout=20).status != "running":
            pass
        app.service.stop(SERVICE)
        seen = []
        while "stopped" not in seen:
            seen.append(changed.get(timeout=20).status)

    assert "failed" not in seen


def test_a_memo_is_written_as_the_form_says(opened: Open, tmp_path: Path) -> None:
    app = opened().apps["services"]

    names = app.action.invoke(
        ACTION, title="Oil change ", text="5 litres", kind="order", copies="2", due="2030-01-31", urgent="on"
    ).fetch(20)

    assert names == ["Oil-change-1.txt", "Oil-change-2.txt"]
    assert (tmp_path / "inbox" / names[1]).read_text() == "ORDER!\ndue 2030-01-31\n\n5 litres\n"
    (run,) = app.journal.search(ACTION).fetch()
    assert [one.message for one in app.journal.get(run.id).fetch().records] == [f"wrote {name}" for name in names[::-1]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "../etc/passwd"),
        ("title", " "),
        ("title", "x" * 41),
        ("kind", "poem"),
        ("copies", "6"),
        ("copies", "1.5"),
        ("due", "tomorrow"),
        ("urgent", "perhaps"),
    ],
)
def test_a_wrong_form_writes_nothing(name: str, value: str, opened: Open, tmp_path: Path) -> None:
    app = opened().apps["services"]

    with pytest.raises(ParameterError) as error:
        app.action.invoke(ACTION, **{"title": "memo", name: value})
    assert list(error.value.fields) == [name]
    assert not (tmp_path / "inbox").exists()
