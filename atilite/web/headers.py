"""The security headers that go out with every answer. Pure."""

from __future__ import annotations

Header = tuple[str, str]

#: No inline script or style, nothing from other sites; a page with other needs sets the header itself.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)

ALWAYS: tuple[Header, ...] = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
NO_STORE: Header = ("Cache-Control", "no-store")

_ALL = (*ALWAYS, NO_STORE)
_PLAIN = frozenset(("content-type", "content-length"))
_CACHING = frozenset(("cache-control", "etag", "last-modified", "expires"))


def secure(headers: list[Header]) -> list[Header]:
    """Add to `headers`, in place, each security header that the answer did not set itself, and return them.

    `Cache-Control: no-store` is added only to an answer that says nothing about caching.
    """
    given = {name.lower() for name, _ in headers}
    if given <= _PLAIN:  # by far the most answers
        headers.extend(_ALL)
        return headers
    headers.extend(header for header in ALWAYS if header[0].lower() not in given)
    if given.isdisjoint(_CACHING):
        headers.append(NO_STORE)
    return headers


def clean(name: str, value: object) -> Header:
    """Return the header as two texts that can go on the wire.

    Raises ValueError for a name that is no token and for a value with a control character: a line end in it
    would start a header of somebody else's choice.
    """
    text = value if type(value) is str else str(value)
    if not (name and name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()):
        raise ValueError(f"{name!r} is no header name")
    if not text.isprintable() and any((ord(sign) < 32 and sign != "\t") or ord(sign) == 127 for sign in text):
        raise ValueError(f"the value of header {name} contains a control character")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        # WSGI headers are latin-1 texts that stand for bytes; other signs go out as UTF-8.
        text = text.encode("utf-8", "replace").decode("latin-1")
    return name, text
