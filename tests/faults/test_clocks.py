"""Real programs under clocks that jump: a board that is told the time late, and the nights in which clocks change."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.faults.program import Program, until
from tests.require import require

SCRIPT = """
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.schedule("0 * * * *", missed="all", window="3h", timezone="UTC")
    @app.action(name="hourly")
    def hourly():
        pass

    @app.schedule(at="2026-05-01 13:00", timezone="UTC", window="3h")
    @app.action(name="single")
    def single():
        pass

    @app.schedule("30 2 * * *")
    @app.action(name="half past two")
    def half_past_two():
        pass

    @app.schedule("0 * * * *")
    @app.action(name="local hour")
    def local_hour():
        pass

    @app.schedule(every=1)
    @app.action(name="second")
    def second():
        pass

    atilite.mount("/", app)
    atilite.run(name="clocks")
"""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says what time it is; it may be written while the program runs."""
    return tmp_path / "clock"


@pytest.fixture
def environ(clock: Path) -> dict[str, str]:
    library = next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")
    require(library, "faketime is not installed")
    # Setting the time moves no timer of the system: the other clock stays as it is.
    return {
        "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip


def tell(clock: Path, moment: str) -> None:
    """Let the file say that it is this moment now, in UTC, and let the time go on from there."""
    ahead = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() - time.time()
    said = clock.with_suffix(".new")
    said.write_text(f"{ahead:+.3f}\n")
    os.replace(said, clock)  # whoever reads an empty file takes the time of the machine


def triggers(program: Program, action: str) -> list[tuple[str, str]]:
    """When the runs of an action began, to the minute, and what started them; the oldest first."""
    runs = program.json(f"/internal/journals/?operation={quote(action)}&limit=100")
    return [(run["started_at"][:16], run["trigger"]) for run in reversed(runs)]


@pytest.mark.row("reliability-3", "M7")
def test_a_board_that_is_told_the_time_late_repeats_nothing_and_makes_up_for_the_rest(
    serve: Callable[..., Program], clock: Path, environ: dict[str, str]
) -> None:
    tell(clock, "2026-05-01 12:58:00")
    program = serve(SCRIPT).start(TZ="UTC", **environ)
    # However long it took to start: two seconds are left.
    tell(clock, "2026-05-01 12:59:58")
    until(lambda: triggers(program, "single"))
    program.terminate()
    tell(clock, "1970-01-02 00:00:05")
    program.start(TZ="UTC", **environ)
    until(lambda: any(at.startswith("1970") for at, _ in triggers(program, "second")))
    tell(clock, "2026-05-01 14:10:00")
    until(lambda: len(triggers(program, "hourly")) > 1)
    until(lambda: triggers(program, "second")[-1][0].startswith("2026-05-01T14:1"))

    assert triggers(program, "hourly") == [("2026-05-01T13:00", "schedule"), ("2026-05-01T14:10", "catch-up")]
    assert triggers(program, "single") == [("2026-05-01T13:00", "schedule")]


@pytest.mark.row("reliability-3", "M7")
@pytest.mark.parametrize(
    ("day", "half_past_two", "hours"),
    [
        # 02:00 to 03:00 does not exist.
        ("2026-03-29", [("2026-03-29T01:00", "schedule")], [("2026-03-29T01:00", "schedule")]),
        # After the first 02:59 comes the second 02:00.
        ("2026-10-25", [], [("2026-10-25T01:00", "schedule")]),
    ],
    ids=["summer time", "winter time"],
)
def test_the_machines_own_zone_changes_its_clock(
    serve: Callable[..., Program], clock: Path, environ: dict[str, str], day: str,
    half_past_two: list[tuple[str, str]], hours: list[tuple[str, str]],
) -> None:  # fmt: skip
    tell(clock, f"{day} 00:58:00")
    program = serve(SCRIPT).start(TZ="Europe/Berlin", **environ)
    tell(clock, f"{day} 00:59:58")
    until(lambda: triggers(program, "local hour"))
    until(lambda: len(triggers(program, "half past two")) >= len(half_past_two))
    begun = len(triggers(program, "second"))
    until(lambda: len(triggers(program, "second")) > begun)

    assert triggers(program, "local hour") == hours
    assert triggers(program, "half past two") == half_past_two
