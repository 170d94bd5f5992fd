"""A function's signature as a schema: which parameters it takes, how texts and JSON become their values. Pure."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from atilite.automation.values import shown
from atilite.checks import as_json, check_of, is_record
from atilite.errors import ParameterError, SetupError
from atilite.quickly import dataclass
from atilite.scalars import MASK as MASK
from atilite.scalars import Blank, Check
from atilite.scalars import Pattern as Pattern
from atilite.scalars import Range as Range
from atilite.scalars import Secret as Secret
from atilite.uploads import Upload

ALLOWED = (
    "str, int, float, bool, Literal, Enum, date, datetime, Secret, Upload, dict, list, a dataclass, a msgspec struct "
    "or a pydantic model, each also as `| None` and Annotated with Range or Pattern"
)


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter. `kind` is text, integer, number, boolean, choice, date, datetime, secret, upload or json."""

    name: str
    kind: str
    required: bool = True
    default: Any = None
    choices: tuple[Any, ...] = ()
    minimum: Any = None
    maximum: Any = None
    pattern: str | None = None
    optional: bool = False
    help: str = ""
    convert: Check = dataclasses.field(default=as_json, repr=False, compare=False)

    @property
    def label(self) -> str:
        """The name as a person reads it: "dry run" for dry_run."""
        return self.name.replace("_", " ")

    @property
    def options(self) -> tuple[str, ...]:
        """The choices as texts, as a form sends them."""
        return tuple(str(shown(choice)) for choice in self.choices)

    def check(self, raw: Any) -> Any:
        """Return the value that the function gets for `raw`; ValueError says what is wrong with it."""
        if raw is None:
            return self._nothing("must not be null")
        if isinstance(raw, str):
            if not raw.strip() and self._takes_blank_as_nothing():
                return self._nothing("is required")
            if self.kind in ("text", "secret"):
                # Browsers send line ends as CR LF whatever was typed.
                raw = raw.replace("\r\n", "\n")
        try:
            return self.convert(raw)
        except Blank as error:
            return self._nothing(str(error))

    def _takes_blank_as_nothing(self) -> bool:
        # A form sends "" for what was left blank; only where "" is a value of its own it is taken as one.
        return self.optional or not (self.kind in ("text", "secret") or "" in self.options)

    def _nothing(self, reason: str) -> Any:
        if not self.required:
            return self.default
        if self.optional:
            return None
        raise ValueError(reason)


@dataclass(frozen=True, slots=True)
class Schema:
    """The parameters of one function, in the order of its signature."""

    fields: tuple[Field, ...] = ()

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Schema:
        """Read the signature of `function`; its first parameter `was` is left out.

        Raises SetupError, with the parameter's name and what is allowed, for a signature no form can be made of.
        """
        parameters = list(inspect.signature(function).parameters.values())
        if parameters and parameters[0].name == "was":
            parameters = parameters[1:]
        hints = _hints(function)
        name = getattr(function, "__qualname__", repr(function))
        return cls(tuple(_field(name, one, hints.get(one.name, one.empty)) for one in parameters))

    def check(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return keyword arguments for the function, made of form texts or JSON values.

        Raises ParameterError with every fault at once, an unknown parameter included.
        """
        if not raw and not self.fields:
            return {}
        values: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for field in self.fields:
            try:
                if field.name in raw:
                    values[field.name] = field.check(raw[field.name])
                elif field.required:
                    faults[field.name] = "is required"
                else:
                    values[field.name] = field.default
            except ValueError as error:
                faults[field.name] = str(error)
        known = {field.name for field in self.fields}
        faults |= {name: "is no parameter of this function" for name in raw if name not in known}
        if faults:
            raise ParameterError(faults)
        return values

    def public(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values as JSON-able data that may be stored and shown: secrets are masked."""
        kinds = {field.name: field.kind for field in self.fields}
        return {
            name: MASK if kinds.get(name) == "secret" and value is not None else shown(value)
            for name, value in values.items()
        }

    def secrets(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the secret texts among the values, longest first, for masking them elsewhere."""
        found = {str(values[field.name]) for field in self.fields if field.kind == "secret" and values.get(field.name)}
        return tuple(sorted(found, key=len, reverse=True))

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of an object with these parameters (the dialect of OpenAPI 3.1)."""
        return {
            "type": "object",
            "properties": {field.name: _json_schema(field) for field in self.fields},
            "required": [field.name for field in self.fields if field.required],
            "additionalProperties": False,
        }


_JSON: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "choice": {},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "secret": {"type": "string", "format": "password", "writeOnly": True},
    "upload": {"type": "string", "contentMediaType": "application/octet-stream"},
    "json": {},
}


def _json_schema(field: Field) -> dict[str, Any]:
    schema = dict(_JSON[field.kind])
    if field.optional and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if field.choices:
        schema["enum"] = [shown(choice) for choice in field.choices] + ([None] if field.optional else [])
    for key, value in (("minimum", field.minimum), ("maximum", field.maximum), ("pattern", field.pattern)):
        if value is not None and not isinstance(value, date):
            schema[key] = value
    if field.help:
        schema["description"] = field.help
    if not field.required and field.kind != "secret" and field.default is not None:
        schema["default"] = shown(field.default)
    return schema


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = inspect.unwrap(function)
    while hasattr(target, "func"):  # functools.partial
        target = inspect.unwrap(target.func)
    if not inspect.isroutine(target):
        target = type(target).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise SetupError(f"{getattr(target, '__qualname__', target)}: an annotation cannot be read: {error}") from error


def _field(function: str, parameter: inspect.Parameter, annotation: Any) -> Field:
    where = f"{function}(): parameter {parameter.name!r}"
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise SetupError(f"{where} must be an ordinary named one, not *args, **kwargs or positional only")
    required = parameter.default is parameter.empty
    if annotation is parameter.empty:
        annotation = str if required or parameter.default is None else type(parameter.default)
    check = check_of(annotation) or as_json
    annotation, extras = _strip(annotation)
    annotation, optional = _without_none(annotation)
    annotation, inner = _strip(annotation)
    kind, choices = _kind(annotation)
    if kind is None:
        raise SetupError(f"{where} has the annotation {annotation!r}; allowed are {ALLOWED}")
    facts = _constraints(where, kind, extras + inner)
    optional = optional or (not required and parameter.default is None)
    default = None if required else parameter.default
    return Field(parameter.name, kind, required, default, choices, optional=optional, convert=check, **facts)


def _strip(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    if typing.get_origin(annotation) is typing.Annotated:
        return annotation.__origin__, annotation.__metadata__
    return annotation, ()


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = [one for one in typing.get_args(annotation) if one is not type(None)]
        if len(members) == 1:
            return members[0], True
    return annotation, False


def _kind(annotation: Any) -> tuple[str | None, tuple[Any, ...]]:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return "choice", typing.get_args(annotation)
    if annotation in (Any, object) or origin in (dict, list, tuple, collections.abc.Mapping, collections.abc.Sequence):
        return "json", ()
    if not isinstance(annotation, type):
        return None, ()
    if issubclass(annotation, enum.Enum):
        return "choice", tuple(annotation)
    # The order matters: bool is an int, datetime is a date, Secret is a str.
    for known, kind in _KINDS:
        if issubclass(annotation, known):
            return kind, ()
    return ("json" if is_record(annotation) else None), ()


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (Secret, "secret"),
    (str, "text"),
    (datetime, "datetime"),
    (date, "date"),
    (Upload, "upload"),
    (dict, "json"),
    (list, "json"),
)


def _constraints(where: str, kind: str, extras: tuple[Any, ...]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for extra in extras:
        if isinstance(extra, Range):
            if kind not in ("integer", "number", "date", "datetime"):
                raise SetupError(f"{where} has a Range; that is for numbers and dates")
            bounds = [one for one in (extra.minimum, extra.maximum) if one is not None]
            if not all(isinstance(one, date if kind in ("date", "datetime") else (int, float)) for one in bounds):
                raise SetupError(f"{where} has {extra}; such bounds are not for a field of the kind {kind}")
            facts |= {"minimum": extra.minimum, "maximum": extra.maximum}
        elif isinstance(extra, Pattern):
            if kind not in ("text", "secret"):
                raise SetupError(f"{where} has a Pattern; that is for texts")
            facts |= {"pattern": extra.regex, "help": extra.message}
        elif isinstance(extra, str):
            facts["help"] = extra
    return facts
