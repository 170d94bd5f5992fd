"""`app.secret`: passwords and keys that come from outside of the code, and stay out of everything that is stored."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from atilite.automation.capture import masked
from atilite.config import SECRET, inherited
from atilite.errors import ConfigError, SetupError

# Shorter ones are not masked: a "1" would be masked in every number.
SHORTEST = 4
# A line of a longer secret, such as a key, is masked as well if it has so many characters.
LINE = 16
# Behind the variable of a secret: it names the file that holds it.
FILE = "_FILE"
# Where containers mount theirs.
FOLDER = Path("/run/secrets")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class _Required:
    """Stands for no default."""


REQUIRED = _Required()


class Secrets:
    """The secrets of one app: `app.secret("smtp-password")`. Any thread.

    `find(name)` gives the value, None if there is none. What was found is masked from then on in whatever the runs of
    this app print, record, return and raise, and in the log.
    """

    def __init__(self, find: Callable[[str], str | None] | None = None) -> None:
        self._find = find or (lambda name: find_secret(name, inherited({}), FOLDER))
        self._found: dict[str, str] = {}
        self._needed: list[str] = []
        self._filters: list[tuple[logging.Handler, MaskedLogs]] = []
        self._values: tuple[str, ...] = ()

    def __call__(self, name: str, default: Any = REQUIRED) -> Any:
        """Return a secret: a text without its line end, or `default` if it was not given.

        It is looked for in the environment variable `ATILITE_SECRET_<NAME>`, in the file that
        `ATILITE_SECRET_<NAME>_FILE` names, in systemd's credentials and in /run/secrets, once. Raises ConfigError,
        which says how to give it, if it is missing and has no default.
        """
        if name not in self._found:
            value = self._find(_checked(name))
            if value is None:
                if default is REQUIRED:
                    raise missing([name])
                return default
            self._found[name] = value
            self._values = _to_mask(self._found.values())
        return self._found[name]

    def require(self, *names: str) -> None:
        """Say at set-up which secrets the program cannot do without: without them it does not start."""
        self._needed += map(_checked, names)

    def check(self) -> None:
        """Raise ConfigError, with all names, if a required one is missing."""
        absent = [name for name in dict.fromkeys(self._needed) if self(name, None) is None]
        if absent:
            raise missing(absent)

    def values(self) -> tuple[str, ...]:
        """The texts to be masked, longest first."""
        return self._values

    def masked(self, texts: Iterable[str]) -> list[str]:
        """Return texts with the secrets masked."""
        return [masked(text, self._values) for text in texts]

    def mask_logs(self) -> None:
        """Mask in what the handlers of the root logger write; those of now."""
        guarded = [handler for handler, _ in self._filters]
        for handler in logging.getLogger().handlers:
            if handler not in guarded:
                self._filters.append((handler, MaskedLogs(self)))
                handler.addFilter(self._filters[-1][1])

    def close(self) -> None:
        """Leave the log alone again."""
        for handler, filter in self._filters:
            handler.removeFilter(filter)
        self._filters = []


class MaskedLogs(logging.Filter):
    """Masks the secrets of an app in each message and traceback that passes."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, masked."""
        values = self._secrets.values()
        if values:
            message = record.getMessage()
            shown = masked(message, values)
            if shown != message:
                record.msg, record.args = shown, None
            if record.exc_info and record.exc_info[0] is not None:
                text = record.exc_text or logging.Formatter().formatException(record.exc_info)
                record.exc_text = masked(text, values)
        return True


def find_secret(name: str, environ: Mapping[str, str], folder: Path) -> str | None:
    """Look for a secret in its variable, in the file that a variable names, in systemd's credentials and in `folder`.

    The line end of a file is no part of it, and an empty one is none. Raises ConfigError for a file that cannot be
    read.
    """
    variable = secret_variable(name)
    if environ.get(variable):
        return environ[variable]
    named = environ.get(variable + FILE)
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    for path in (named and Path(named), credentials and Path(credentials) / name, folder / name):
        if path and (path == Path(named or "") or path.is_file()):
            try:
                found = path.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"secret {name!r}: {path} cannot be read: {error} (correct it)") from error
            if found:
                return found
    return None


def secret_variable(name: str) -> str:
    """The environment variable of a secret, `ATILITE_SECRET_SMTP_PASSWORD` for `smtp-password`."""
    return SECRET + re.sub(r"[^A-Z0-9]", "_", name.upper())


def missing(names: list[str]) -> ConfigError:
    """The error that says how a secret is given."""
    first = names[0]
    told = f"secret {first!r} is missing" if len(names) == 1 else f"secrets {', '.join(map(repr, names))} are missing"
    variable = secret_variable(first)
    return ConfigError(
        f"{told} (set {variable}, or {variable}{FILE} to the file that holds it, or put the file at "
        f"{FOLDER / first}, or write LoadCredential={first}:FILE into the systemd unit)"
    )


def _checked(name: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SetupError(f"a secret cannot be called {name!r}; use letters, digits and . _ -, as in 'smtp-password'")
    return name


def _to_mask(values: Any) -> tuple[str, ...]:
    found = set()
    for value in values:
        if len(value) >= SHORTEST:
            found.add(value)
        found |= {line for line in map(str.strip, value.splitlines()) if len(line) >= LINE}
    return tuple(sorted(found, key=len, reverse=True))
