"""What the board says of itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from atilite.console import vitals
from atilite.console.desk import Desk
from atilite.testing.clock import FakeClock


def board(root: Path, celsius: str = "61234") -> Path:
    for name, text in (
        ("proc/loadavg", "0.50 0.40 0.30 1/200 999\n"),
        ("proc/meminfo", "MemTotal:  1048576 kB\nMemFree: 1 kB\nMemAvailable:  524288 kB\n"),
        ("sys/class/thermal/thermal_zone0/temp", celsius + "\n"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_vitals_are_read_from_where_the_kernel_keeps_them(tmp_path: Path) -> None:
    reading = vitals.read(tmp_path / "data.db", board(tmp_path))

    assert reading.load == 0.5
    assert reading.celsius == 61.234
    assert reading.memory == (512 << 20, 1024 << 20)
    assert reading.disk is not None


def test_a_system_without_these_files_has_no_such_figures(tmp_path: Path) -> None:
    reading = vitals.read(tmp_path / "nowhere" / "data.db", tmp_path)

    assert (reading.load, reading.celsius, reading.memory, reading.disk) == (None, None, None, None)
    assert vitals.vitals(reading) == ()


def test_the_figures_say_in_words_what_the_meters_show() -> None:
    reading = vitals.Reading(1.0, 4, 61.2, (214 << 20, 428 << 20), (5_400_000_000, 29_000_000_000))

    shown = {vital.label: vital for vital in vitals.vitals(reading)}

    assert shown["Load, 1 min"].percent == 25
    assert shown["Temperature"].title == "61 °C, slows down at 80 °C"
    assert (shown["Memory"].figure, shown["Memory"].unit, shown["Memory"].percent) == ("214", "of 428 MiB", 50)
    assert (shown["Disk"].figure, shown["Disk"].unit, shown["Disk"].percent) == ("5.4", "GB free of 29", 81)
    assert not any(vital.high for vital in shown.values())


def test_a_hot_board_and_a_full_disk_are_high() -> None:
    reading = vitals.Reading(celsius=82.0, disk=(1, 1000))

    assert [vital.high for vital in vitals.vitals(reading)] == [True, True]


def test_the_size_of_the_data_makes_up_for_a_figure_that_the_board_does_not_tell() -> None:
    three = vitals.Reading(1.0, 4, None, (1, 2), (900, 1000), data=250)
    four = vitals.Reading(1.0, 4, 50.0, (1, 2), (900, 1000), data=250)

    assert [vital.label for vital in vitals.vitals(three)] == ["Load, 1 min", "Memory", "Disk", "Data"]
    assert "Data" not in [vital.label for vital in vitals.vitals(four)]


def test_the_vitals_are_read_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter(vitals.Reading(float(number)) for number in range(9))
    monkeypatch.setattr(vitals, "read", lambda file: next(readings))
    site, clock = SimpleNamespace(database=lambda: SimpleNamespace(path=tmp_path / "data.db")), FakeClock()
    desk = Desk(SimpleNamespace(site=site), clock)
    assert [desk.board().load, desk.board().load] == [0.0, 0.0]
    clock.advance(1.0)
    assert [desk.board().load, desk.board().load] == [1.0, 1.0]
