"""Choices that are made when they are asked for: when a form is shown, and again when its values are checked."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from atilite.automation.parameters import Field, Schema
from atilite.automation.values import shown
from atilite.errors import SetupError
from atilite.quickly import dataclass

log = logging.getLogger("atilite.automation")

# So many choices are named to somebody who has sent another value.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Source:
    """What gives the choices of one parameter, from the values of those before it."""

    function: Callable[..., Iterable[Any]]
    needs: tuple[str, ...]

    def choices(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Ask for the choices. It may read files or a database: not on the loop. ValueError if it fails."""
        try:
            return tuple(self.function(**{name: values[name] for name in self.needs}))
        except Exception as error:
            log.exception("the choices of a parameter cannot be made")
            raise ValueError(f"has no choices at the moment ({type(error).__name__}: {error})") from error


class Choices:
    """The parameters of one action that have such choices."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = dict(sources)

    @classmethod
    def of(cls, where: str, schema: Schema, given: Mapping[str, Any] | None) -> Choices:
        """Read the option `choices`: a function, or a list, by the name of its parameter. Raises SetupError."""
        names = [field.name for field in schema.fields]
        sources = {}
        for name, made in (given or {}).items():
            if name not in names:
                raise SetupError(f"{where}: choices has {name!r}, which is no parameter; there are {', '.join(names)}")
            sources[name] = _source(f"{where}: the choices of {name!r}", made, names[: names.index(name)])
        return cls(sources)

    def __bool__(self) -> bool:
        return bool(self.sources)

    @property
    def dependent(self) -> bool:
        """Whether any of them change with another value of the form."""
        return any(source.needs for source in self.sources.values())

    def faults(self, values: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with checked values: the names of those that are not among their choices. Not on the loop."""
        found = {}
        for name, source in self.sources.items():
            if values.get(name) is None:
                continue
            try:
                _demand(values[name], source.choices(values))
            except ValueError as error:
                found[name] = str(error)
        return found

    def offered(self, schema: Schema, raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """The choices as texts for a form that holds `raw`; none where they depend on what is not known yet."""
        values = _known(schema.fields, raw)
        offered: dict[str, tuple[str, ...]] = {}
        for name, source in self.sources.items():
            offered[name] = ()
            if all(need in values for need in source.needs):
                try:
                    offered[name] = tuple(str(shown(choice)) for choice in source.choices(values))
                except ValueError:
                    continue
        return offered


def _source(where: str, made: Any, before: Sequence[str]) -> Source:
    if not callable(made):
        fixed = tuple(made)
        return Source(lambda: fixed, ())
    needs = tuple(inspect.signature(made).parameters)
    for need in needs:
        if need not in before:
            known = ", ".join(before) or "none"
            raise SetupError(f"{where} depend on {need!r}, which is no parameter before it; there are {known}")
    return Source(made, needs)


def _demand(value: Any, choices: Sequence[Any]) -> None:
    sent = value if isinstance(value, (list, tuple)) else (value,)
    if not all(one in choices for one in sent):
        named = ", ".join(str(shown(choice)) for choice in choices[:NAMED]) or "(there is none)"
        more = f" and {len(choices) - NAMED} more" if len(choices) > NAMED else ""
        raise ValueError(f"must be one of {named}{more}")


def _known(fields: Sequence[Field], raw: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for field in fields:
        try:
            if field.name in raw:
                values[field.name] = field.check(raw[field.name])
            elif not field.required:
                values[field.name] = field.default
            elif field.choices:
                values[field.name] = field.choices[0]  # what a browser shows of a choice that nobody made
        except ValueError:
            continue
    return values
