"""How a program becomes an action: its placeholders are the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

from atilite.automation.apart import Program
from atilite.automation.declaring import ActionInfo, info_of
from atilite.automation.naming import description_of, source_of
from atilite.automation.parameters import Field, Schema
from atilite.automation.storage import Storage
from atilite.automation.template import Template, guarded
from atilite.errors import SetupError
from atilite.scalars import text


def program_of(
    where: str,
    template: str,
    storage: Storage,
    *,
    cwd: str | None,
    env: Mapping[str, str] | None,
    stdin: str | None,
    ok: Sequence[int],
) -> Program:
    """Read the parts of a program. Raises SetupError, which begins with `where`, for what would need a shell."""
    variables = {name: Template.of_text(f"{where}: env {name}", value) for name, value in (env or {}).items()}
    fed = None if stdin is None else Template.of_text(f"{where}: stdin", stdin)
    return Program(Template.of(where, template), storage, cwd=cwd, env=variables, stdin=fed, ok=ok)


def untyped(program: Program, options: Mapping[str, Any]) -> ActionInfo:
    """A program whose placeholders are required texts, in the order in which they come."""
    names = dict.fromkeys(name for word in program.template.words for name, words in word if words is not None)
    names |= dict.fromkeys(sorted(program.names))
    return _info(program, Schema(tuple(Field(name, "text", convert=text) for name in names)), options)


def typed(program: Program, function: Callable[..., Any], options: Mapping[str, Any]) -> ActionInfo:
    """A program whose placeholders are the parameters of `function`. Raises SetupError if one has what the other lacks.

    Its docstring describes the action, unless the options do.
    """
    schema = Schema.of(function)
    own = {field.name for field in schema.fields}
    where = f"action {options['name']!r}"
    for name in sorted(program.names - own):
        raise SetupError(f"{where}: {{{name}}} is no parameter of {function.__qualname__}()")
    for name in sorted(own - program.names):
        raise SetupError(f"{where}: parameter {name!r} is nowhere in the command; write {{{name}}} where it belongs")
    told = {"description": description_of(function), **options, "source": source_of(function)}
    return _info(program, schema, told)


def _info(program: Program, schema: Schema, options: Mapping[str, Any]) -> ActionInfo:
    exposed = program.template.exposed
    fields = tuple(
        replace(field, convert=guarded(field.convert)) if field.name in exposed and field.kind == "text" else field
        for field in schema.fields
    )
    told = {"description": "", **options}
    return replace(info_of(program, told, Schema(fields)), command=program.template.text)


def source_here(frame: FrameType) -> str:
    """Return "module:line" of a frame: where a command was declared."""
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno}"
