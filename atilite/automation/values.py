"""What may be stored: JSON, and the models that know how to become JSON."""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

from atilite.uploads import Upload

T = TypeVar("T")

# Characters of a result that are stored: lists of runs are read with their results.
MAX_RESULT = 64 << 10


def plain(value: Any) -> Any:
    """Return `value` as JSON-able data: pydantic models, dataclasses and msgspec structs become dicts, at any depth.

    Raises TypeError for everything that JSON does not have, NaN and infinity included.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError(f"{value} has no JSON form; store None or a text instead")
        return value
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, type):
        raise TypeError(f"the class {value.__name__} cannot be stored; store an object of it")
    return _model(value)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, (bool, int, float)) or key is None:
        return str(json.dumps(key))
    raise TypeError(f"{key!r} cannot be the key of a JSON object; use a str")


def _model(value: Any) -> Any:
    if hasattr(value, "model_dump_json"):
        # The model's own JSON, not its fields: its serializers decide what a date or a path looks like.
        return json.loads(value.model_dump_json())
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "__struct_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    raise TypeError(f"{type(value).__qualname__} has no JSON form; use basic types, lists, dicts or models")


def build(data: Any, model: type[T]) -> T:
    """Make an object of `model` (pydantic, dataclass or msgspec struct) from stored data."""
    validate = getattr(model, "model_validate", None)
    if validate is not None:
        made: T = validate(data)
        return made
    if dataclasses.is_dataclass(model) or hasattr(model, "__struct_fields__"):
        return model(**data)
    return model(data)  # type: ignore[call-arg]  # str, int, list and the like


def stored_result(value: Any) -> Any:
    """Return what a run keeps of its result: JSON-able data, or the repr of anything else and of what is very long."""
    if value is None or isinstance(value, (bool, int, float)):
        return value if value == value and value not in (float("inf"), float("-inf")) else repr(value)
    try:
        data = plain(value)
        text = json.dumps(data, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        data = text = repr(value)
    return data if len(text) <= MAX_RESULT else f"{text[:MAX_RESULT]}... ({len(text)} characters)"


def shown(value: Any) -> Any:
    """Return a checked parameter as JSON-able data for storing and showing (secrets are not masked here)."""
    if isinstance(value, enum.Enum):  # before the numbers: an IntEnum is both
        return shown(value.value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Upload):
        return {"name": value.name, "size": value.size, "mimetype": value.mimetype}
    return stored_result(value)


def class_key(model: type) -> str:
    """Return the KV key of a class: its module and qualified name.

    A script that is run and the same file imported give the same key, so data is found again either way.
    """
    module = model.__module__
    if module == "__main__":
        path = getattr(sys.modules["__main__"], "__file__", None) or "__main__"
        module = path.rpartition("/")[2].removesuffix(".py")
    return f"{module}.{model.__qualname__}"
