"""What a request knows of the client from before, and what it leaves there: cookies, session, messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atilite.errors import SetupError
from atilite.lazily import LazyModule
from atilite.web.cookies import Cookies, read_cookie
from atilite.web.headers import Header
from atilite.web.lazy import lazy

if TYPE_CHECKING:
    from atilite.web import jwts
    from atilite.web import mbox as boxes
    from atilite.web import session as sessions
else:
    # Each is loaded with its first use.
    jwts = LazyModule("atilite.web.jwts")
    boxes = LazyModule("atilite.web.mbox")
    sessions = LazyModule("atilite.web.session")

# Attributes that may have Set-Cookie headers, in the order in which these go out.
KEEPING = ("cookie", "session", "mbox")


class State:
    """The part of a request that remembers. `app` is the app that answers it: it has the keys and the times."""

    env: dict[str, Any]
    app: Any = None

    @lazy
    def cookie(self) -> Cookies:
        """The cookies; new ones are for the app's mount point."""
        return Cookies(self.env.get("HTTP_COOKIE", ""), self._point, self._encrypted)

    @lazy
    def session(self) -> sessions.Session:
        """The session. Raises SetupError unless pref.securekey is set."""
        app = self._answering
        bound = str(self.env.get("REMOTE_ADDR", "")) if app.session_binds_address else ""
        place = sessions.Place(
            app.securekey, timeout=app.session_timeout, path=self._point, secure=self._encrypted, address=bound
        )
        return sessions.Session(place, self._kept, app.clock)

    @lazy
    def mbox(self) -> boxes.MessageBox:
        """Messages for the next page."""
        app = self._answering
        key, text = app.keys("mbox"), self._kept(boxes.COOKIE)
        return boxes.MessageBox(key, text, path=self._point, secure=self._encrypted, clock=app.clock)

    @lazy
    def JWT(self) -> dict[str, Any]:
        """The claims of the request's bearer token, or `{"err": why there are none}`. Needs pref.securekey."""
        app = self._answering
        return jwts.read_jwt(app.securekey, jwts.bearer(self.env), app.clock)

    def cookie_headers(self) -> list[Header]:
        """Return the Set-Cookie headers; nothing if nobody changed anything. Raises ValueError for too much."""
        found: list[Header] = []
        for name in KEEPING:
            kept = self.__dict__.get(name)
            if kept is not None:
                found += kept.headers()
        return found

    def hand_over(self) -> list[Header]:
        """Return the Set-Cookie headers, and know from now on what a client that has taken them would send next."""
        found = self.cookie_headers()
        if found:
            pairs = (part.strip().partition("=") for part in self.env.get("HTTP_COOKIE", "").split(";"))
            kept = {name: value for name, equals, value in pairs if equals}
            for _, text in found:
                pair, *attributes = text.split("; ")
                name, _, value = pair.partition("=")
                kept.pop(name, None)
                if "Max-Age=0" not in attributes:
                    kept[name] = value
            self.env["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in kept.items())
        for name in KEEPING:
            self.__dict__.pop(name, None)
        return found

    def rollback(self) -> None:
        """Take back what was to be kept: the request failed. What is set from now on goes out."""
        for name in KEEPING:
            kept = self.__dict__.get(name)
            if kept is not None:
                kept.rollback()

    @property
    def _answering(self) -> Any:
        if self.app is None:
            raise SetupError("this request has reached no app yet, so it has no session, messages or keys")
        return self.app

    @property
    def _point(self) -> str:
        return self.env.get("SCRIPT_NAME") or "/"

    @property
    def _encrypted(self) -> bool:
        return bool(self.env.get("wsgi.url_scheme") == "https")

    def _kept(self, name: str) -> str:
        return read_cookie(self.env.get("HTTP_COOKIE", ""), name) or ""
