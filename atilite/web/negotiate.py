"""What a client accepts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def qualities(accept: str) -> list[tuple[str, float]]:
    """Return the media ranges of an Accept header (or of a sibling such as Accept-Language) with their quality.

    A quality that cannot be read counts as 0, so a malformed wish is no wish.
    """
    found: list[tuple[str, float]] = []
    for part in accept.split(","):
        media, *options = (piece.strip() for piece in part.split(";"))
        if media:
            found.append((media.lower(), _quality(options)))
    return found


def _quality(options: Sequence[str]) -> float:
    for option in options:
        name, _, value = option.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0


def names(accept: str, media: str) -> bool:
    """Tell whether `media` (lower case) is named in `accept` with a quality above zero; wildcards don't count."""
    if media not in accept and media not in accept.lower():
        return False
    return any(name == media and quality > 0 for name, quality in qualities(accept))


def wants_html(accept: str) -> bool:
    """A browser names text/html; a program that says nothing or */* gets JSON."""
    return names(accept, "text/html")


def wants_json(accept: str) -> bool:
    return names(accept, "application/json")


def wants_xml(accept: str) -> bool:
    return names(accept, "text/xml")


def wants_websocket(environ: Mapping[str, Any]) -> bool:
    """Tell whether the client wants this request to become a WebSocket."""
    return "websocket" in (word.strip().lower() for word in environ.get("HTTP_UPGRADE", "").split(","))


def best(accept: str, offers: Sequence[str]) -> str | None:
    """Return the offer that the client likes best, the first of equals; None if it accepts none of them.

    An empty header accepts everything. A more specific range wins over a wildcard (RFC 9110, 12.5.1).
    """
    if not accept.strip():
        return offers[0] if offers else None
    ranges = qualities(accept)
    liked = [(_liking(offer, ranges), offer) for offer in offers]
    quality = max((value for value, _ in liked), default=0.0)
    return next((offer for value, offer in liked if value == quality), None) if quality > 0 else None


def _liking(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    kind = offer.partition("/")[0]
    for wanted in (offer, f"{kind}/*", "*/*"):
        for media, quality in ranges:
            if media == wanted:
                return quality
    return 0.0
