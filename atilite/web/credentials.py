"""Users that an app knows by itself: the forms of their entries, and how a password is compared. Pure."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any

from atilite.errors import SetupError
from atilite.quickly import dataclass
from atilite.web.digest import ALGORITHMS, secret_of


@dataclass(frozen=True, slots=True)
class User:
    """Who has proved to know a password: `was.request.user`."""

    name: str
    realm: str = ""
    info: Any = None

    def __str__(self) -> str:
        return self.name


class Claims(dict[str, Any]):
    """What a token says of its holder, as a dictionary and as attributes: `was.request.user["uid"]` and `.uid`."""

    def __init__(self, claims: Mapping[str, Any], realm: str = "") -> None:
        super().__init__(claims)
        self.realm = realm

    @property
    def info(self) -> dict[str, Any]:
        """All claims."""
        return dict(self)

    @property
    def name(self) -> str:
        """The holder's name: the claim `username`, else `name`, else `sub`, else ""."""
        return str(next((self[key] for key in ("username", "name", "sub") if self.get(key)), ""))

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the token has no claim {name!r}") from None


@dataclass(frozen=True, slots=True)
class Entry:
    """What an app knows of one user. An encrypted password is the MD5 or SHA-256 of "user:realm:password"."""

    password: str
    encrypted: bool = False
    info: Any = None

    @classmethod
    def of(cls, given: object) -> Entry | None:
        """The entry in any of its forms: a password, (password, encrypted), (password, encrypted, info), None.

        Raises SetupError for anything else, and for an encrypted password of another kind.
        """
        if given is None:
            return None
        if isinstance(given, str):
            return cls(given)
        if not isinstance(given, (tuple, list)) or not 2 <= len(given) <= 3 or not isinstance(given[0], str):
            raise SetupError(
                "a user's entry is a password, (password, encrypted), (password, encrypted, info) or None,"
                f" not a {type(given).__name__}"
            )
        entry = cls(given[0], bool(given[1]), given[2] if len(given) == 3 else None)
        if entry.encrypted and len(entry.password) not in ALGORITHMS.values():
            raise SetupError("an encrypted password is the hexadecimal MD5 or SHA-256 of user:realm:password")
        return entry

    def secret(self, algorithm: str, name: str, realm: str) -> str | None:
        """What a digest with this algorithm is made of; None when the password is encrypted with the other one."""
        if not self.encrypted:
            return secret_of(algorithm, name, realm, self.password)
        return self.password.lower() if len(self.password) == ALGORITHMS[algorithm] else None

    def matches(self, name: str, realm: str, password: str) -> bool:
        """Whether `password` is the user's. Constant time."""
        known, given = self.password, password
        if self.encrypted:
            algorithm = next(one for one, length in ALGORITHMS.items() if length == len(self.password))
            known, given = self.password.lower(), secret_of(algorithm, name, realm, password)
        return hmac.compare_digest(known.encode("utf-8", "replace"), given.encode("utf-8", "replace"))


def read_basic(header: str) -> tuple[str, str] | None:
    """Name and password of `Authorization: Basic ...`; None for anything else."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon else None
