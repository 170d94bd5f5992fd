"""Cookies of other servers, for a stub that was made with `cookies=True`."""

from __future__ import annotations

import urllib.request
from email.message import Message
from http.cookiejar import CookieJar

from .received import Headers


class _Told:
    """The headers of an answer in the form that the standard library's jar wants them."""

    def __init__(self, headers: Headers) -> None:
        self._message = Message()
        for name, value in headers.pairs:
            if name.lower().startswith("set-cookie"):
                self._message[name] = value

    def info(self) -> Message:
        return self._message


class Jar:
    """What the servers have set, sent back to them as far as host, path and lifetime allow. Any thread."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def keep(self, url: str, headers: Headers) -> None:
        """Take the cookies of an answer."""
        self._jar.extract_cookies(_Told(headers), urllib.request.Request(url))  # type: ignore[arg-type]

    def header(self, url: str) -> str | None:
        """The Cookie header for a request."""
        request = urllib.request.Request(url)
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")
