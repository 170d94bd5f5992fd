"""Stand-ins for the store's accounts and keys: everything in memory, passwords compared as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from atilite.clock import Clock


class StepClock(Clock):
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def time(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def step(self, **parts: float) -> None:
        self.at += timedelta(**parts).total_seconds()


@dataclass(frozen=True)
class FakeHolder:
    name: str
    role: str


@dataclass(frozen=True)
class FakeSession:
    name: str
    role: str
    created_at: datetime
    seen_at: datetime
    keep: bool


class FakeKeys:
    def __init__(self, salt: bytes = b"one") -> None:
        self.salt = salt

    def secret(self, name: str) -> bytes:
        return (self.salt + name.encode()).ljust(32, b".")


class FakeAccounts:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people = {"ana": ("secret", "admin"), "ben": ("word", "run"), "eva": ("eye", "view")}
        self.tokens = {"tok-view": FakeHolder("tablet", "view"), "tok-run": FakeHolder("phone", "run")}
        self.sessions: dict[str, FakeSession] = {}
        self.verified: list[str] = []
        self.touched = 0

    def verify(self, name: str, password: str) -> FakeHolder | None:
        self.verified.append(name)
        known = self.people.get(name)
        return FakeHolder(name, known[1]) if known and known[0] == password else None

    def token(self, secret: str) -> FakeHolder | None:
        return self.tokens.get(secret)

    def open_session(self, session: str, name: str, *, keep: bool) -> None:
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        self.sessions[session] = FakeSession(name, self.people[name][1], now, now, keep)

    def session(self, session: str) -> FakeSession | None:
        return self.sessions.get(session)

    def touch_session(self, session: str) -> None:
        self.touched += 1
        self.sessions[session] = replace(self.sessions[session], seen_at=self.clock.now())

    def close_session(self, session: str) -> None:
        self.sessions.pop(session, None)
