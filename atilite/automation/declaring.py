"""What is declared about an action, read from its function and its options, and checked at set-up."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any

from atilite.automation.chain import Rule
from atilite.automation.choosing import Choices
from atilite.automation.duration import seconds_of
from atilite.automation.naming import description_of, name_of, source_of, texts_of
from atilite.automation.overlap import POLICIES
from atilite.automation.parameters import Field, Schema
from atilite.errors import SetupError
from atilite.lazily import function_of
from atilite.quickly import dataclass
from atilite.runtime.functions import kind_of
from atilite.store.retention import Limits

if TYPE_CHECKING:
    from atilite.runtime.isolated import check_importable
else:
    # Loaded with the first action that has a process of its own.
    check_importable = function_of("atilite.runtime.isolated", "check_importable")

ROLES = ("view", "run", "admin")
TEXTS = ("name", "description", "confirm", "group", "keep")


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """An action as listed. Times are in seconds; `operation` is the name under which its runs are journaled."""

    name: str
    description: str
    operation: str
    schema: Schema
    confirm: str | None = None
    labels: tuple[str, ...] = ()
    role: str = "run"
    timeout: float | None = None
    retries: int = 0
    retry_delay: float = 5.0
    retry_jitter: float = 0.0
    overlap: str = "allow"
    group: str | None = None
    hidden: bool = False
    notify: tuple[str, ...] = ()
    keep: str | None = None
    journal: bool = True
    hook: bool = False
    process: bool = False
    after: tuple[str, ...] = ()
    choices: Choices = field(default_factory=lambda: Choices({}), compare=False)
    # The command line of a program, "" for a function.
    command: str = ""
    kind: str = "plain"
    source: str = ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parameters, in the order of the signature."""
        return self.schema.fields

    @property
    def dry(self) -> bool:
        """Whether it can show what it would do without doing it: it has a parameter dry_run that is true or false."""
        return any(one.name == "dry_run" and one.kind == "boolean" for one in self.schema.fields)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """After which ends of which actions it runs by itself."""
        return tuple(Rule.of(f"action {self.name!r}", text) for text in self.after)


def info_of(function: Callable[..., Any], options: Mapping[str, Any], schema: Schema | None = None) -> ActionInfo:
    """Read what is declared. `schema` stands for that of the signature. Raises SetupError."""
    given = dict(options)
    where = f"action {given.get('name') or name_of(function)!r}"
    unknown = given.keys() - OPTIONS
    if unknown:
        known = ", ".join(sorted(OPTIONS - {"source"}))
        raise SetupError(f"{where}: unknown option {', '.join(sorted(unknown))}; known: {known}")
    name = given.pop("name", None) or name_of(function)
    description = given.pop("description", None)
    if description is None:
        description = description_of(function)
    schema = Schema.of(function) if schema is None else schema
    info = ActionInfo(
        name, description, getattr(function, "__atilite_operation__", None) or name, schema,
        labels=texts_of(given.pop("label", None)) + texts_of(given.pop("labels", ())),
        timeout=seconds_of(given.pop("timeout", None), f"{where}: timeout"),
        retry_delay=seconds_of(given.pop("retry_delay", 5.0), f"{where}: retry_delay") or 0.0,
        retry_jitter=seconds_of(given.pop("retry_jitter", 0.0), f"{where}: retry_jitter") or 0.0,
        notify=texts_of(given.pop("notify", None)), after=texts_of(given.pop("after", None)),
        choices=Choices.of(where, schema, given.pop("choices", None)),
        kind=kind_of(function), source=given.pop("source", None) or source_of(function), **given,
    )  # fmt: skip
    _check(where, info, function)
    return info


OPTIONS = {one.name for one in fields(ActionInfo)} - {"operation", "schema", "kind", "command"} | {"label"}


def _check(where: str, info: ActionInfo, function: Callable[..., Any]) -> None:
    for option in TEXTS:
        value = getattr(info, option)
        if not (value is None or isinstance(value, str)):
            raise SetupError(f"{where}: {option} is {value!r}; it must be a text")
    if info.overlap not in POLICIES:
        raise SetupError(f"{where}: overlap is {info.overlap!r}; it may be {', '.join(POLICIES)}")
    if info.role not in ROLES:
        raise SetupError(f"{where}: role is {info.role!r}; it may be {', '.join(ROLES)}")
    if not isinstance(info.retries, int) or info.retries < 0:
        raise SetupError(f"{where}: retries is {info.retries!r}; it is a number of further attempts, 0 or more")
    if info.timeout is not None and info.timeout <= 0:
        raise SetupError(f"{where}: timeout must be more than 0 seconds")
    if info.keep is not None:
        try:
            Limits.of(info.keep)
        except ValueError as error:
            raise SetupError(f"{where}: keep: {error}") from None
    if info.process:
        check_importable(function.func if isinstance(function, functools.partial) else function)
    required = [one.name for one in info.schema.fields if one.required]
    if info.rules and required:
        raise SetupError(f"{where}: it runs after others, and nobody would say {', '.join(required)}; give defaults")


@dataclass(frozen=True, slots=True)
class Generated:
    """One of the actions that a function stands for: what is given to it, and the parameters that are left."""

    given: Mapping[str, Any]
    options: Mapping[str, Any]
    schema: Schema


def generated(function: Callable[..., Any], each: Any, options: Mapping[str, Any]) -> Iterator[Generated]:
    """Read the option `each`: a list of values of one parameter, or a mapping of names to such values.

    `{parameter}` in the texts of the options becomes the name. Raises SetupError.
    """
    schema = Schema.of(function)
    names = [one.name for one in schema.fields]
    title = str(options.get("name") or (f"{name_of(function)} {{{names[0]}}}" if names else name_of(function)))
    named = [name for name in names if f"{{{name}}}" in title]
    if len(named) != 1:
        raise SetupError(f"action {title!r}: with each, its name says one parameter in braces: name='Restart {{host}}'")
    items = each.items() if isinstance(each, Mapping) else [(one, one) for one in each]
    described = options.get("description")
    texts = {**options, "name": title, "description": description_of(function) if described is None else described}
    left = replace(schema, fields=tuple(one for one in schema.fields if one.name != named[0]))
    for name, item in items:
        yield Generated({named[0]: item}, {key: _put(text, named[0], str(name)) for key, text in texts.items()}, left)


def _put(value: Any, parameter: str, text: str) -> Any:
    if isinstance(value, str):
        return re.sub(rf"\{{{parameter}\}}", lambda _: text, value)
    if isinstance(value, (list, tuple)):
        return [_put(one, parameter, text) for one in value]
    return value
