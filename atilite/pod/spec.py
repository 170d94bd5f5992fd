"""What somebody says about a bean before it exists: checked values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from math import inf
from typing import Any, Literal, NamedTuple

from atilite.errors import SetupError
from atilite.quickly import dataclass

Restart = Literal["always", "on_failure", "never"]
Health = Callable[..., Any] | str

RESTARTS: Mapping[Any, Restart] = {
    True: "always", False: "never", "always": "always", "on_failure": "on_failure", "never": "never",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BeanSpec:
    """A bean as it was asked for. Times are in seconds; `of` makes one of a table of the configuration.

    `core` is what runs: a function of any kind, a coroutine object, a class, or the dotted path of one of them.
    `needs` are labels of beans that must run before it and that it is started again with, `after` only an order among
    those that start. `optional` may be missing: then it is told and the pod starts without it. When a `critical` one
    has failed for good, the pod ends. `health` is a function or its dotted path; what it answers is whether the bean
    is well. `kwargs` are the arguments of the function.
    """

    core: Any
    label: str | None = None
    optional: bool = False
    critical: bool = False
    after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    restart: Restart = "never"
    restart_delay: float = 1.0
    max_restarts: int | None = 3
    within: float = 60.0
    start_timeout: float = 30.0
    stop_timeout: float = 10.0
    ready: Literal["auto", "explicit"] = "auto"
    health: Health | None = None
    processes: int = 1
    config_file: str | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> BeanSpec:
        """Make one of a table with reserved keys; every other key is an argument of the function.

        SetupError that tells all faults, each in a line of its own.
        """
        known: dict[str, Any] = {}
        kwargs: dict[str, Any] = {}
        faults = [] if table.get("core") else ["core is missing (name what to run: 'module.function')"]
        for key, raw in table.items():
            rule = RULES.get(key)
            if rule is None:
                kwargs[key] = raw
                continue
            try:
                known[key] = rule.take(raw)
            except ValueError:
                faults.append(f"{key} cannot be {raw!r} (it is {rule.words})")
        if faults:
            raise SetupError("\n".join(faults))
        return cls(**known, kwargs=kwargs)

    @property
    def key(self) -> str:
        """By what one recognises it in another version of the same configuration, and calls it in messages."""
        return self.label or (self.core if isinstance(self.core, str) else path_of(self.core))


def path_of(core: object) -> str:
    """Name a function, a class or a coroutine object with its module."""
    name = getattr(core, "__qualname__", None) or type(core).__qualname__
    module = getattr(core, "__module__", None)
    return f"{module}.{name}" if module else str(name)


class Rule(NamedTuple):
    """What a reserved key may be, in words, and what makes the value of it or raises ValueError."""

    words: str
    take: Callable[[Any], Any]


def _exactly(kind: type, *others: object) -> Callable[[Any], Any]:
    def take(raw: Any) -> Any:
        if isinstance(raw, bool) is not (kind is bool) or not (isinstance(raw, kind) or raw in others):
            raise ValueError
        return raw

    return take


def _number(least: float, *, open: bool = False) -> Callable[[Any], float]:
    def take(raw: Any) -> float:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            raise ValueError
        if not least <= raw < inf or (open and raw == least):
            raise ValueError
        return float(raw)

    return take


def _count(least: int, *others: object) -> Callable[[Any], Any]:
    def take(raw: Any) -> Any:
        if isinstance(raw, bool) or not isinstance(raw, int):
            return _exactly(int, *others)(raw)
        if raw < least:
            raise ValueError
        return raw

    return take


def _one_of(choices: Mapping[Any, str]) -> Callable[[Any], str]:
    def take(raw: Any) -> str:
        if not isinstance(raw, (str, bool)) or raw not in choices:
            raise ValueError
        return choices[raw]

    return take


def _labels(raw: Any) -> tuple[str, ...]:
    found = (raw,) if isinstance(raw, str) else raw
    if not isinstance(found, (list, tuple, set, frozenset)) or not all(isinstance(one, str) and one for one in found):
        raise ValueError
    return tuple(found)


def _health(raw: Any) -> Any:
    if raw is not None and not isinstance(raw, str) and not callable(raw):
        raise ValueError
    return raw


_FLAG = Rule("True or False", _exactly(bool))
_LABELS = Rule("a label or a list of labels", _labels)
_SECONDS = Rule("a number of seconds, 0 or more", _number(0))
_SOME_SECONDS = Rule("a number of seconds above 0", _number(0, open=True))

RULES: Mapping[str, Rule] = {
    "core": Rule("what runs, or its dotted path", lambda raw: raw),
    "label": Rule("a text", _exactly(str, None)),
    "optional": _FLAG,
    "critical": _FLAG,
    "after": _LABELS,
    "needs": _LABELS,
    "restart": Rule("'always', 'on_failure', 'never', True or False", _one_of(RESTARTS)),
    "restart_delay": _SECONDS,
    "max_restarts": Rule("a number of restarts, 0 or more, or None for no limit", _count(0, None)),
    "within": _SOME_SECONDS,
    "start_timeout": _SOME_SECONDS,
    "stop_timeout": _SECONDS,
    "ready": Rule("'auto' or 'explicit'", _one_of({"auto": "auto", "explicit": "explicit"})),
    "health": Rule("a function or its dotted path", _health),
    "processes": Rule("a number of processes, 1 or more", _count(1)),
    "config_file": Rule("the path of a file", _exactly(str, None)),
}
