"""The part of `was` that makes URLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..web.routes import Rule


class Urls:
    """URLs of one app's resources, with the prefix under which the request came in."""

    def __init__(self, rules: Mapping[str, Rule], prefix: str, static_url: str) -> None:
        self._rules, self._prefix, self._static_url = rules, prefix, static_url

    def urlfor(self, target: str | Callable[..., Any], *args: Any, **params: Any) -> str:
        """The URL of a route by name ("index", "sub.pages.toc"), by handler, or of a path ("/index.htm").

        Raises NameError for a name that no route has or that several have; see `Rule.build` for the values.
        """
        if isinstance(target, str) and target.startswith("/"):
            return self._prefix + target
        name = target if isinstance(target, str) else target.__name__
        return self._prefix + (self._rule(name).build(*args, **params) or "/")

    def static(self, path: str) -> str:
        """The URL of a static file. Raises ValueError for a path that begins with a slash."""
        if path.startswith("/"):
            raise ValueError(f"{path!r} begins with '/'; give the path below the static folder")
        return f"{self._prefix}{self._static_url.rstrip('/')}/{path}"

    def _rule(self, name: str) -> Rule:
        if name in self._rules:
            return self._rules[name]
        # A unique end of a dotted name is enough.
        found = [full for full in self._rules if full.endswith("." + name)]
        if len(found) != 1:
            known = ", ".join(sorted(self._rules)) or "none"
            raise NameError(f"{'several routes end in' if found else 'no route is called'} {name!r} (known: {known})")
        return self._rules[found[0]]
