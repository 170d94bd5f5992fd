"""Server-sent events as they arrive, a piece at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterator

# A message that is longer than this is none of ours.
LONGEST = 16 * 1024 * 1024


class Messages:
    """Takes the bytes of a stream and gives its messages; `last` is the id of the newest one that had an id."""

    def __init__(self) -> None:
        self.last = ""
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[str]:
        """The data of each message that is whole by now. Raises ValueError when one does not end.

        What of a message has come before a connection broke is forgotten with this object: it comes again.
        """
        self._rest += data
        while (end := self._rest.find(b"\n\n")) >= 0:
            block = self._rest[:end].decode("utf-8", "replace")
            del self._rest[: end + 2]
            text = self._read(block)
            if text is not None:
                yield text
        if len(self._rest) > LONGEST:
            raise ValueError(f"a message of more than {LONGEST} bytes")

    def _read(self, block: str) -> str | None:
        lines = []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                lines.append(value)
            elif name == "id":
                self.last = value
        return "\n".join(lines) if lines else None
