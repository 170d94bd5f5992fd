"""What somebody is told about: one notice, and the message made of one or of several. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..quickly import dataclass

# What can be asked for, in the words of `app.notify(on=...)`.
KINDS = ("failed", "recovered", "slow", "service", "missed")
# How many notices a digest spells out; of the others it says how many there are.
SPELLED = 50


@dataclass(frozen=True, slots=True)
class Notice:
    """Something happened to an action, a service or a schedule, which is called `action` here.

    `kind` is failed, recovered, slow, service, missed or test; `status` that of the run or of the service; `failures`
    how many there were in a row; `run` and `url` lead to the run, if it has one.
    """

    kind: str
    action: str
    status: str
    at: datetime
    error: str | None = None
    run: int | None = None
    url: str | None = None
    attempts: int = 1
    failures: int = 0

    @property
    def text(self) -> str:
        """It as one line."""
        what = f"{self.action} {_words(self)}"
        if self.kind in ("failed", "service", "missed") and self.failures > 1:
            what += f" ({self.failures} times in a row)"
        line = (self.error or "").strip().splitlines()
        return f"{what}: {line[-1]}" if line and self.kind != "recovered" else what

    @property
    def facts(self) -> dict[str, Any]:
        """It as JSON."""
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Notice:
        """The notice of which these are the facts."""
        return cls(**{**facts, "at": datetime.fromisoformat(facts["at"])})


def _words(notice: Notice) -> str:
    status = notice.status.replace("_", " ")
    return {
        "failed": status,
        "recovered": "is well again",
        "slow": "runs for longer than it should",
        "service": f"is {status}" if status == "restarting" else status,
        "missed": "was not run in time; it is run now" if notice.run else "was not run in time",
        "test": "is a test",
    }.get(notice.kind, status)


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel gets: one notice, or a digest of several, oldest first. `source` is the name of the program."""

    source: str
    notices: tuple[Notice, ...]

    @property
    def subject(self) -> str:
        """One line without line ends."""
        first = " ".join(self.notices[0].text.split())
        if len(self.notices) == 1:
            return f"[{self.source}] {first}"[:200]
        names = list(dict.fromkeys(notice.action for notice in self.notices))
        more = ", ..." if len(names) > 5 else ""
        return f"[{self.source}] {len(self.notices)} notices: {', '.join(names[:5])}{more}"[:200]

    @property
    def text(self) -> str:
        """All of it for a person."""
        parts = [_paragraph(notice) for notice in self.notices[:SPELLED]]
        if len(self.notices) > SPELLED:
            parts.append(f"... and {len(self.notices) - SPELLED} more.\n")
        return "\n".join(parts)

    @property
    def facts(self) -> dict[str, Any]:
        """All of it as JSON: the notice itself, or `kind` "digest" with all of them."""
        if len(self.notices) == 1:
            return {"source": self.source, **self.notices[0].facts}
        facts: Sequence[Any] = [notice.facts for notice in self.notices]
        return {"source": self.source, "kind": "digest", "count": len(facts), "notices": facts}


def _paragraph(notice: Notice) -> str:
    lines = [notice.text, f"  at {notice.at.astimezone():%Y-%m-%d %H:%M:%S %Z}"]
    if notice.attempts > 1:
        lines[1] += f", after {notice.attempts} attempts"
    if notice.url:
        lines.append(f"  {notice.url}")
    return "\n".join(lines) + "\n"


def is_due(count: int, failures: int) -> bool:
    """Whether the failure number `count` in a row is told, if the number `failures` is the first that is.

    From there on at each doubling: what fails every minute is told ten times in a day, not a thousand times.
    """
    times, rest = divmod(count, failures)
    return times > 0 and rest == 0 and times & (times - 1) == 0
