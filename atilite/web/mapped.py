"""How `was.Map` names its results: which part of which task's data goes under which name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atilite.quickly import dataclass
from atilite.web.encoding import plainer

# What a task can be asked for; everything else in a name is a step into its data.
WAYS = ("fetch", "one", "dict")


@dataclass(frozen=True, slots=True)
class Named:
    """One result: `rows__fetch__0__id` is the member `id` of the first item of what the task `rows` gives."""

    name: str
    way: str = "fetch"
    path: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Named:
        """Read a name with its double underscores. Raises ValueError for one without a name in front."""
        name, *rest = text.split("__")
        if not name or not all(rest):
            raise ValueError(f"{text!r} is no name of a result; write name, name__one or name__member")
        if rest and rest[0] in WAYS:
            return cls(name, rest[0], tuple(rest[1:]))
        return cls(name, "fetch", tuple(rest))

    def result(self, task: Any) -> Any:
        """What goes under the name. Raises the task's error, 410 and 409 as `one` does, LookupError for no member."""
        data = task.one() if self.way == "one" else task.fetch()
        if self.way == "dict":
            data = as_dict(data)
        return follow(data, self.path, self.name)


def as_dict(data: Any) -> Any:
    """A mapping or a row as a dictionary, a list of them as a list of dictionaries. Raises TypeError for others."""
    if isinstance(data, (list, tuple)) and not hasattr(data, "_asdict"):
        return [as_dict(item) for item in data]
    found = data if isinstance(data, Mapping) else plainer(data)
    if not isinstance(found, Mapping):
        raise TypeError(f"{type(data).__name__} cannot be a dict")
    return dict(found)


def follow(data: Any, path: tuple[str, ...], name: str) -> Any:
    """Step into `data`: a number is an item, a word a member or attribute. Raises LookupError that names the step."""
    for step in path:
        try:
            data = _step(data, step)
        except (LookupError, AttributeError, TypeError):
            raise LookupError(f"{name}: there is no {step!r} in {type(data).__name__} {data!r:.60}") from None
    return data


def _step(data: Any, step: str) -> Any:
    if isinstance(data, Mapping):
        return data[step] if step in data else data[int(step)] if step.isdigit() else data[step]
    return data[int(step)] if step.isdigit() else getattr(data, step)


def at(results: Mapping[str, Any], dotted: str) -> Any:
    """What stands at a dotted path of the results, such as "rows.0.changed"; None when there is no such thing."""
    first, *rest = dotted.split(".")
    try:
        return follow(results[first], tuple(rest), first)
    except LookupError:
        return None
