"""The question before an action runs that asks one: with its values, which no dialog on the form could know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atilite.automation.parameters import Schema
from atilite.console import forms, lines
from atilite.console.forms import Entry
from atilite.console.lines import Fact
from atilite.quickly import dataclass

# No parameter has this name: it is no identifier.
FIELD = "confirm-run"
YES, NO = "yes", "no"
# The same form again, with the choices that follow from what is in it.
REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """What would be run; `kept` are the fields that the form sends again."""

    name: str
    text: str
    path: str
    facts: tuple[Fact, ...]
    kept: tuple[tuple[str, str], ...]
    field: str = FIELD
    yes: str = YES
    no: str = NO

    @property
    def title(self) -> str:
        """The question."""
        return f"Run {self.name}?"


def carried(schema: Schema) -> bool:
    """Whether all values can go to the question and back; a secret and a file stay with the form they were put into."""
    return not any(item.kind in ("secret", "upload") for item in schema.fields)


def page(action: Any, values: Mapping[str, Any]) -> ConfirmPage:
    """The question about running an action with these values, as sent or as stored with an earlier run."""
    entries = forms.entries(action.schema, values, {})
    return ConfirmPage(
        action.name, str(action.confirm), lines.action_path(action.name), tuple(map(_fact, entries)), _kept(entries)
    )


def _fact(entry: Entry) -> Fact:
    if isinstance(entry.value, bool):
        return Fact(entry.label, "yes" if entry.value else "no")
    return Fact(entry.label, entry.value or "none")


def _kept(entries: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    # As a browser sends them: a box that is not ticked is left out.
    texts = ((entry.name, "true" if entry.value is True else entry.value) for entry in entries)
    return tuple((name, text) for name, text in texts if isinstance(text, str))
