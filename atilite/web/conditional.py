"""Preconditions of a request: has the client this version already, may it change it? Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Any

# Where the environ keeps what the client sent as If-None-Match, when it names a compressed form.
HELD = "atilite.held"
_GZIP = '-gzip"'


def etag_of(identifier: object) -> str:
    """Return a strong entity tag for a text that names this version of the resource."""
    digest = hashlib.sha256(str(identifier).encode("utf-8", "replace")).hexdigest()
    return f'"{digest[:32]}"'


def gzip_etag(etag: str) -> str:
    """Return the entity tag of the compressed form: other bytes, so another tag (RFC 9110, 8.8.3.3)."""
    return f"{etag[:-1]}{_GZIP}"


def forget_forms(environ: MutableMapping[str, Any]) -> None:
    """Let the conditions of a request name versions only: "x-gzip", the compressed form of "x", becomes "x".

    A handler that compares tags itself has never heard of the compressed form.
    """
    for name in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"):
        wanted = environ.get(name)
        if wanted is not None and _GZIP in wanted:
            environ.setdefault(HELD, wanted)
            environ[name] = wanted.replace(_GZIP, '"')


def held_etag(environ: Mapping[str, Any], etag: str) -> str:
    """Return the tag that a 304 for the version `etag` has to name: that of the form which the client holds."""
    wanted = environ.get(HELD, "")
    return gzip_etag(etag) if gzip_etag(etag) in wanted and etag not in wanted else etag


def http_date(moment: float) -> str:
    """Return seconds since 1970 as an HTTP date."""
    return _http_date(int(moment))


@lru_cache(1024)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def parse_date(text: str | None) -> float | None:
    """Return an HTTP date as seconds since 1970; None for none or one that cannot be read."""
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _listed(header: str, etag: str, weak: bool) -> bool:
    tags = [tag.strip() for tag in header.split(",")]
    if "*" in tags:
        return True
    if weak:
        return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]
    return etag in tags and not etag.startswith("W/")


def unchanged(environ: Mapping[str, Any], etag: str | None, mtime: float | None) -> bool:
    """Tell whether the client of a GET or HEAD has this version: the answer is 304."""
    wanted = environ.get("HTTP_IF_NONE_MATCH")
    if wanted is not None:  # counts alone, whatever the dates say (RFC 9110, 13.2.2)
        return etag is not None and _listed(wanted, etag, weak=True)
    since = parse_date(environ.get("HTTP_IF_MODIFIED_SINCE"))
    return since is not None and mtime is not None and int(mtime) <= since


def refused(environ: Mapping[str, Any], etag: str | None, mtime: float | None) -> bool:
    """Tell whether the request must not be carried out because its precondition is false: the answer is 412."""
    wanted = environ.get("HTTP_IF_MATCH")
    if wanted is not None:
        return etag is not None and not _listed(wanted, etag, weak=False)
    since = parse_date(environ.get("HTTP_IF_UNMODIFIED_SINCE"))
    if since is not None and mtime is not None and int(mtime) > since:
        return True
    avoided = environ.get("HTTP_IF_NONE_MATCH")
    if avoided is not None and environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
        return etag is not None and _listed(avoided, etag, weak=True)
    return False
