"""The board's own vitals: read every minute, kept for a day, drawn at /board."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

from atilite import Atilite, charts

# Linux keeps the temperature of the processor here, in thousandths of a degree; many machines have none.
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
MEMINFO = Path("/proc/meminfo")
KEPT = 24 * 60  # readings: one a minute for a day

# What is drawn: key, title, unit.
FIGURES = (
    ("load", "Load", ""),
    ("memory", "Memory", "%"),
    ("disk", "Disk", "%"),
    ("temperature", "Temperature", "°C"),
)


def memory_used(meminfo: str) -> float:
    """The used part of the memory in percent, from the text of /proc/meminfo."""
    values = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in meminfo.splitlines() if ":" in line)}
    return round(100 - 100 * values["MemAvailable"] / values["MemTotal"], 1)


def measure() -> dict[str, float]:
    """One reading: load of the last minute, memory and disk used in percent, temperature in °C where there is one."""
    disk = shutil.disk_usage("/")
    reading = {"at": round(time.time()), "load": round(os.getloadavg()[0], 2), "disk": round(100 * disk.used / disk.total, 1)}
    if MEMINFO.exists():
        reading["memory"] = memory_used(MEMINFO.read_text())
    if THERMAL.exists():
        reading["temperature"] = round(int(THERMAL.read_text()) / 1000, 1)
    return reading


def series(readings: list[dict[str, float]], key: str) -> list[tuple[float, float]]:
    """The points of one figure: (unix time, value), without the readings that lack it."""
    return [(reading["at"], reading[key]) for reading in readings if key in reading]


def figure(key: str, title: str, unit: str, points: list[tuple[float, float]]) -> dict[str, Any]:
    """What the page shows of one figure: its title, the value now, and the chart."""
    values = [value for _, value in points]
    words = f"{title} of the last day: {min(values):g} to {max(values):g} {unit}, now {values[-1]:g} {unit}"
    times = [time.strftime("%H:%M", time.localtime(at)) for at in (points[0][0], points[-1][0])]
    svg = charts.line_chart(points, words, unit=unit, labels=times)
    return {"title": title, "unit": unit, "now": values[-1], "svg": svg}


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    kv = app.kv.select("board")

    @app.schedule(every="1m", at_start=True)
    @app.action(name="Read the board", label="board")
    def read_board() -> dict[str, float]:
        """Read load, memory, disk and temperature now."""
        reading = measure()
        readings = kv.get("readings").fetch() or []
        kv.set(readings=[*readings, reading][-KEPT:]).commit()
        app.journal.record("board read", **reading)
        return reading

    @app.route("", methods=["GET"])
    def page(was: Any) -> Any:
        readings = kv.get("readings").fetch() or []
        drawn = [figure(*one, points) for one in FIGURES if (points := series(readings, one[0]))]
        return was.render("board.j2", title="Board", figures=drawn, count=len(readings))

    @app.route("/readings.json", methods=["GET"])
    def readings(was: Any, last: int = KEPT) -> Any:
        stored = kv.get("readings").fetch() or []
        return was.API(readings=stored[-last:] if last > 0 else [])
