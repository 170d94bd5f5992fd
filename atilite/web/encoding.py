"""Values as JSON and XML. Pure.

Both take the same values: what JSON knows, and dates, decimals, UUIDs, enums, paths, sets, dataclasses, named tuples,
mappings, iterables, and objects with `model_dump()` or `to_dict()`.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from atilite.lazily import LazyModule

if TYPE_CHECKING:
    import html
else:
    # Only for XML, and its table of entities takes half a megabyte.
    html = LazyModule("html")

# What XML 1.0 cannot contain, not even as a character reference. `re` compiles it at the first use, which takes 5 ms.
_NO_XML = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def utcoffset(moment: datetime) -> str:
    """2024-05-01 12:00:00+00: the time in UTC; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00")


def unixepoch(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def digit(moment: datetime) -> str:
    """20240501120000, in UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y%m%d%H%M%S")


#: The ways to write a moment, chosen by the app's `JSON_ENCODER`.
DATES: Mapping[str, Callable[[datetime], object]] = {
    "utcoffset": utcoffset,
    "str": str,
    "iso": datetime.isoformat,
    "unixepoch": unixepoch,
    "digit": digit,
}


def plainer(value: object, dates: Callable[[datetime], object] = utcoffset) -> object:
    """Return something simpler that stands for `value`; raises TypeError if nothing does."""
    if isinstance(value, datetime):
        return dates(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID, PurePath)):
        return str(value)  # a decimal as text: a float would change it
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return value.total_seconds()
    return _members(value)


def _members(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    for name in ("model_dump", "to_dict", "_asdict"):
        method = getattr(value, name, None)
        if callable(method) and not isinstance(value, type):
            return method()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r:.80}")


_PLAIN = frozenset((str, int, bool, type(None)))


def simple(value: object, dates: Callable[[datetime], object] = utcoffset) -> object:
    """Reduce `value`, through all its members, to what JSON knows. NaN and infinities become None."""
    if type(value) in _PLAIN:
        return value
    if value is None or (isinstance(value, (bool, int, str)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key if type(key) is str else _key(key, dates): simple(item, dates) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_asdict"):
        return [simple(item, dates) for item in value]
    return simple(plainer(value, dates), dates)


def _key(key: object, dates: Callable[[datetime], object]) -> str:
    reduced = simple(key, dates)
    if isinstance(reduced, str):
        return reduced
    if isinstance(reduced, (dict, list)):
        raise TypeError(f"{key!r:.80} cannot be a key in JSON")
    return json.dumps(reduced)


@functools.cache
def _encoder(dates: Callable[[datetime], object], pretty: bool) -> Callable[[object], str]:
    def default(value: object) -> object:
        if isinstance(value, Iterator):
            # Whoever reads it must come to the end, and this way may be given up for the slow one.
            raise TypeError("an iterator can be read only once")
        return plainer(value, dates)

    separators, indent = (None, 2) if pretty else ((",", ":"), None)
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=separators, indent=indent, default=default
    )
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if pretty or make is None:
        return encoder.encode
    # The encoder in C that JSONEncoder makes anew for each value, made once; without its look-out for circles, which
    # end as a RecursionError instead.
    write = make(None, default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(write(value, 0))


def encode_json(value: object, dates: Callable[[datetime], object] = utcoffset, pretty: bool = False) -> bytes:
    """Return `value` as JSON in UTF-8. NaN and infinities are null, since JSON has no word for them.

    Raises TypeError for a value without JSON form.
    """
    encode = _encoder(dates, pretty)
    try:
        return encode(value).encode()
    except (ValueError, TypeError):
        # Not finite, a key that is no text, or half a surrogate pair: the slow way knows them.
        return encode(simple(value, dates)).encode("utf-8", "replace")


def encode_xml(value: object, dates: Callable[[datetime], object] = utcoffset) -> bytes:
    """Return `value` as the parameter of an XML-RPC call. Well-formed for every text.

    Signs that XML cannot contain become U+FFFD.
    """
    body = _xml(simple(value, dates))
    document = f'<?xml version="1.0" encoding="utf-8"?>\n<params><param>{body}</param></params>\n'
    return document.encode("utf-8")


def xml_value(value: object, dates: Callable[[datetime], object] = utcoffset) -> str:
    """Return `value` as a value of XML-RPC. Well-formed for every text."""
    return _xml(simple(value, dates))


def _xml(value: object) -> str:
    if value is None:
        inner = "<nil/>"
    elif isinstance(value, bool):
        inner = f"<boolean>{int(value)}</boolean>"
    elif isinstance(value, int):
        kind = "int" if -(2**31) <= value < 2**31 else "i8" if -(2**63) <= value < 2**63 else "string"
        inner = f"<{kind}>{value}</{kind}>"
    elif isinstance(value, float):
        inner = f"<double>{value!r}</double>"
    elif isinstance(value, list):
        inner = f"<array><data>{''.join(map(_xml, value))}</data></array>"
    elif isinstance(value, dict):
        members = "".join(f"<member><name>{xml_text(k)}</name>{_xml(v)}</member>" for k, v in value.items())
        inner = f"<struct>{members}</struct>"
    else:
        inner = f"<string>{xml_text(str(value))}</string>"
    return f"<value>{inner}</value>"


def xml_text(text: str) -> str:
    """Escape a text for XML. Signs that XML cannot contain become U+FFFD."""
    # A carriage return must be a reference: a parser turns a plain one into a line feed.
    return html.escape(re.sub(_NO_XML, "\ufffd", text), quote=False).replace("\r", "&#13;")
