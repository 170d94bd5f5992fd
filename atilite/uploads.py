"""Uploaded files: one class for the forms of routes and for the parameters of actions."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
import weakref
from pathlib import Path, PurePosixPath
from typing import IO, Literal

IN_MEMORY = 1 << 20  # bytes of a copy; larger ones go to a temporary file
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')


def safe_name(name: str) -> str:
    """Return a file name that is safe in any folder: no folder part, no control or reserved sign, not hidden.

    Other letters than ASCII stay. Pure.
    """
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    clean = _UNSAFE.sub("_", last).strip(". ")
    stem, dot, suffix = clean.rpartition(".")
    while len(clean.encode()) > 200:  # file systems count bytes, at most 255
        stem, clean = (stem[:-1], f"{stem[:-1]}.{suffix}") if dot and stem else ("", clean[:-1])
    return clean or "unnamed"


class Upload:
    """One file that a client sent. Its temporary file goes away with it, unless it was moved or saved.

    `name` is what the client called it, made safe to use in a path; `size` is in bytes, `mimetype` is what the client
    claims. It holds what it was sent, however long its request lives. One thread at a time, not on the loop: it reads
    and writes the disk.
    """

    def __init__(self, name: str, file: IO[bytes], size: int, mimetype: str = "application/octet-stream") -> None:
        self.name, self.file, self.size, self.mimetype = safe_name(name), file, size, mimetype
        self._path: Path | None = None
        self._owned: weakref.finalize[..., Upload] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        # For an action in a process of its own: the file stays this process's, which keeps it until the run has ended.
        return _elsewhere, (self.name, self.path, self.size, self.mimetype)

    def __repr__(self) -> str:
        return f"<Upload {self.name!r} {self.size} bytes>"

    @classmethod
    def copy_of(cls, file: IO[bytes], name: str, mimetype: str = "application/octet-stream") -> Upload:
        """Read `file` to its end and return an upload that does not need it any more. Blocks."""
        copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed with the upload)
        shutil.copyfileobj(file, copy)
        size = copy.tell()
        copy.seek(0)
        return cls(name, copy, size, mimetype)

    @property
    def ext(self) -> str:
        """The extension with its dot, in lower case; "" if there is none."""
        return os.path.splitext(self.name)[1].lower()

    @property
    def path(self) -> str:
        """Where the content is on the disk; written there at the first use of this attribute."""
        if self._path is None:
            handle, text = tempfile.mkstemp(prefix="upload-", suffix=self.ext)
            with os.fdopen(handle, "wb") as target:
                self.file.seek(0)
                shutil.copyfileobj(self.file, target)
            self._path = Path(text)
            self._owned = weakref.finalize(self, self._path.unlink, missing_ok=True)
        return str(self._path)

    def read(self, size: int = -1) -> bytes:
        """Return the content, all of it or the next `size` bytes."""
        if self.file.closed:
            return Path(self.path).read_bytes()
        if size < 0:
            self.file.seek(0)
        return self.file.read(size)

    def move(self, to: str | os.PathLike[str]) -> str:
        """Move the file to the path `to`, replacing a file there; return the path. It is kept from now on."""
        target = Path(to)
        if target.is_dir():
            target /= self.name
        shutil.move(self.path, target)
        if self._owned is not None:
            self._owned.detach()
            self._owned = None
        self._path = target
        return str(target)

    def save(
        self,
        into: str | os.PathLike[str],
        name: str | None = None,
        mkdir: bool = False,
        dup: Literal["u", "o"] = "u",
    ) -> str:
        """Move the file into the folder `into` and return its path.

        `name` replaces the client's name. If the name is taken, dup="u" makes it unique by a number before its
        extension and dup="o" overwrites. Raises FileNotFoundError for a missing folder unless `mkdir`.
        """
        folder = Path(into)
        if mkdir:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}; make it or pass mkdir=True")
        if dup not in ("u", "o"):
            raise ValueError(f"dup is 'u' (unique) or 'o' (overwrite), not {dup!r}")
        wanted = safe_name(name) if name else self.name
        return self.move(_reserve(folder, wanted) if dup == "u" else folder / wanted)

    def as_flashfile(self) -> Upload:
        """Return the upload itself: its temporary file is deleted with the object."""
        return self

    def remove(self) -> None:
        """Delete the content now."""
        self.file.close()
        if self._owned is not None:
            self._owned()
        elif self._path is not None:
            self._path.unlink(missing_ok=True)


def _elsewhere(name: str, path: str, size: int, mimetype: str) -> Upload:
    upload = Upload(name, open(path, "rb"), size, mimetype)  # noqa: SIM115 (closed with the upload)
    upload._path = Path(path)
    return upload


def _reserve(folder: Path, name: str) -> Path:
    """Make an empty file of a name that is free; two uploads at the same moment get two names."""
    stem, suffix = os.path.splitext(name)
    number = 0
    while True:
        candidate = folder / (f"{stem}.{number}{suffix}" if number else name)
        try:
            os.close(os.open(candidate, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            number += 1
            continue
        return candidate
