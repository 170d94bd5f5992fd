"""The page of services: their states, the error of what is not well, and the buttons to start and stop them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import quote

from atilite.console import states, words
from atilite.console.desk import Visit
from atilite.console.lines import HTML_ONLY, Fact, runs_path
from atilite.console.states import State
from atilite.console.words import Clockface
from atilite.quickly import dataclass

STEPS = ("stopped", "starting", "running", "restarting")
ORDER = ("failed", "restarting", "starting", "running", "stopped")


@dataclass(frozen=True, slots=True)
class Line:
    """A service in the short list of the overview."""

    id: str = field(metadata=HTML_ONLY)
    name: str
    state: State
    restarts: str
    more: str


@dataclass(frozen=True, slots=True)
class Deed:
    """A button of a service."""

    verb: str
    path: str


@dataclass(frozen=True, slots=True)
class Step:
    """One of the states a service goes through; `on` is where it is."""

    word: str
    on: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A service with everything known about it."""

    id: str = field(metadata=HTML_ONLY)
    name: str
    description: str
    state: State
    more: str
    error: str
    traceback: str
    facts: tuple[Fact, ...]
    run: int | None
    deeds: tuple[Deed, ...] = field(metadata=HTML_ONLY)

    @property
    def runs(self) -> str:
        """Where its runs are."""
        return runs_path(action=self.name)

    @property
    def unwell(self) -> bool:
        """Whether its error is shown open."""
        return self.state.kind in ("failed", "restarting")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The way of its states; `failed` takes the place of the last one."""
        kind = self.state.kind
        shown = (*STEPS[:3], "failed") if kind == "failed" else STEPS
        return tuple(Step(word, word == kind) for word in shown)


@dataclass(frozen=True, slots=True)
class ServicesPage:
    """All services, unwell ones first."""

    summary: str
    rows: tuple[Row, ...]
    title: str = field(default="Services", metadata=HTML_ONLY)


def ordered(services: Iterable[Any]) -> list[Any]:
    """Unwell ones first, then those that start and run, then the stopped ones; by name within."""
    return sorted(services, key=lambda info: (ORDER.index(states.of_service(info.status).kind), info.name))


def more(info: Any, face: Clockface) -> str:
    """The words after the state: since when."""
    if info.since is None:
        return "" if info.autostart else "started by hand only"
    return f"for {face.lasting(info.since).words}"


def lines_of(info: Any) -> tuple[str, str]:
    """The traceback of a service's error and the line that names it."""
    rows = str(info.error or "").strip().splitlines()
    return (info.traceback or "").rstrip(), rows[-1] if rows else ""


def row(info: Any, face: Clockface, may_run: bool, fault: str = "") -> Row:
    """A service for the page; `fault` is what its health says."""
    traceback, error = lines_of(info)
    last = traceback.splitlines()
    if last and last[-1].endswith(error):
        error, traceback = last[-1], "\n".join(last[:-1])
    return Row(
        id=words.slug(info.name),
        name=info.name,
        description=info.description,
        state=states.of_service(info.status),
        more=more(info, face),
        error=error,
        traceback=traceback,
        facts=facts(info, error, fault),
        run=info.run,
        deeds=deeds(info) if may_run else (),
    )


def facts(info: Any, error: str, fault: str) -> tuple[Fact, ...]:
    """How a service is kept running, as sentences."""
    restart = (
        f"started again after {words.duration(info.restart_delay)}, later each time"
        if info.restart
        else "not restarted"
    )
    return (
        *((Fact("Kind", info.kind),) if info.kind != "service" else ()),
        Fact("Starts", "with the program" if info.autostart else "by hand only"),
        Fact("Restarts", words.number(info.restarts) if info.restarts else "none"),
        Fact("If it fails", restart),
        *((Fact("Needs", ", ".join(info.needs)),) if info.needs else ()),
        *((Fact("Matters", "while it does not run, the whole program counts as unwell"),) if info.critical else ()),
        *((Fact("Health", fault),) if fault and info.status in ("running", "degraded") else ()),
        *(() if error else (Fact("Last error", "none"),)),
    )


def deeds(info: Any) -> tuple[Deed, ...]:
    """The buttons that fit the state."""
    base = f"/services/{quote(info.name, safe='')}"
    kind = states.of_service(info.status).kind
    if kind in ("stopped", "failed"):
        return (Deed("Start", base + "/start"),)
    first = Deed("Start now", base + "/start") if kind == "restarting" else Deed("Restart", base + "/restart")
    return (first, Deed("Stop", base + "/stop"))


def lines(services: Sequence[Any], face: Clockface) -> tuple[Line, ...]:
    """The services for the overview."""
    return tuple(
        Line(
            words.slug(info.name),
            info.name,
            states.of_service(info.status),
            words.plural(info.restarts, "restart"),
            more(info, face),
        )
        for info in ordered(services)
    )


def summary(services: Iterable[Any]) -> str:
    """`1 restarting, 3 running, 1 stopped`."""
    kinds = [states.of_service(info.status) for info in services]
    counted = ((sum(one.kind == kind for one in kinds), kind) for kind in ORDER)
    return ", ".join(f"{count} {kind}" for count, kind in counted if count)


def page(visit: Visit) -> ServicesPage:
    """Read the services and present them."""
    found = list(visit.reads.catalogue.services)
    faults, may = visit.reads.catalogue.faults(), visit.may("run")
    rows = tuple(row(info, visit.face, may, faults.get(info.name, "")) for info in ordered(found))
    return ServicesPage(summary(found), rows)
