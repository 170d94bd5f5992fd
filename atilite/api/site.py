"""What the operations take from the site that serves them."""

from __future__ import annotations

import time
from typing import Any

from atilite.runtime.promise import Promise
from atilite.web.auth import Identity

from .inputs import Query


def catalogue(was: Any) -> Any:
    """The actions, services, schedules, runs and keys of all mounted apps."""
    return was.app.site.catalogue


def stored(was: Any) -> Promise[Any]:
    """The promise that all runs that have begun are on the disk: before that no number of one is told."""
    done: Promise[Any] = Promise()
    catalogue(was).journals.stored(done.settle)
    return done


def identity(was: Any) -> Identity:
    """Who sends this request, as the door found."""
    found: Identity = was.identity
    return found


def query(was: Any) -> Query:
    """The query string of this request."""
    return Query(was.request.env.get("QUERY_STRING", ""))


def monotonic() -> float:
    """Seconds for durations."""
    return time.monotonic()


def may_still(was: Any, role: str = "view") -> bool:
    """True as long as whoever opened a stream has the role: sessions end and tokens are taken back meanwhile."""
    return bool(was.app.site.access.identify(was.request.env).may(role))
