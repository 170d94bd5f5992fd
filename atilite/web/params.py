"""What a client gave, and what a handler takes. Pure."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

from atilite.checks import check_of, note
from atilite.errors import Error, SetupError
from atilite.quickly import dataclass
from atilite.scalars import Check
from atilite.web.routes import WORDS, Rule

if TYPE_CHECKING:
    from atilite.web.inspection import Inspection

# Where the inspections of a handler are kept; functools.wraps takes them along.
KEPT = "__inspections__"
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


class Source(Protocol):
    """Where parameters came from: a request."""

    def scope(self, name: str) -> tuple[str, Mapping[str, Any]] | None:
        """The values that an inspection of this scope looks at, and what they are called; None: it does not apply."""

    def correct(self, scope: str, changes: Mapping[str, Any]) -> None:
        """Show these values from now on in place of what was sent."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes besides `was`.

    `names` in order, `required` those without default, `rest` the name of its `**` parameter, `checks` what its
    annotations demand, `inspections` what `app.inspect` demands, the outermost first, `astray` the route's variables
    that it does not take, `words` those that may be me, notme or new in place of a number, `hidden` the names of
    what is passed without a client's doing, such as `was` and `self`: not even a `**` parameter can take them.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    defaults: Mapping[str, Any]
    rest: str | None
    takes_was: bool
    checks: Mapping[str, Check] = field(default_factory=dict)
    astray: tuple[str, ...] = ()
    inspections: tuple[Inspection, ...] = ()
    words: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, function: Callable[..., Any], rule: Rule | None = None) -> Signature:
        """Read the signature of `function`, to be called for `rule`. Raises SetupError for `*args`."""
        parameters = parameters_of(function)
        takes_was = bool(parameters) and parameters[0].name == "was"
        if takes_was:
            del parameters[0]
        rest = next((one.name for one in parameters if one.kind is one.VAR_KEYWORD), None)
        named = [one for one in parameters if one.kind is not one.VAR_KEYWORD]
        names = tuple(one.name for one in named)
        parts = rule.params if rule else ()
        words = frozenset(part.name for part in parts if part.words)
        return cls(
            names=names,
            required=tuple(one.name for one in named if one.default is one.empty),
            defaults={one.name: one.default for one in named if one.default is not one.empty},
            rest=rest,
            takes_was=takes_was,
            checks=_checks(function, named, words),
            astray=() if rest else tuple(part.name for part in parts if part.name not in names),
            inspections=inspections_of(function),
            words=words,
            hidden=_hidden(function, names),
        )

    @property
    def takes_nothing(self) -> bool:
        """Whether nothing that a client sends matters."""
        return not (self.names or self.rest or self.inspections)

    def place(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """Give positional values, in the order of the signature, their names. Raises Error 400 for too many."""
        if len(args) > len(self.names):
            raise Error(400, "too many parameter(s)")
        return dict(zip(self.names, args, strict=False))

    def bind(self, given: Mapping[str, Any], strict: bool = True, source: Source | None = None) -> dict[str, Any]:
        """Return the keyword arguments for the handler.

        Raises Error 400 for missing, unneeded and wrong parameters, all of them at once, and 530 for a route whose
        variables the handler doesn't take. With strict=False what the handler does not take is left out. Without a
        source, as in a pipe, inspections of every scope look at what is given.
        """
        if self.astray:
            raise Error("530 Parameter Mismatch", f"the handler does not take {', '.join(self.astray)}")
        if not given and not self.inspections:
            if self.required:
                raise missing(self.required)
            return _NO_ARGUMENTS.copy()
        absent = [name for name in self.required if name not in given]
        arguments = dict(given)
        for token in FORM_TOKENS:
            if token in arguments and token not in self.names:
                del arguments[token]
        unneeded: list[str] = []
        if not (arguments.keys() <= frozenset(self.names)):
            everything = self.rest is not None
            unneeded = [
                name for name in arguments if name not in self.names and (name in self.hidden or not everything)
            ]
            for name in unneeded:
                del arguments[name]
        refusal = missing(absent) if absent else None
        if unneeded and strict:
            refusal = _joined(refusal, self._unneeded(unneeded))
        if self.checks or self.inspections:
            refusal = self._examine(arguments, given, source, refusal)
        if refusal is not None:
            raise refusal
        return arguments

    def _unneeded(self, names: list[str]) -> Error:
        text = f"parameter `{names[0]}` needn't" if self.names else "too many parameter(s)"
        return Error(400, text, fields=dict.fromkeys(names, "is not needed"))

    def _examine(
        self, arguments: dict[str, Any], given: Mapping[str, Any], source: Source | None, refusal: Error | None
    ) -> Error | None:
        """Convert `arguments` in place; return `refusal` with every further fault, None if there is none at all."""
        shown, faults = self._convert(arguments)
        if faults:
            refusal = _joined(refusal, Error(400, _told(faults), fields=faults))
        for inspection in self.inspections:
            found = source.scope(inspection.scope) if source is not None else (inspection.scope, given)
            if found is None:
                continue
            scope, values = found
            if scope == "ARGS" or source is None:
                values = {**self.defaults, **given, **arguments, **shown}
            exempt = {name for name in self.words if values.get(name) in WORDS}
            exempt |= {name for name in self.defaults if name not in given}
            changes, faults = inspection.check(values, exempt)
            if faults:
                message = f"missing or bad parameter in {scope}"
                refusal = _joined(refusal, Error(400, _told(faults), 40050, fields=faults, message=message))
            for name, value in changes.items():
                if name in arguments and arguments[name] == values[name]:
                    arguments[name] = value
            if source is not None and scope != "ARGS":
                source.correct(scope, changes)
            shown |= changes
        if source is not None and shown:
            source.correct("ARGS", shown)
        return refusal

    def _convert(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        shown: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for name, check in self.checks.items():
            if name in arguments:
                try:
                    shown[name] = arguments[name] = check(arguments[name])
                except ValueError as error:
                    note(faults, name, error)
        return shown, faults


def _joined(first: Error | None, further: Error) -> Error:
    """What is wrong first says what the answer is; its fields name everything."""
    if first is None:
        return further
    fields = first.fields or {}
    first.fields = {**fields, **{name: reason for name, reason in (further.fields or {}).items() if name not in fields}}
    return first


def _told(faults: Mapping[str, str]) -> str:
    return "; ".join(f"parameter `{name}` {reason}" for name, reason in faults.items())


def inspections_of(function: Callable[..., Any]) -> tuple[Inspection, ...]:
    """What `app.inspect` noted for a handler or for what it wraps."""
    found: tuple[Inspection, ...] = getattr(function, KEPT, ())
    return found or (inspections_of(function.func) if isinstance(function, partial) else ())


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a handler, `was` included. Raises SetupError for one that cannot be given by its name."""
    parameters = list(inspect.signature(function).parameters.values())
    for one in parameters:
        if one.kind in (one.VAR_POSITIONAL, one.POSITIONAL_ONLY) and one.name != "was":
            raise SetupError(f"{_name(function)} takes {one}: a route passes parameters by name; give it one")
    return parameters


def _hidden(function: Callable[..., Any], names: tuple[str, ...]) -> frozenset[str]:
    """The parameters of the function at the bottom that are bound already, or are `was`."""
    inner = inspect.unwrap(function)
    while isinstance(inner, partial):
        inner = inspect.unwrap(inner.func)
    inner = getattr(inner, "__func__", inner if inspect.isroutine(inner) else type(inner).__call__)
    taken = (one for one in inspect.signature(inner).parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD)
    return frozenset(one.name for one in taken if one.name not in names) | {"was"}


def missing(names: typing.Sequence[str]) -> Error:
    """The refusal of a request that lacks these parameters."""
    return Error(400, f"parameter `{names[0]}` is missing", fields=dict.fromkeys(names, "is missing"))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _checks(
    function: Callable[..., Any], parameters: list[inspect.Parameter], words: frozenset[str]
) -> dict[str, Check]:
    found: dict[str, Check] = {}
    for one in parameters:
        check = check_of(annotation_of(function, one))
        if check is not None:
            check = _or_default(check, one.default) if one.default is None else check
            found[one.name] = _or_word(check) if one.name in words else check
    return found


def annotation_of(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
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
