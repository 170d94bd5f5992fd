"""The paths at the root of a site that the platform answers, and when it leaves them to the user's mounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Health belongs to whoever watches the program: it is there whatever is mounted.
HEALTH_PATHS = ("/healthz", "/readyz", "/metrics")
# The description of the user's routes. A program may have pages of its own there.
DOCS_PATHS = ("/openapi.json", "/docs", "/docs/try", "/docs/console.css", "/redoc")
# The mounts that serve these paths and no others.
FIXED = ("atilite:root", "atilite:docs")


def root_paths(mounts: Iterable[Any]) -> dict[str, Any]:
    """Which of the `mounts` serves each of these paths."""
    known = list(mounts)
    own = {mounted.name: mounted for mounted in known if mounted.wanted is None}
    users = [mounted for mounted in known if mounted.wanted is not None]
    found = dict.fromkeys(HEALTH_PATHS, own["atilite:root"]) if "atilite:root" in own else {}
    if "atilite:docs" in own:
        found |= {path: own["atilite:docs"] for path in DOCS_PATHS if not any(_claims(one, path) for one in users)}
    return found


def _claims(mounted: Any, path: str) -> bool:
    """Whether this very path is a mount's of the user: by its prefix, or by a route without variable parts."""
    prefix = mounted.prefix
    if prefix and path[: len(prefix)] == prefix and path[len(prefix) : len(prefix) + 1] in ("", "/"):
        return True
    return not prefix and mounted.app is not None and any(path in rules for rules in mounted.app.router.static.values())
