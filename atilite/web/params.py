"""What a client gave, and what a handler takes. Pure."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

from atilite.checks import check_of, note
from atilite.errors import Error, SetupError
from atilite.scalars import Check
from atilite.web.routes import WORDS, Rule

_NO_ARGUMENTS: dict[str, Any] = {}
# The token of a form was checked before its handler is called; it is no parameter unless the handler names it.
FORM_TOKENS = ("csrf", "XSRF_TOKEN")


def merge(path: Mapping[str, Any], query: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the sources of parameters: the body (`data`) wins; a name in path and query becomes a list of both."""
    merged = dict(path)
    for name, value in query.items():
        if name in path:
            merged[name] = [path[name], *(value if isinstance(value, list) else [value])]
        else:
            merged[name] = value
    merged.update(data)
    return merged


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes besides `was`.

    `names` in order, `required` those without default, `rest` the name of its `**` parameter, `checks` what its
    annotations demand, `astray` the route's variables that it does not take.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    defaults: Mapping[str, Any]
    rest: str | None
    takes_was: bool
    checks: Mapping[str, Check] = field(default_factory=dict)
    astray: tuple[str, ...] = ()

    @classmethod
    def of(cls, function: Callable[..., Any], rule: Rule | None = None) -> Signature:
        """Read the signature of `function`, to be called for `rule`. Raises SetupError for `*args`."""
        parameters = list(inspect.signature(function).parameters.values())
        takes_was = bool(parameters) and parameters[0].name == "was"
        if takes_was:
            del parameters[0]
        for one in parameters:
            if one.kind in (one.VAR_POSITIONAL, one.POSITIONAL_ONLY):
                raise SetupError(f"{_name(function)} takes {one}: a route passes parameters by name; give it one")
        rest = next((one.name for one in parameters if one.kind is one.VAR_KEYWORD), None)
        named = [one for one in parameters if one.kind is not one.VAR_KEYWORD]
        names = tuple(one.name for one in named)
        parts = rule.params if rule else ()
        return cls(
            names=names,
            required=tuple(one.name for one in named if one.default is one.empty),
            defaults={one.name: one.default for one in named if one.default is not one.empty},
            rest=rest,
            takes_was=takes_was,
            checks=_checks(function, named, {part.name for part in parts if part.words}),
            astray=() if rest else tuple(part.name for part in parts if part.name not in names),
        )

    def bind(self, given: Mapping[str, Any], strict: bool = True) -> dict[str, Any]:
        """Return the keyword arguments for the handler.

        Raises Error 400 for a missing, an unneeded or a wrong parameter and 530 for a route whose variables the
        handler doesn't take. With strict=False what the handler does not take is left out.
        """
        if self.astray:
            raise Error("530 Parameter Mismatch", f"the handler does not take {', '.join(self.astray)}")
        if not given:
            if self.required:
                raise _missing(self.required)
            return _NO_ARGUMENTS.copy()
        missing = [name for name in self.required if name not in given]
        if missing:
            raise _missing(missing)
        arguments = dict(given)
        for token in FORM_TOKENS:
            if token in arguments and token not in self.names:
                del arguments[token]
        if self.rest is None and not (arguments.keys() <= frozenset(self.names)):
            unneeded = [name for name in arguments if name not in self.names]
            if strict:
                raise self._unneeded(unneeded)
            for name in unneeded:
                del arguments[name]
        if self.checks:
            self._check(arguments)
        return arguments

    def _unneeded(self, names: list[str]) -> Error:
        text = f"parameter `{names[0]}` needn't" if self.names else "too many parameter(s)"
        return Error(400, text, fields=dict.fromkeys(names, "is not needed"))

    def _check(self, arguments: dict[str, Any]) -> None:
        faults: dict[str, str] = {}
        for name, check in self.checks.items():
            if name in arguments:
                try:
                    arguments[name] = check(arguments[name])
                except ValueError as error:
                    note(faults, name, error)
        if faults:
            name, reason = next(iter(faults.items()))
            raise Error(400, f"parameter `{name}` {reason}", fields=faults)


def _missing(names: typing.Sequence[str]) -> Error:
    return Error(400, f"parameter `{names[0]}` is missing", fields=dict.fromkeys(names, "is missing"))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _checks(function: Callable[..., Any], parameters: list[inspect.Parameter], words: set[str]) -> dict[str, Check]:
    found: dict[str, Check] = {}
    for one in parameters:
        check = check_of(_annotation(function, one))
        if check is not None:
            check = _or_default(check, one.default) if one.default is None else check
            found[one.name] = _or_word(check) if one.name in words else check
    return found


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Resolve an annotation that is still a text; one that names something out of reach says nothing."""
    found = parameter.annotation
    if not isinstance(found, str):
        return found
    inner = inspect.unwrap(function.func if isinstance(function, partial) else function)
    probe = SimpleNamespace(__annotations__={"it": found})
    try:
        return typing.get_type_hints(probe, getattr(inner, "__globals__", {}), include_extras=True)["it"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None


def _or_word(check: Check) -> Check:
    """me, notme and new stand in a path in place of a number."""
    return lambda value: value if value in WORDS else check(value)


def _or_default(check: Check, default: Any) -> Check:
    """`id: int = None` may be given as null as well."""
    return lambda value: default if value is None else check(value)
