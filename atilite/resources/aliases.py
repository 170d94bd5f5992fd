"""Aliases: names such as `@rates` for outside resources, declared at set-up."""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import AliasError, DuplicateName

PROTO_HTTP, PROTO_HTTPS = "http", "https"


class Alias(NamedTuple):
    """One declared resource. `members` are as the user wrote them: "user:pass@host/base weight"."""

    name: str
    kind: str
    members: tuple[str, ...]


class Aliases:
    """The declared resources of one process. Filled at set-up, read from any thread."""

    def __init__(self) -> None:
        self._aliases: dict[str, Alias] = {}

    def add(self, name: str, kind: str, members: str | Iterable[str]) -> None:
        """Declare `name`, which begins with "@". Raises AliasError for a bad name, DuplicateName for a second one."""
        if not name.startswith("@") or len(name) < 2:
            raise AliasError(name, "the name of an alias begins with '@'")
        listed = (members,) if isinstance(members, str) else tuple(members)
        if not listed:
            raise AliasError(name, "declare at least one member, such as 'host/base'")
        if name in self._aliases:
            raise DuplicateName("alias", name, str(self._aliases[name].kind), kind)
        self._aliases[name] = Alias(name, kind, listed)

    def get(self, name: str) -> Alias:
        """The alias called `name`. Raises AliasError with the known names."""
        try:
            return self._aliases[name]
        except KeyError:
            known = ", ".join(sorted(self._aliases)) or "none"
            raise AliasError(
                name, f"no such alias; declare it with atilite.alias in serve.py (known: {known})"
            ) from None

    def url(self, target: str) -> str:
        """The URL behind "@name/path". Raises AliasError when the alias is unknown or not an HTTP one."""
        name, slash, path = target.partition("/")
        alias = self.get(name)
        if alias.kind not in (PROTO_HTTP, PROTO_HTTPS):
            raise AliasError(name, f"is declared as {alias.kind}, not as an HTTP service")
        return f"{alias.kind}://{alias.members[0].split()[0]}{slash}{path}"
