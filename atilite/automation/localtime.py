"""The time zone of this machine, with its changes of clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


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
