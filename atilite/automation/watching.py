"""What has changed among files, decided from what they look like now and looked like before. Pure but for `seen`."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from atilite.errors import AtiliteError
from atilite.quickly import dataclass

# Files that one pattern may name; each costs a look in every round.
MOST = 10_000


class Stamp(NamedTuple):
    """By what a change of a file is known."""

    modified: int  # nanoseconds since 1970
    size: int
    number: int  # of the file: one that was put in place of another may be as old and as long


class Change(NamedTuple):
    """A file that is new, has another content, or has gone. `what` is created, changed or removed."""

    path: str
    what: str


@dataclass
class Watched:
    """The files of one pattern. A change counts when nothing has happened to the file for `settle` seconds."""

    settle: float
    known: dict[str, Stamp] = field(default_factory=dict)
    moving: dict[str, tuple[Stamp | None, float]] = field(default_factory=dict)

    def look(self, now: float, files: Mapping[str, Stamp]) -> list[Change]:
        """Take note of the files as they are at `now`, in seconds, and return the changes that have settled."""
        for path in files.keys() | self.known.keys() | self.moving.keys():
            stamp = files.get(path)
            if stamp == self.known.get(path):
                self.moving.pop(path, None)  # it has become again what it was
            elif path not in self.moving or self.moving[path][0] != stamp:
                self.moving[path] = (stamp, now)
        return [self._settled(path) for path in sorted(self.moving) if now - self.moving[path][1] >= self.settle]

    def _settled(self, path: str) -> Change:
        stamp, _ = self.moving.pop(path)
        if stamp is None:
            del self.known[path]
            return Change(path, "removed")
        what = "changed" if path in self.known else "created"
        self.known[path] = stamp
        return Change(path, what)


def seen(pattern: str) -> dict[str, Stamp]:
    """The files that a pattern such as `/srv/inbox/**/*.csv` names just now; of a folder those directly in it.

    Blocks. Raises AtiliteError for more than MOST. What disappears meanwhile or may not be read is not there.
    """
    found: dict[str, Stamp] = {}
    for path in glob.iglob(os.path.join(pattern, "*") if os.path.isdir(pattern) else pattern, recursive=True):
        try:
            facts = os.stat(path)
        except OSError:
            continue
        if os.path.isdir(path):
            continue
        found[path] = Stamp(facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if len(found) > MOST:
            raise AtiliteError(f"{pattern} names more than {MOST} files (watch a narrower pattern)")
    return found
