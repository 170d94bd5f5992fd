"""kv: the values that apps keep, beside a running server or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..automation.trail import shown
from ..errors import AtiliteError, ConfigError
from ..runtime.promise import Promise
from ..store.database import Database, path_of
from ..store.kv import KV, MISSING, Item
from .board import server_or_none
from .call import Call
from .control import value_of
from .parser import Commands
from .table import as_json, show
from .trail import person, tell

COLUMNS = ("key", "value", "version", "updated", "expires")
# Rows that are read at once.
PAGE = 500


def add(commands: Commands) -> None:
    group = commands.group("kv", "the values that apps keep")
    parser = group.add("list", list_keys, "list the keys of a namespace, or the namespaces")
    parser.add_argument("namespace", metavar="NAMESPACE", nargs="?")
    parser.add_argument("--prefix", default="", metavar="TEXT", help="only keys that begin so")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser = group.add("get", get, "print a value as JSON")
    _name(parser)
    parser = group.add("set", set_key, "store a value; it is JSON, or a text as it is")
    _name(parser)
    parser.add_argument("value", metavar="VALUE")
    parser.add_argument("--ttl", type=float, metavar="SECONDS", help="forget it after so many seconds")
    parser = group.add("remove", remove, "forget a key")
    _name(parser)


def _name(parser: Any) -> None:
    parser.add_argument("namespace", metavar="NAMESPACE", help="`default` is that of app.kv itself")
    parser.add_argument("key", metavar="KEY")


@contextmanager
def stored(call: Call) -> Iterator[KV | None]:
    """The values for reading; None where no data is yet. A running server is not asked, and not disturbed."""
    if not path_of(call.settings.db).exists():
        yield None
        return
    with Database.open(call.settings.db, readonly=True) as database:
        yield KV(database)


def list_keys(call: Call) -> int:
    """List keys with their values, or namespaces with how many keys they have."""
    namespace, rows = call.options.namespace, []
    with stored(call) as kv:
        if kv is not None and namespace is None:
            rows = [{"namespace": name, "keys": count} for name, count in kv.counts().items()]
        elif kv is not None:
            rows = [
                {"key": one.key, "value": one.value, "version": one.version, "updated": one.updated,
                 "expires": one.expires}
                for one in all_of(kv, namespace, call.options.prefix)
            ]  # fmt: skip
    if namespace is None:
        show(rows, ("namespace", "keys"), as_json=call.options.json, empty="nothing is stored")
    else:
        show(rows, COLUMNS, as_json=call.options.json, empty=f"no keys in {namespace}")
    return 0


def all_of(kv: KV, namespace: str, prefix: str) -> Iterator[Item]:
    """The keys by name, read in portions."""
    after = ""
    while found := kv.items(namespace, prefix, after, PAGE):
        yield from found
        after = found[-1].key


def get(call: Call) -> int:
    """Print one value."""
    namespace, key = call.options.namespace, call.options.key
    with stored(call) as kv:
        value = MISSING if kv is None else kv.get(namespace, key)
    if value is MISSING:
        raise absent(namespace, key)
    print(as_json(value))
    return 0


def absent(namespace: str, key: str) -> AtiliteError:
    """What is told of a key that is not there."""
    return AtiliteError(f"there is no key {key!r} in {namespace} (`kv list {namespace}` shows what there is)")


def set_key(call: Call) -> int:
    """Store one value."""
    options = call.options
    value = value_of(options.value)
    if options.ttl is not None and not options.ttl > 0:
        raise ConfigError("--ttl takes seconds, more than 0 (leave it out to keep the value)")
    with server_or_none(call) as board:
        if board is not None:
            board.kv.select(options.namespace).set(options.key, value, ttl=options.ttl)
        else:
            _write(
                call, "set key", {"value": shown(options.key, value)},
                lambda kv, done: kv.set(
                    options.namespace, {options.key: value}, ttl=options.ttl, who=person(), done=done
                ),
            )  # fmt: skip
    print(f"set {options.key} in {options.namespace}")
    return 0


def remove(call: Call) -> int:
    """Forget one key."""
    options = call.options
    with stored(call) as kv:
        there = kv is not None and kv.get(options.namespace, options.key) is not MISSING
    if not there:
        raise absent(options.namespace, options.key)
    with server_or_none(call) as board:
        if board is not None:
            board.kv.select(options.namespace).remove(options.key)
        else:
            _write(
                call, "delete key", {}, lambda kv, done: kv.remove(options.namespace, options.key, done=done)
            )
    print(f"removed {options.key} from {options.namespace}")
    return 0


def _write(call: Call, what: str, given: dict[str, Any], change: Callable[[KV, Any], None]) -> None:
    """Change the data in this process: no server has it."""
    written: Promise[Any] = Promise()
    with Database.open(call.settings.db) as database:
        try:
            change(KV(database), written.settle)
        except (TypeError, ValueError) as wrong:
            raise ConfigError(f"{wrong} (choose another)") from None
        written.wait()
    tell(call, what, f"{call.options.namespace}/{call.options.key}", given)
