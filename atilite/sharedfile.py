"""Numbers by name in a small file that several processes have in their memory at once."""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import struct
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from .errors import SetupError

# A slot is the number twice, which tells one that is being written just now from one that is not, and the name.
SLOT, SLOTS, LONGEST = 128, 512, 110
# A number that is being written is whole a moment later; one that is not after so many looks is waited for.
LOOKS = 100
_NUMBER = struct.Struct("=dd")
_NAME = struct.Struct(f"={LONGEST}p")
_MAGIC = b"atilite numbers 1"


class SharedFile(MutableMapping[str, float]):
    """Numbers by name, which all processes see that have opened the file. Any thread; a reading costs no system call.

    They outlive the processes. A name that is removed keeps its slot.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Makes the file if there is none. Raises SetupError if it cannot be used."""
        self._path = Path(path).absolute()
        self._lock = threading.Lock()
        self._slots: dict[str, int] = {}
        try:
            # Not closed before the end of the process: with a file, the system drops the locks on all others of it.
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with self._alone():
                self._prepare()
            self._memory = mmap.mmap(self._file, SLOT * (SLOTS + 1))
        except OSError as error:
            raise SetupError(f"{self._path}: {error.strerror} (name a file that this program may write)") from error

    def _prepare(self) -> None:
        head = os.pread(self._file, len(_MAGIC), 0)
        # Nothing but zeros: whoever made it did not come to its first line, perhaps because the disk was full.
        if head != _MAGIC and head.strip(b"\0"):
            raise SetupError(f"{self._path}: no file of shared numbers (name another one)")
        # On the disk, not only promised: a write to memory for which a full disk has no room would end the process.
        os.posix_fallocate(self._file, 0, SLOT * (SLOTS + 1))
        os.pwrite(self._file, _MAGIC, 0)

    def _alone(self) -> _Alone:
        return _Alone(self._lock, self._file)

    def __getitem__(self, name: str) -> float:
        slot = self._slot_of(name)
        number = math.nan if slot is None else self._read(slot)
        if math.isnan(number):
            raise KeyError(name)
        return number

    def __setitem__(self, name: str, value: float) -> None:
        with self._alone():
            self._write(self._made(name), value)

    def __delitem__(self, name: str) -> None:
        self[name]  # KeyError if there is none
        self[name] = math.nan

    def __iter__(self) -> Iterator[str]:
        self._look()
        return iter([name for name in list(self._slots) if name in self])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def raise_to(self, name: str, least: float, step: float) -> float:
        """Set a number to `least`, or to `step` more than it is if that is higher; return it. Nobody comes between."""
        with self._alone():
            slot = self._made(name)
            before = self._mended(slot)
            value = least if math.isnan(before) else max(least, before + step)
            self._write(slot, value)
        return value

    def _slot_of(self, name: str) -> int | None:
        if name not in self._slots:
            self._look()
        return self._slots.get(name)

    def _look(self) -> None:
        """Learn the names that other processes have put behind those that are known."""
        for number in range(len(self._slots) + 1, SLOTS + 1):
            raw = _NAME.unpack_from(self._memory, number * SLOT + _NUMBER.size)[0]
            if not raw:
                return
            self._slots[raw.decode()] = number * SLOT

    def _made(self, name: str) -> int:
        """The slot of a name, a new one if it has none. While nobody else writes."""
        slot = self._slot_of(name)
        if slot is None:
            raw = name.encode()
            if len(raw) >= LONGEST or len(self._slots) == SLOTS:
                raise SetupError(f"{self._path}: no room for {name!r}; it takes {SLOTS} names of {LONGEST - 1} bytes")
            slot = (len(self._slots) + 1) * SLOT
            # The number first: with its name it becomes visible.
            self._write(slot, math.nan)
            _NAME.pack_into(self._memory, slot + _NUMBER.size, raw)
            self._slots[name] = slot
        return slot

    def _write(self, slot: int, value: float) -> None:
        _NUMBER.pack_into(self._memory, slot, value, value)

    def _read(self, slot: int) -> float:
        for _ in range(LOOKS):
            one, other = self._halves(slot)
            if _same(one, other):
                return one
        with self._alone():
            return self._mended(slot)

    def _mended(self, slot: int) -> float:
        """The number, while nobody else writes. Of one whose writer has died in the midst of it: what it was before."""
        one, other = self._halves(slot)
        if not _same(one, other):
            self._write(slot, other)
        return other

    def _halves(self, slot: int) -> tuple[float, float]:
        one, other = _NUMBER.unpack_from(self._memory, slot)
        return float(one), float(other)


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


class _Alone:
    """While it is entered no other thread and no other process writes."""

    def __init__(self, lock: threading.Lock, file: int) -> None:
        self._lock, self._file = lock, file

    def __enter__(self) -> None:
        self._lock.acquire()
        # Of the process, unlike a lock by `flock`, which a parent and its forked children would hold together.
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *error: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._lock.release()
