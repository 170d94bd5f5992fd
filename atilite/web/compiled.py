"""Compiled templates kept on disk: a console page opens in a tenth of the time after the next start."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

#: What a template's delimiters can be told by, in the order of `app.jinja_overlay`.
DELIMITERS = (
    "variable_start_string",
    "variable_end_string",
    "block_start_string",
    "block_end_string",
    "comment_start_string",
    "comment_end_string",
    "line_statement_prefix",
    "line_comment_prefix",
)

log = logging.getLogger("atilite")


def bytecode_cache(folder: Path | None) -> jinja2.BytecodeCache | None:
    """The cache in `folder`, which is made if it does not exist; None where none can be kept.

    Compiled templates are executed as they are found, so the folder must be nobody else's.
    """
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.stat()
    except OSError as error:
        log.debug("compiled templates are not kept: %s", error)
        return None
    if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        log.warning("%s can be written by others, so no compiled templates are kept there", folder)
        return None
    return Compiled(folder)


class Compiled(jinja2.BytecodeCache):
    """One file a template. A file that is not whole, or was made under other circumstances, is as good as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            kept = (self._folder / bucket.key).read_bytes()
        except OSError:
            return
        code = kept[hashlib.sha256().digest_size :]
        # After a power cut a file may have its length but not its content.
        if kept == _digest(bucket, code) + code:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        code = bucket.bytecode_to_string()
        # Under a name of its own first: another thread may be at the same template.
        unfinished = self._folder / f"{bucket.key}.{threading.get_ident()}"
        try:
            unfinished.write_bytes(_digest(bucket, code) + code)
            unfinished.replace(self._folder / bucket.key)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            # The disk is full: the page itself can do without.
            log.debug("a compiled template is not kept: %s", error)


def _digest(bucket: Bucket, code: bytes) -> bytes:
    # What Jinja makes of a template depends on these too; its own checksum is of the source alone.
    environment = bucket.environment
    delimiters = [repr(getattr(environment, name)) for name in DELIMITERS]
    made_by = "\n".join([jinja2.__version__, *environment.extensions, *delimiters])
    return hashlib.sha256(made_by.encode() + code).digest()
