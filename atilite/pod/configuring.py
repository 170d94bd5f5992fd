"""What a pod is told: by flags, a file of Python, the environment; and the beans that the command line names."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, NoReturn

from atilite.config import PARSERS, PREFIX, Kind, Setting
from atilite.errors import ConfigError, SetupError
from atilite.pod.spec import BeanSpec

log = logging.getLogger("atilite.pod")

STOP_WAIT_TIME = 20.0

# The keys that the pod itself reads; every other name of a configuration file is the beans' own.
KEYS = (
    Setting(
        "LOG_LEVEL", "choice", "info", "Least level that is logged.",
        choices=("critical", "error", "warning", "info", "debug"),
    ),
    Setting(
        "LOOP_TYPE", "choice", "auto", "What runs beans that are no plain functions; auto takes uvloop if it is there.",
        choices=("auto", "gevent", "asyncio", "uvloop"),
    ),
    Setting("DEBUG", "boolean", False, "Show the configuration at the start, and turn asyncio's debug mode on."),
    Setting(
        "STOP_WAIT_TIME", "number", STOP_WAIT_TIME, "Seconds that beans have to end after a stop signal.", minimum=0.0
    ),
)  # fmt: skip

# What a reserved key of a bean is, for beans of the command line, where every value is text.
BEAN_KEYS: Mapping[str, tuple[Kind, str]] = MappingProxyType(
    {
        **dict.fromkeys(("optional", "critical"), ("boolean", "true or false")),
        **dict.fromkeys(
            ("restart_delay", "within", "start_timeout", "stop_timeout"), ("number", "a number of seconds")
        ),
        **dict.fromkeys(("max_restarts", "processes"), ("integer", "a whole number")),
        **dict.fromkeys(("after", "needs"), ("list", r"labels, with \, between two of them")),
    }
)  # fmt: skip


class Config:
    """The configuration of one pod: `config.NAME` for every name in capitals of its file, and for the reserved keys.

    It never changes; a reload makes another one. Any thread.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = MappingProxyType({row.name: row.default for row in KEYS} | {"BEANS": ()} | dict(values))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"the configuration has no {name}; there are {', '.join(sorted(self._values))}")
        return self._values[name]

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def as_json(self) -> str:
        """The whole configuration as JSON; what JSON cannot say as Python shows it."""
        return json.dumps(dict(self._values), indent=2, ensure_ascii=False, default=_shown, skipkeys=True)


def read(
    file: Path | None = None,
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    beans: Iterable[str] = (),
) -> Config:
    """Put a configuration together: `flags` over `file` over `environ` over the defaults; `beans` come last.

    None among the flags, and an empty variable, stand for what was not given. Raises ConfigError, in one line, for a
    file that cannot be executed and for values that are not allowed.
    """
    values: dict[str, Any] = {}
    for source, given in (
        ("environment", _from_environment(environ or {})),
        (str(file), {} if file is None else capitals(execute(file))),
        ("command line", {name: value for name, value in (flags or {}).items() if value is not None}),
    ):
        values |= given | checked(given, source)
    added = tuple(bean_of(text) for text in beans)
    return Config(values | {"BEANS": (*values.get("BEANS", ()), *added)})


def specs(config: Config) -> list[BeanSpec]:
    """The beans of a configuration, each merged with its own `config_file`. Raises ConfigError that names the bean."""
    found = []
    for number, bean in enumerate(config.BEANS, 1):
        try:
            found.append(BeanSpec.of(merged(bean)))
        except SetupError as error:
            faults = "; ".join(str(error).splitlines())
            raise ConfigError(f"BEANS, number {number} ({bean['core']}): {faults}") from None
    return found


def merged(bean: Mapping[str, Any]) -> dict[str, Any]:
    """A bean's keys with the public names of its `config_file`, if it has one: those win. Raises ConfigError."""
    named = bean.get("config_file")
    if named is None:
        return dict(bean)
    if not isinstance(named, (str, Path)):
        raise ConfigError(f"BEANS: config_file cannot be {named!r} (it is the path of a file)")
    own = execute(Path(named))
    # A module that the file imports is a means of its own, and nothing that it wants to tell.
    return {**bean, **{name: value for name, value in own.items() if not isinstance(value, ModuleType)}}


def portable(config: object) -> dict[str, Any]:
    """What of a configuration another process can be told: the values that can be pickled, the beans left out."""
    values: Any = config._values if isinstance(config, Config) else config if isinstance(config, dict) else vars(config)
    found = {}
    for name, value in dict(values).items():
        try:
            pickle.dumps(value)
        except Exception as error:
            log.debug("%s of the configuration stays in this process: %s", name, error)
        else:
            found[name] = value
    found.pop("BEANS", None)
    return found


# -- the file


def execute(path: Path) -> dict[str, Any]:
    """Run a file of Python and return its public names. Raises ConfigError, with the line, when it fails."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror} (give the path of a file of Python)") from None
    names: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    try:
        exec(compile(source, str(path), "exec"), names)
    except (Exception, SystemExit) as error:
        _refuse(path, error)
    return {name: value for name, value in names.items() if not name.startswith("_")}


def capitals(names: Mapping[str, Any]) -> dict[str, Any]:
    """The names that are written in capitals all over: those are the configuration."""
    return {name: value for name, value in names.items() if name.isupper()}


def _refuse(path: Path, error: BaseException) -> NoReturn:
    if isinstance(error, SyntaxError) and error.filename:
        raise ConfigError(f"{error.filename}:{error.lineno}: {error.msg} (correct it)") from error
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path):
            line = frame.tb_lineno
        frame = frame.tb_next
    place = f"{path}:{line}" if line else str(path)
    raise ConfigError(f"{place}: {type(error).__name__}: {error} (correct it)") from error


# -- the values


def checked(given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The reserved keys among `given`, as their types. Raises ConfigError that says key, source and what is allowed."""
    found: dict[str, Any] = {}
    for row in KEYS:
        if row.name in given:
            raw = given[row.name]
            if row.name == "STOP_WAIT_TIME" and raw is None:
                raw = row.default  # to wait for ever is no way to stop
            if row.kind == "choice" and isinstance(raw, str):
                raw = raw.lower()
            found[row.name] = row.parse(raw, source)
    if "BEANS" in given:
        found["BEANS"] = tuple(_beans(given["BEANS"], source))
    return found


def _beans(raw: object, source: str) -> Iterable[dict[str, Any]]:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise ConfigError(f"{source}: BEANS cannot be {raw!r} (it is a list of tables, each with a core)")
    for number, bean in enumerate(raw, 1):
        if not isinstance(bean, Mapping) or not all(isinstance(key, str) for key in bean):
            raise ConfigError(f"{source}: BEANS, number {number}, cannot be {bean!r} (it is a table with a core)")
        if not bean.get("core"):
            raise ConfigError(f"{source}: BEANS, number {number}, has no core (name what to run: 'module.function')")
        yield dict(bean)


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {row.name: environ[row.variable] for row in KEYS if environ.get(row.variable)}
    beans = environ.get(f"{PREFIX}BEANS")
    if beans:
        try:
            found["BEANS"] = json.loads(beans)
        except ValueError as error:
            raise ConfigError(f"environment: {PREFIX}BEANS is no JSON: {error} (it is a list of tables)") from None
    return found


def _shown(value: object) -> object:
    return list(value) if isinstance(value, (set, frozenset)) else repr(value)


# -- beans of the command line


def bean_of(text: str) -> dict[str, Any]:
    r"""Read `module.function:key=value,key=value`; `\,` and `\=` stand for the letters themselves. Raises ConfigError.

    All values are texts but those of reserved keys. A `core` among the keys counts for nothing.
    """
    core, _, rest = text.partition(":")
    if not core:
        raise ConfigError(f"command line: {text!r} names no bean (write module.function:key=value,key=value)")
    bean: dict[str, Any] = {"core": core}
    for part in _split(rest, ","):
        key, *value = _split(part, "=", 1)
        if not part:
            continue
        if not key or not value:
            raise ConfigError(f"command line: bean {core}: {part!r} is not key=value (a comma in a value is \\,)")
        key, plain = _plain(key), _plain(value[0])
        if key != "core":
            bean[key] = _typed(core, key, plain)
    return bean


def _typed(core: str, key: str, text: str) -> Any:
    if key == "restart" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if key not in BEAN_KEYS:
        return text
    kind, allowed = BEAN_KEYS[key]
    try:
        return PARSERS[kind](text)
    except (TypeError, ValueError):
        raise ConfigError(f"command line: bean {core}: {key} cannot be {text!r} (it is {allowed})") from None


def _split(text: str, at: str, times: int = -1) -> list[str]:
    """Split where the letter has no backslash before it; the backslashes stay."""
    parts = [""]
    for index, letter in enumerate(text):
        if letter == at and text[index - 1 : index] != "\\" and len(parts) - 1 != times:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _plain(text: str) -> str:
    return text.replace("\\,", ",").replace("\\=", "=")
