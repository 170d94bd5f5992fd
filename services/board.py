"""The board's own vitals: read every minute, kept for a day, drawn at /board."""

import os
import shutil
import time
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

from atilite import Atilite, Range, charts

# Linux keeps the temperature of the processor here, in thousandths of a degree; many machines have none.
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
MEMINFO = Path("/proc/meminfo")
DAY = 24 * 3600  # seconds that a reading is kept

Point = tuple[float, float]

# What is drawn: key, title, unit.
FIGURES = (
    ("load", "Load", ""),
    ("memory", "Memory", "%"),
    ("disk", "Disk", "%"),
    ("temperature", "Temperature", "°C"),
)


def memory_used(meminfo: str) -> float:
    """The used part of the memory in percent, from the text of /proc/meminfo."""
    rows = (line.partition(":") for line in meminfo.splitlines() if ":" in line)
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in rows}
    return round(100 - 100 * kilobytes["MemAvailable"] / kilobytes["MemTotal"], 1)


def measure() -> dict[str, float]:
    """One reading: load of the last minute, memory and disk used in percent, temperature in °C where there is one."""
    disk = shutil.disk_usage("/")
    reading: dict[str, float] = {"at": round(time.time()), "load": round(os.getloadavg()[0], 2)}
    if MEMINFO.exists():
        reading["memory"] = memory_used(MEMINFO.read_text())
    reading["disk"] = round(100 * disk.used / disk.total, 1)
    if THERMAL.exists():
        reading["temperature"] = round(int(THERMAL.read_text()) / 1000, 1)
    return reading


def series(readings: list[dict[str, float]], key: str) -> list[Point]:
    """The points of one figure: (unix time, value), without the readings that lack it."""
    return [(reading["at"], reading[key]) for reading in readings if key in reading]


def thinned(points: list[Point], most: int = 200) -> list[Point]:
    """At most so many points, each the mean of some neighbours: a chart has no room for more."""
    size = -(-len(points) // most)
    groups = (points[start : start + size] for start in range(0, len(points), size or 1))
    return [(fmean(at for at, _ in group), fmean(value for _, value in group)) for group in groups]


def figure(key: str, title: str, unit: str, points: list[Point]) -> dict[str, Any]:
    """What the page shows of one figure: its title, the value now, and the chart."""
    values = [value for _, value in points]
    words = f"{title} of the last day: {min(values):g} to {max(values):g} {unit}, now {values[-1]:g} {unit}"
    first, last = points[0][0], points[-1][0]
    clock = [time.strftime("%H:%M", time.localtime(at)) for at in (first, (first + last) / 2, last)]
    svg = charts.line_chart(thinned(points), words, unit=unit, labels=clock, width=400, height=170)
    return {"title": title, "now": f"{values[-1]:g} {unit}", "svg": svg}


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    kv = app.kv.select("board")

    def kept() -> list[dict[str, float]]:
        """The readings of the last day, the oldest first."""
        return list(kv.items().fetch().values())

    @app.schedule(every="1m", at_start=True)
    @app.action(name="Read the board", label="board")
    def read_board() -> dict[str, float]:
        """Read load, memory, disk and temperature now."""
        reading = measure()
        # A key for each reading, named by its time: they sort by it, and each goes away by itself after a day.
        key = f"{reading['at']:012.0f}"
        kv.set({key: reading})
        kv.expire(key, DAY).commit()
        app.journal.record("board read", **reading)
        return reading

    @app.command("Show full disks", "df -h -- {path}", label="board", timeout=20)
    def full_disks(path: Literal["/", "/tmp", "/boot"] = "/") -> None:
        """Show how full the disk of a folder is."""

    @app.route("", methods=["GET"])
    def page(was: Any) -> Any:
        readings = kept()
        drawn = [figure(*one, points) for one in FIGURES if (points := series(readings, one[0]))]
        return was.render("board.j2", title="Board", figures=drawn, count=len(readings))

    @app.route("/readings.json", methods=["GET"])
    def readings(was: Any, last: Annotated[int, Range(1, 10_000)] = 2000) -> Any:
        return was.API(readings=kept()[-last:])
