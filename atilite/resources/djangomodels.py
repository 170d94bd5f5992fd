"""Models of Django as builders of statements: `class User(Model)`, then `User.get(uid=1).execute()` is a task.

Import it where your models are; the statements run at the database of Django's settings, on threads of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.core.exceptions import ValidationError
from django.db import connections, models, router

from ..errors import AliasError, SetupError
from ..runtime.engine import process_runtime
from ..store.querying import Statement
from .aliases import DB_PGSQL, DB_SQLITE3, Aliases
from .databases import Databases

_KINDS = {"django.db.backends.sqlite3": DB_SQLITE3, "django.db.backends.postgresql": DB_PGSQL}


@functools.cache
def _databases() -> tuple[Aliases, Databases]:
    aliases = Aliases()
    return aliases, Databases(process_runtime(), aliases)


@functools.cache
def _database(using: str) -> Any:
    """The database that Django's settings call `using`. Raises AliasError where it is of another kind."""
    settings = connections[using].settings_dict
    name = f"@django-{using}"
    kind = _KINDS.get(settings["ENGINE"])
    if kind is None:
        raise AliasError(name, f"{settings['ENGINE']} is neither Django's SQLite nor its PostgreSQL")
    aliases, databases = _databases()
    aliases.add(name, kind, str(settings["NAME"]) if kind == DB_SQLITE3 else _member(settings))
    return databases(name)


def _member(settings: Mapping[str, Any]) -> str:
    host = settings.get("HOST") or "/var/run/postgresql"
    place = f"[{host}]" if host.startswith("/") or ":" in host else host
    port = f":{settings['PORT']}" if settings.get("PORT") else ""
    who = ":".join(quote(str(settings.get(part) or ""), safe="") for part in ("USER", "PASSWORD"))
    return f"{who}@{place}{port}/{settings['NAME']}"


class Model(models.Model):  # type: ignore[misc]
    """A model whose class methods begin statements; everything else is Django's: migrations, checks, admin pages.

    The names of values and filters are those of fields. The data of a task are rows as the database has them.
    """

    class Meta:
        abstract = True

    @classmethod
    def get(cls, *conditions: Any, **named: Any) -> Statement:
        """Begin a select: `User.get(uid=1)`, `User.get(Q(lev="staff") | Q(id__lt=9)).get("id, uid")`.

        As in the manual's sample a value that is None is left out (`name__isnull=True` asks for null); if all are None
        that is a SetupError. `set` and `remove` leave nothing out: None is null there.
        """
        given = {name: value for name, value in named.items() if value is not None}
        if named and not given:
            raise SetupError(f"{cls.__name__}.get: one of {', '.join(named)} must be something; None is left out")
        return cls._begun("select", router.db_for_read(cls)).filter(*conditions, **_compared(cls, given))

    @classmethod
    def add(cls, payload: Mapping[str, Any] | None = None, **named: Any) -> Statement:
        """Begin an insert, with the fields' defaults. Raises Django's ValidationError for values that fields refuse."""
        values = {**(payload or {}), **named}
        _check_names(cls, values)
        instance = cls(**values)
        instance.clean_fields(exclude=[field.name for field in cls._meta.concrete_fields if field.is_relation])
        using = router.db_for_write(cls)
        row = {}
        for field in cls._meta.concrete_fields:
            value = field.pre_save(instance, add=True)
            if value is not None or not field.primary_key:
                row[field.column] = field.get_db_prep_save(value, connections[using])
        return cls._begun("insert", using).set(row)

    @classmethod
    def set(cls, payload: Mapping[str, Any], *conditions: Any, **named: Any) -> Statement:
        """Begin an update of the rows that the conditions choose. Raises ValidationError as `add` does."""
        _check_names(cls, payload)
        using = router.db_for_write(cls)
        row, faults = {}, {}
        for name, value in payload.items():
            field = cls._meta.get_field(name)
            try:
                checked = value if field.is_relation else field.clean(value, None)
            except ValidationError as error:
                faults[name] = error
            else:
                row[field.column] = field.get_db_prep_save(checked, connections[using])
        if faults:
            raise ValidationError(faults)
        for field in cls._meta.concrete_fields:
            if getattr(field, "auto_now", False) and field.column not in row:
                row[field.column] = field.get_db_prep_save(field.pre_save(cls(), add=False), connections[using])
        return cls._begun("update", using).set(row).filter(*conditions, **_compared(cls, named))

    @classmethod
    def remove(cls, *conditions: Any, **named: Any) -> Statement:
        """Begin a delete of the rows that the conditions choose; what refers to them is the database's business."""
        return cls._begun("delete", router.db_for_write(cls)).filter(*conditions, **_compared(cls, named))

    @classmethod
    def _begun(cls, verb: str, using: str) -> Statement:
        return Statement(verb, cls._meta.db_table, lambda *args, **options: _database(using).execute(*args, **options))


def _fields(model: Any) -> dict[str, Any]:
    """Fields by every name that they may be called by."""
    fields = model._meta.concrete_fields
    return {name: field for field in fields for name in (field.column, field.attname, field.name)}


def _check_names(model: Any, names: Mapping[str, Any]) -> None:
    known = _fields(model)
    for name in names:
        if name not in known:
            raise SetupError(f"{model.__name__} has no field {name!r}; it has {', '.join(sorted(known))}")


def _compared(model: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    """Filters with the columns of the fields, and values as the database has them."""
    fields, found = _fields(model), {}
    for name, value in named.items():
        start, mark, operator = name.partition("__")
        _check_names(model, {start: None})
        field = fields[start]
        found[field.column + mark + operator] = _as_stored(field, operator, value, router.db_for_read(model))
    return found


def _as_stored(field: Any, operator: str, value: Any, using: str) -> Any:
    if isinstance(value, Statement) or value is None or operator == "isnull" or "with" in operator:
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_stored(field, "", one, using) for one in value]
    if operator in ("contains", "ncontains"):
        return value
    return field.get_db_prep_value(value, connections[using])
