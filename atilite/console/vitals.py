"""The vitals of the board: load, temperature, memory and disk, read from where Linux keeps them."""

from __future__ import annotations

import os
from pathlib import Path

from atilite.console import words
from atilite.quickly import dataclass

HOT = 80.0
FULL = 95


@dataclass(frozen=True, slots=True)
class Reading:
    """What the board said; None where it has no such file (another system, a container)."""

    load: float | None = None
    processors: int = 1
    celsius: float | None = None
    memory: tuple[int, int] | None = None
    disk: tuple[int, int] | None = None
    data: int | None = None


@dataclass(frozen=True, slots=True)
class Vital:
    """One figure of the overview: `percent` fills the meter, `title` says it in words."""

    label: str
    figure: str
    unit: str
    percent: int
    title: str
    high: bool = False


def read(database: Path, root: Path = Path("/")) -> Reading:
    """Read the vitals now; the disk is that of the database. Any thread; a few small files of the kernel."""
    return Reading(
        load=_load(root / "proc/loadavg"),
        processors=os.cpu_count() or 1,
        celsius=_celsius(root / "sys/class/thermal/thermal_zone0/temp"),
        memory=_memory(root / "proc/meminfo"),
        disk=_disk(database.parent),
        data=_size(database),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:  # This system has no such file; the vital is left out of the page.
        return None


def _load(path: Path) -> float | None:
    text = _text(path)
    return float(text.split()[0]) if text else None


def _celsius(path: Path) -> float | None:
    text = _text(path)
    return int(text) / 1000 if text and text.strip().lstrip("-").isdigit() else None


def _memory(path: Path) -> tuple[int, int] | None:
    text = _text(path)
    if not text:
        return None
    kib = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if len(line.split()) > 1}
    if "MemTotal" not in kib or "MemAvailable" not in kib:
        return None
    return (kib["MemTotal"] - kib["MemAvailable"]) * 1024, kib["MemTotal"] * 1024


def _size(path: Path) -> int | None:
    log = path.with_name(f"{path.name}-wal")  # what is new is there first
    try:
        return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    except OSError:
        return None


def _disk(folder: Path) -> tuple[int, int] | None:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize


def vitals(reading: Reading) -> tuple[Vital, ...]:
    """The figures to show, in their order; those the board does not tell are left out."""
    told = (_load_vital(reading), _heat_vital(reading), _memory_vital(reading), _disk_vital(reading))
    shown = [vital for vital in told if vital is not None]
    # The figures stand in twos and fours: the size of the data makes up for one that the board does not tell.
    data = _data_vital(reading) if len(shown) % 2 else None
    return tuple([*shown, data] if data is not None else shown)


def _share(part: float, whole: float) -> int:
    return max(0, min(100, round(100 * part / whole))) if whole else 0


def _load_vital(reading: Reading) -> Vital | None:
    if reading.load is None:
        return None
    percent = _share(reading.load, reading.processors)
    unit = f"of {words.plural(reading.processors, 'core')}"
    return Vital("Load, 1 min", f"{reading.load:.2f}", unit, percent, f"Load {percent} % of what the board can do")


def _heat_vital(reading: Reading) -> Vital | None:
    if reading.celsius is None:
        return None
    title = f"{reading.celsius:.0f} °C, slows down at {HOT:.0f} °C"
    return Vital(
        "Temperature", f"{reading.celsius:.0f} °C", "", _share(reading.celsius, HOT), title, reading.celsius >= HOT
    )


def _memory_vital(reading: Reading) -> Vital | None:
    if reading.memory is None:
        return None
    used, total = reading.memory
    percent = _share(used, total)
    title = f"Memory {percent} % used"
    if total < 10 << 30:
        return Vital("Memory", words.number(used >> 20), f"of {words.number(total >> 20)} MiB", percent, title)
    return Vital("Memory", f"{used / (1 << 30):.1f}", f"of {total / (1 << 30):.0f} GiB", percent, title)


def _disk_vital(reading: Reading) -> Vital | None:
    if reading.disk is None:
        return None
    free, total = reading.disk
    percent = _share(total - free, total)
    unit = f"GB free of {total / 1e9:.0f}"
    return Vital("Disk", f"{free / 1e9:.1f}", unit, percent, f"Disk {percent} % used", percent >= FULL)


def _data_vital(reading: Reading) -> Vital | None:
    if reading.data is None:
        return None
    percent = _share(reading.data, reading.disk[1]) if reading.disk else 0
    figure, unit = words.size(reading.data).split(" ")
    return Vital("Data", figure, unit, percent, f"Data, {percent} % of the disk")
