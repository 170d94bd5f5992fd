"""Forms: url-encoded texts and multipart bodies, with limits."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from atilite.errors import Error
from atilite.lazily import LazyModule
from atilite.uploads import Upload
from atilite.web.body import check_length, too_large

if TYPE_CHECKING:
    import multipart
else:
    # Loaded when the first form with files comes.
    multipart = LazyModule("multipart")

MAX_FIELDS = 1000
_IN_MEMORY = 256 * 1024  # of one part; larger ones go to a temporary file


def parse_urlencoded(text: str) -> dict[str, Any]:
    """Return the fields of `a=1&b=2`; blank values are kept, a repeated name has a list. Raises Error 400."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError:
        raise Error(400, f"more than {MAX_FIELDS} fields") from None
    return gather(pairs)


def parse_urlencoded_body(data: bytes) -> dict[str, Any]:
    return parse_urlencoded(data.decode("utf-8", "replace"))


def gather(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary of pairs; the values of a repeated name become a list."""
    found: dict[str, Any] = {}
    repeated: set[str] = set()
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif name in repeated:
            found[name].append(value)
        else:
            repeated.add(name)
            found[name] = [found[name], value]
    return found


def parse_multipart(environ: MutableMapping[str, Any], limit: int) -> dict[str, Any]:
    """Return the fields (texts) and files (Uploads) of a multipart form.

    Blocks until the body is read. Raises Error 413 above `limit` bytes and Error 400 for a broken form.
    """
    _, options = multipart.parse_options_header(environ.get("CONTENT_TYPE", ""))
    boundary = options.get("boundary", "")
    if not boundary:
        raise Error(400, "the multipart form has no boundary")
    length = check_length(environ, limit)
    parser = multipart.MultipartParser(
        environ["wsgi.input"],
        boundary,
        content_length=-1 if length is None else length,
        part_limit=MAX_FIELDS,
        spool_limit=_IN_MEMORY,
        memory_limit=max(limit, _IN_MEMORY),
        disk_limit=limit,
    )
    parts: list[multipart.MultipartPart] = []
    try:
        parts.extend(parser)
        # A file field that was left blank is sent as a nameless empty file.
        pairs = [(part.name, _value(part)) for part in parts if part.filename != "" or part.size]
    except multipart.ParserLimitReached as error:
        _close(parts)
        raise (too_large(limit) if "limit" in str(error).lower() else Error(413, str(error))) from None
    except (multipart.MultipartError, UnicodeDecodeError, LookupError) as error:
        _close(parts)
        raise Error(400, f"the multipart form is broken: {error}") from None
    _rewind(environ)
    return gather(pairs)


def _value(part: multipart.MultipartPart) -> Any:
    if part.filename is None:
        text = part.value
        part.close()
        return text
    return Upload(part.filename, part.file, part.size, part.content_type)


def _close(parts: Iterable[multipart.MultipartPart]) -> None:
    for part in parts:
        part.close()


def _rewind(environ: MutableMapping[str, Any]) -> None:
    """Let the next reader of the body find it, where the server keeps it."""
    source = environ["wsgi.input"]
    # Some servers give the connection itself, which has the method and cannot do it.
    if hasattr(source, "seek") and source.seekable():
        source.seek(0)
