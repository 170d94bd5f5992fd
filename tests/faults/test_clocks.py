"""Real programs under clocks that jump: a board that is told the time late, and the nights in which clocks change."""

from __future__ import annotations

from collections.abc import Callable
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


def triggers(program: Program, action: str) -> list[tuple[str, str]]:
    """When the runs of an action began, to the minute, and what started them; the oldest first."""
    runs = program.json(f"/internal/journals/?operation={quote(action)}&limit=100")
    return [(run["started_at"][:16], run["trigger"]) for run in reversed(runs)]


@pytest.mark.row("reliability-3", "M7")
def test_a_board_that_is_told_the_time_late_repeats_nothing_and_makes_up_for_the_rest(
    serve: Callable[..., Program], clock: Path, environ: dict[str, str]
) -> None:
    clock.write_text("@2026-05-01 12:59:56\n")
    program = serve(SCRIPT).start(TZ="UTC", **environ)
    until(lambda: triggers(program, "single"))
    program.terminate()
    clock.write_text("@1970-01-02 00:00:05\n")
    program.start(TZ="UTC", **environ)
    until(lambda: any(at.startswith("1970") for at, _ in triggers(program, "second")))
    clock.write_text("@2026-05-01 14:10:00\n")
    until(lambda: len(triggers(program, "hourly")) > 1)
    until(lambda: triggers(program, "second")[-1][0].startswith("2026-05-01T14:1"))

    assert triggers(program, "hourly") == [("2026-05-01T13:00", "schedule"), ("2026-05-01T14:10", "catch-up")]
    assert triggers(program, "single") == [("2026-05-01T13:00", "schedule")]


@pytest.mark.row("reliability-3", "M7")
@pytest.mark.parametrize(
    ("time", "half_past_two", "hours"),
    [
        # 02:00 to 03:00 does not exist.
        ("2026-03-29 01:59:56", [("2026-03-29T01:00", "schedule")], [("2026-03-29T01:00", "schedule")]),
        # After the first 02:59 comes the second 02:00.
        ("2026-10-25 00:59:56", [], [("2026-10-25T01:00", "schedule")]),
    ],
    ids=["summer time", "winter time"],
)
def test_the_machines_own_zone_changes_its_clock(
    serve: Callable[..., Program], clock: Path, environ: dict[str, str], time: str,
    half_past_two: list[tuple[str, str]], hours: list[tuple[str, str]],
) -> None:  # fmt: skip
    autumn = "10-25" in time
    # In autumn the local time has two meanings, so the moment is given as seconds since 1970.
    clock.write_text("@1792889996\n" if autumn else f"@{time}\n")
    program = serve(SCRIPT).start(TZ="Europe/Berlin", **environ, **({"FAKETIME_FMT": "%s"} if autumn else {}))
    until(lambda: triggers(program, "local hour"))
    until(lambda: len(triggers(program, "half past two")) >= len(half_past_two))
    begun = len(triggers(program, "second"))
    until(lambda: len(triggers(program, "second")) > begun)

    assert triggers(program, "local hour") == hours
    assert triggers(program, "half past two") == half_past_two
