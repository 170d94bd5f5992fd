"""The settings: one table that makes the flags, the environment variables, the sample file and the manual's page.

This module and `atilite.cli` are the only readers of the environment and of the command line. Everything else gets a
`Settings` value or, better, the one field that it needs. Every name here may be used from any thread.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .errors import ConfigError
from .lazily import LazyModule
from .quickly import dataclass

if TYPE_CHECKING:
    import difflib
    import tomllib
else:
    # For a wrong name, and for a file that many installations do not have.
    difflib = LazyModule("difflib")
    tomllib = LazyModule("tomllib")

T = TypeVar("T")
Kind = Literal["text", "integer", "number", "boolean", "choice", "list"]

PREFIX = "ATILITE_"
FLAG_PREFIX = "setting_"
# Variables with our prefix that are not settings: the test suite's switch (see CONTRIBUTING.md),
# and what tells a pod how to run, which a site in a bean need not know.
OTHER_VARIABLES = frozenset(
    {"ATILITE_REQUIRE", "ATILITE_BEANS", "ATILITE_DEBUG", "ATILITE_LOOP_TYPE", "ATILITE_STOP_WAIT_TIME"}
)
# What a file says that is no setting: the program's own values, and the beans of the site.
OWN_TABLES = frozenset({"config", "BEANS"})
# Before the name of a secret, which is no setting either.
SECRET = "ATILITE_SECRET_"
# What programs written for BINP already have in their environment. DEV counts only when it says `true`.
OLD_VARIABLES = MappingProxyType({"DB_URL": ("db",), "DEV": ("dev", "no_console")})
# Whose pages may call the APIs then: where developers of BINP serve theirs from.
DEV_ORIGINS = ("http://localhost", "http://localhost:8000", "http://localhost:5000", "http://127.0.0.1:5000")
TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `help` is a sentence with the unit; it ends up in --help, in the docs and in the sample."""

    name: str
    kind: Kind
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    example: str = ""

    @property
    def flag(self) -> str:
        """The option of the command line, `--allowed-host` for `allowed_host`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable, `ATILITE_ALLOWED_HOST` for `allowed_host`."""
        return PREFIX + self.name.upper()

    @property
    def allowed(self) -> str:
        """What a value may be, in words for an error message and for the manual."""
        if self.kind == "boolean":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind in ("integer", "number"):
            noun = "a whole number" if self.kind == "integer" else "a number"
            if self.minimum is not None and self.maximum is not None:
                return f"{noun} from {self.minimum:.15g} to {self.maximum:.15g}"
            return noun if self.minimum is None else f"{noun}, at least {self.minimum:.15g}"
        if self.example:
            return f"text such as {self.example}"
        return "a list of texts" if self.kind == "list" else "text"

    def parse(self, raw: object, source: str) -> Any:
        """Turn what `source` gave into the value. Raises ConfigError that says which, where and what is allowed."""
        try:
            value = PARSERS[self.kind](raw)
        except (TypeError, ValueError):
            raise self._refusal(raw, source) from None
        if self.kind == "choice" and value not in self.choices:
            raise self._refusal(raw, source)
        if self.kind in ("integer", "number"):
            below = self.minimum is not None and value < self.minimum
            above = self.maximum is not None and value > self.maximum
            if below or above:
                raise self._refusal(raw, source)
        for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
            # The default is always allowed: empty stands for "not wanted" where it is one, and is refused elsewhere.
            if self.pattern and text != self.default and not re.fullmatch(self.pattern, text):
                raise self._refusal(raw, source)
        return value

    def _refusal(self, raw: object, source: str) -> ConfigError:
        return ConfigError(f"{source}: {self.name} cannot be {raw!r} (it is {self.allowed})")


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw.strip()


def _integer(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, (int, str)):
        raise TypeError
    return int(raw)


def _number(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise TypeError
    number = float(raw)
    if not math.isfinite(number):
        raise ValueError
    return number


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    word = _text(raw).lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError
    return word in TRUE_WORDS


def _list(raw: object) -> tuple[str, ...]:
    """A TOML array, repeated flags, or one text with commas."""
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, (list, tuple)):
        raise TypeError
    return tuple(text for text in map(_text, parts) if text)


PARSERS: Mapping[str, Callable[[object], Any]] = MappingProxyType(
    {"text": _text, "choice": _text, "integer": _integer, "number": _number, "boolean": _boolean, "list": _list}
)


def setting(default: T, help: str, **limits: Any) -> T:
    """A field of `Settings` with its row of the table; the kind follows from the default and from `choices`."""
    kinds: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", tuple: "list", str: "text"}
    kind: Kind = "choice" if "choices" in limits else kinds[type(default)]
    declared: T = field(default=default, metadata={"kind": kind, "help": help, **limits})
    return declared


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its value. Made by `load`, or directly in a test; two of them may live side by side."""

    devel: bool = setting(False, "Developer mode: reload on change, tracebacks on pages, no login on loopback.")
    host: str = setting("127.0.0.1", "Address to listen on.", pattern=r"[0-9A-Za-z_.:\[\]-]+", example="0.0.0.0")
    port: int = setting(5000, "TCP port of the HTTP server; 0 takes a free one.", minimum=0, maximum=65535)
    unix: str = setting("", "Path of a Unix socket to listen on instead of a TCP port.", example="/run/board.sock")
    threads: int = setting(4, "Worker threads that run handlers.", minimum=1, maximum=1000)
    db: str = setting(
        "sqlite:///data.db",
        "Database URL; a relative path counts from the folder in which the program was started.",
        pattern=r"(sqlite:///|postgresql://|postgres://).+",
        example="sqlite:////var/lib/board/data.db",
    )
    name: str = setting(
        "atilite", "Name of this installation, without blanks: page titles, pid file, systemd unit.",
        pattern=r"[A-Za-z0-9][\w.-]*", example="board-2",
    )  # fmt: skip
    console_path: str = setting(
        "/console", "URL path of the console.", example="/console",
        # Not what the platform itself has there, which would hide the console.
        pattern=r"(?!/(internal|docs|healthz|readyz|metrics|openapi\.json)$)/[\w./-]*[\w-]",
    )  # fmt: skip
    no_console: bool = setting(False, "Leave the console out; the APIs stay.")
    disable_static: bool = setting(False, "Leave static files to the proxy in front.")
    connections: int = setting(1000, "Connections open at once.", minimum=1, maximum=1_000_000)
    allowed_host: tuple[str, ...] = setting(
        (), "Host name that requests may use; repeat it for several.", pattern=r"[^\s/@]+", example="board.local"
    )
    behind_proxy: str = setting(
        "", "Address of the proxy whose X-Forwarded-* headers are believed; unix for one on the Unix socket.",
        pattern=r"unix|\d+(\.\d+){3}|[\da-fA-F]*:[\da-fA-F:.]*", example="127.0.0.1",
    )  # fmt: skip
    tls_cert: str = setting(
        "",
        "PEM file of the certificate, and of those between it and its authority: clients must speak TLS then.",
        example="/etc/board/board.pem",
    )
    tls_key: str = setting("", "PEM file of the certificate's key, without a password.", example="/etc/board/board.key")
    keep: str = setting(
        "90d,100000",
        "How long runs are kept: days, a number of runs, or both; an action's own keep= wins.",
        pattern=r"\d+(\.\d+)?d(,\d+)?|\d+",
        example="30d,1000",
    )
    keep_megabytes: int = setting(
        1000, "Size of the database, in MB, above which the oldest runs go; 0 is no limit.", minimum=0
    )
    audit_keep: str = setting(
        "365d,20000",
        "How long entries of the audit trail are kept: days, a number of entries, or both.",
        pattern=r"\d+(\.\d+)?d(,\d+)?|\d+",
        example="90d,5000",
    )
    stop_timeout: float = setting(
        4.0, "Seconds that running requests and actions get to end after a stop signal.", minimum=0.0, maximum=3600.0
    )
    log_level: str = setting(
        "info", "Least level that is logged.", choices=("debug", "info", "warning", "error", "critical")
    )
    log_format: str = setting("text", "Form of a log line.", choices=("text", "json"))
    dev: bool = setting(
        False,
        "Let pages from localhost, localhost:8000, localhost:5000 and 127.0.0.1:5000 call the internal API (CORS).",
    )
    public_docs: bool = setting(False, "Let everybody read /openapi.json and /docs; else that takes the role view.")
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    beans: tuple[Mapping[str, Any], ...] = ()

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of other sites whose pages may call the internal API."""
        return DEV_ORIGINS if self.dev else ()

    @property
    def loopback(self) -> bool:
        """True when nobody but this machine can connect."""
        if self.unix or self.host == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(name=f.name, default=f.default, **f.metadata) for f in fields(Settings) if f.metadata
)
BY_NAME: Mapping[str, Setting] = MappingProxyType({s.name: s for s in SETTINGS})


def load(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    toml: Path | None = None,
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """Merge the sources into one value: flags over environment over `toml` over `defaults` over the table.

    `flags` leaves out what was not given (or has None there); `defaults` is what a program passed to `atilite.run`.
    A file that does not exist is the same as an empty one. Raises ConfigError for an unknown name, a value that is
    not allowed, and a file that cannot be read.
    """
    values: dict[str, Any] = {}
    for source, given in (
        ("atilite.run()", defaults or {}),
        *_file_layers(toml),
        ("environment", _from_environment(environ or {})),
        ("command line", flags or {}),
    ):
        for name, raw in given.items():
            if raw is not None:
                values[name] = known(name, source).parse(raw, source)
    return Settings(**values, config=MappingProxyType(_own_values(toml)), beans=_beans(toml))


def of_process() -> Settings:
    """The settings of a program that has no command line of ours: a script, a test, another WSGI server."""
    return load(environ=os.environ, toml=Path("atilite.toml"))


def inherited(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process with more variables, for a program that it starts."""
    return {**os.environ, **more}


def known(name: str, source: str) -> Setting:
    """The row of the table. Raises ConfigError with the nearest name and the known ones."""
    if name in BY_NAME:
        return BY_NAME[name]
    near = difflib.get_close_matches(name, BY_NAME, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"{source}: there is no setting {name!r} ({hint}known: {', '.join(sorted(BY_NAME))})")


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for variable, names in OLD_VARIABLES.items():
        given = environ.get(variable)
        if given and (variable != "DEV" or given == "true"):
            found.update(dict.fromkeys(names, given))
    for variable, given in environ.items():
        if variable.startswith(PREFIX) and variable not in OTHER_VARIABLES and not variable.startswith(SECRET):
            found[variable[len(PREFIX) :].lower()] = given
    return found


def _read(toml: Path | None) -> dict[str, Any]:
    if toml is None or not toml.exists():
        return {}
    try:
        return tomllib.loads(toml.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{toml}: cannot be read: {error} (make it readable for this user)") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{toml}: is not valid TOML: {error} (texts need quotes: name = \"board\")") from error


def _file_layers(toml: Path | None) -> list[tuple[str, dict[str, object]]]:
    return [(str(toml), {name: raw for name, raw in _read(toml).items() if name not in OWN_TABLES})]


def _own_values(toml: Path | None) -> dict[str, Any]:
    """The table `[config]` of the file: the program's own values, which land in `app.config` unchecked."""
    own = _read(toml).get("config", {})
    if not isinstance(own, dict):
        raise ConfigError(f"{toml}: config is not a table (write a line [config] and the values below it)")
    return own


def _beans(toml: Path | None) -> tuple[Mapping[str, Any], ...]:
    """The tables `[[BEANS]]` of the file: what the site keeps running beside its services."""
    beans = _read(toml).get("BEANS", [])
    if not isinstance(beans, list) or not all(isinstance(bean, dict) for bean in beans):
        raise ConfigError(f"{toml}: BEANS is no list of tables (write a line [[BEANS]] above each bean's keys)")
    return tuple(beans)


def add_flags(parser: argparse.ArgumentParser, defaults: Mapping[str, object] | None = None) -> None:
    """Give `parser` one flag a setting. A flag that is not used leaves no trace in the namespace."""
    group = parser.add_argument_group("settings")
    for row in SETTINGS:
        shown = (defaults or {}).get(row.name, row.default)
        note = "" if shown in ("", (), False) else f" (default {shown})"
        # A prefix of their own: `user add NAME` and `--name` are two things.
        common: dict[str, Any] = {
            "dest": FLAG_PREFIX + row.name,
            "default": argparse.SUPPRESS,
            "help": (row.help + note).replace("%", "%%"),
        }
        if row.kind == "boolean":
            group.add_argument(row.flag, action="store_const", const=True, **common)
        else:
            metavar = "|".join(row.choices) or row.name.upper()
            group.add_argument(row.flag, action="append" if row.kind == "list" else "store", metavar=metavar, **common)


def given_flags(namespace: argparse.Namespace) -> dict[str, object]:
    """What the command line said about settings: only the flags that were used."""
    used = vars(namespace)
    return {row.name: used[FLAG_PREFIX + row.name] for row in SETTINGS if FLAG_PREFIX + row.name in used}


def as_flags(given: Mapping[str, object]) -> list[str]:
    """The command line that says the same again, in the order of the table; for the unit file and for restarts."""
    words: list[str] = []
    for row in SETTINGS:
        value = given.get(row.name)
        if value is True:
            words.append(row.flag)
        elif isinstance(value, (list, tuple)):
            words += [word for item in value for word in (row.flag, str(item))]
        elif value is not None and value is not False:
            words += [row.flag, str(value)]
    return words


def sample_toml() -> str:
    """A complete atilite.toml in which every line is a comment that shows the default."""
    lines = ["# Settings of this installation. Take the # away from a line to change it.", ""]
    for row in SETTINGS:
        lines += [f"# {row.help}", f"# It is {row.allowed}.", f"# {row.name} = {_toml(row.default)}", ""]
    lines += ["# Values of your own: what stands below [config] is app.config in your code.", "# [config]", ""]
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
