"""Time zones: that of this machine, with its changes of clock, and others by their names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from atilite.errors import SetupError
from atilite.lazily import LazyModule

if TYPE_CHECKING:
    import zoneinfo
else:
    # Most schedules go by the time zone of the machine.
    zoneinfo = LazyModule("zoneinfo")


def zone_of(name: str) -> tzinfo:
    """Return the time zone of a name such as "Europe/Berlin". Raises SetupError."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise SetupError(f'timezone {name!r} is not known; write a name such as "Europe/Berlin" or "UTC"') from None


class LocalZone(tzinfo):
    """The machine's own rules (its TZ variable or /etc/localtime), of which Python otherwise gives only the offset."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        if dt is None:
            return None
        naive = dt.replace(tzinfo=None)
        # `timestamp` of a naive time takes it as local and knows about `fold`.
        return naive - datetime.fromtimestamp(naive.timestamp(), UTC).replace(tzinfo=None)

    def dst(self, dt: datetime | None) -> timedelta | None:
        return None

    def tzname(self, dt: datetime | None) -> str:
        return "local" if dt is None else dt.replace(tzinfo=None).astimezone().tzname() or "local"

    def fromutc(self, dt: datetime) -> datetime:
        return datetime.fromtimestamp(dt.replace(tzinfo=UTC).timestamp()).replace(tzinfo=self)

    def __repr__(self) -> str:
        return "local"
