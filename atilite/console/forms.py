"""The form of an action: one entry a parameter, made from its schema, refilled with what was sent. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from atilite.automation.parameters import Field, Schema
from atilite.automation.values import shown
from atilite.console import words
from atilite.console.lines import HTML_ONLY
from atilite.quickly import dataclass

INPUT_TYPES = {
    "text": "text",
    "integer": "number",
    "number": "number",
    "date": "date",
    "datetime": "datetime-local",
    "secret": "password",
    "upload": "file",
}
SHORT_KINDS = frozenset({"integer", "number", "date", "datetime"})
NO_CHOICES = "Nothing to choose yet: fill in the fields above, then refresh the choices"
SECRET_HINT = "Never stored, never shown; journals say " + words.HIDDEN


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a form as the page prints it."""

    name: str
    kind: str
    label: str
    value: str | bool
    required: bool
    optional: bool
    choices: tuple[str, ...] = ()
    hint: str = ""
    error: str = ""
    extras: tuple[tuple[str, str], ...] = field(default=(), metadata=HTML_ONLY)

    @property
    def id(self) -> str:
        """The id of the control, which labels and error links name."""
        return "p-" + self.name

    @property
    def type(self) -> str:
        """The type of the input element."""
        return INPUT_TYPES.get(self.kind, "text")

    @property
    def short(self) -> bool:
        """Dates and numbers are narrow."""
        return self.kind in SHORT_KINDS

    @property
    def wide(self) -> bool:
        """JSON takes the whole width."""
        return self.kind == "json"

    @property
    def described(self) -> str:
        """The ids of hint and error, for readers."""
        marks = ((self.hint, "-h"), (self.error, "-e"))
        return " ".join(self.id + mark for text, mark in marks if text)


@dataclass(frozen=True, slots=True)
class Problem:
    """A line of the error summary and the id of the field it links to."""

    text: str
    field: str = ""


def entries(
    schema: Schema,
    given: Mapping[str, Any],
    faults: Mapping[str, str],
    offered: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[Entry, ...]:
    """The form's fields; `given` are sent texts or an earlier run's parameters, `faults` what was wrong with them.

    `offered` are the choices of the moment, by the name of the parameter.
    """
    made = (_entry(item, given, faults.get(item.name, "")) for item in schema.fields)
    return tuple(_chosen(entry, offered[entry.name]) if offered and entry.name in offered else entry for entry in made)


def _chosen(entry: Entry, choices: tuple[str, ...]) -> Entry:
    if entry.kind == "json":  # several at once have no control of their own
        return replace(entry, hint=". ".join(filter(None, (entry.hint, f"Of {', '.join(choices)}" if choices else ""))))
    hint = entry.hint if choices else ". ".join(filter(None, (entry.hint, NO_CHOICES)))
    return replace(entry, kind="choice", choices=choices, hint=hint, extras=())


def _entry(item: Field, given: Mapping[str, Any], fault: str) -> Entry:
    label = label_of(item)
    return Entry(
        name=item.name,
        kind=item.kind,
        label=label,
        value=_value(item, given),
        required=item.required and not item.optional and item.kind not in ("text", "boolean"),
        optional=item.optional or (not item.required and _blank(item)),
        choices=item.options,
        hint=_hint(item),
        error=f"{label} {fault}" if fault else "",
        extras=_extras(item),
    )


def label_of(item: Field) -> str:
    """The name of a parameter as a person reads it."""
    return item.label[:1].upper() + item.label[1:]


def _blank(item: Field) -> bool:
    return item.kind != "boolean" and item.default in (None, "")


def _value(item: Field, given: Mapping[str, Any]) -> str | bool:
    raw = given.get(item.name, None if item.required else item.default)
    if item.kind in ("secret", "upload"):  # neither is kept, so neither can be refilled
        return ""
    raw = shown(raw)
    if item.kind == "boolean":
        return raw is True or (isinstance(raw, str) and raw.lower() in ("true", "on", "yes", "1"))
    if raw is None:
        return ""
    if item.kind == "json" and not isinstance(raw, str):
        return json.dumps(raw, indent=2, ensure_ascii=False)
    return raw[:16] if item.kind == "datetime" and isinstance(raw, str) else str(raw)


def _hint(item: Field) -> str:
    # What a pattern demands is written as the end of an error; here it is what to type.
    parts = [item.help.removeprefix("must be ")] if item.help else []
    low, high = shown(item.minimum), shown(item.maximum)
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None:
        parts.append(f"{low} or more")
    elif high is not None:
        parts.append(f"{high} or less")
    if item.kind == "secret":
        parts.append(SECRET_HINT)
    if item.kind == "json":
        parts.append("JSON")
    return ". ".join(parts)


def _extras(item: Field) -> tuple[tuple[str, str], ...]:
    extras: list[tuple[str, str]] = []
    if item.kind in SHORT_KINDS:
        bounds = (("min", shown(item.minimum)), ("max", shown(item.maximum)))
        extras += [(name, str(bound)) for name, bound in bounds if bound is not None]
    if item.kind == "integer":
        extras.append(("inputmode", "numeric"))
    if item.kind == "number":
        extras += [("inputmode", "decimal"), ("step", "any")]
    if item.kind == "secret":
        extras.append(("autocomplete", "off"))
    if item.kind == "text" and item.pattern:
        extras.append(("pattern", item.pattern))
    return tuple(extras)


def problems(schema: Schema, faults: Mapping[str, str]) -> tuple[Problem, ...]:
    """The error summary: a line for each fault, in the order of the fields, those of no field last."""
    known = {item.name for item in schema.fields}
    faulty = (item for item in schema.fields if item.name in faults)
    listed = [Problem(f"{label_of(item)} {faults[item.name]}", "p-" + item.name) for item in faulty]
    return (*listed, *(Problem(f"{name} {fault}") for name, fault in faults.items() if name not in known))


def sent(schema: Schema, form: Mapping[str, Any]) -> dict[str, Any]:
    """What a browser's form says of the parameters: an unticked box is false, what the form lacks is left out."""
    values = {item.name: form[item.name] for item in schema.fields if item.name in form}
    unticked = (item.name for item in schema.fields if item.kind == "boolean" and item.name not in form)
    return {**values, **dict.fromkeys(unticked, "false")}


def script(name: str, schema: Schema) -> str:
    """The same run from a shell and over HTTP, with the values a person would begin with."""
    values = {item.name: _sample(item) for item in schema.fields if item.kind != "upload"}
    shell = " ".join(f"{key}={words.plainly(value)}" for key, value in values.items())
    quoted = f'"{name}"' if " " in name else name
    body = "\n" + json.dumps(values, ensure_ascii=False) if values else ""
    return (
        f"python serve.py run {quoted} {shell}".rstrip()
        + f"\n\nPOST /internal/action/{name.replace(' ', '%20')}\nAuthorization: Bearer \u2026{body}"
    )


def _sample(item: Field) -> Any:
    if item.kind == "secret":
        return words.HIDDEN
    if not item.required and item.default is not None:
        return shown(item.default)
    if item.choices:
        return shown(item.choices[0])
    if item.minimum is not None:
        return shown(item.minimum)
    return {"integer": 1, "number": 1.0, "boolean": True, "date": "2030-01-31", "datetime": "2030-01-31T18:30"}.get(
        item.kind, "\u2026"
    )
