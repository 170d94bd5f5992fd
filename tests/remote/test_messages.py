"""Streams are read as they arrive, however they are cut."""

from __future__ import annotations

import pytest

from atilite.remote import messages
from atilite.remote.messages import Messages

STREAM = (
    'id: 3\ndata: {"a": "ä"}\n\n: still here\n\nid: 4\ndata: one\ndata: two\n\ndata: none\n\nid: 5\ndata: cut'.encode()
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_messages_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    reader = Messages()
    found = [(reader.last, text) for at in range(0, len(STREAM), size) for text in reader.feed(STREAM[at : at + size])]
    assert found == [("3", '{"a": "ä"}'), ("4", "one\ntwo"), ("4", "none")]


def test_a_message_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "LONGEST", 100)
    with pytest.raises(ValueError, match="100 bytes"):
        list(Messages().feed(b"data: " + b"x" * 100))
