"""The text of the systemd unit, and what systemd itself says about it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from atilite.cli.unit import DEVICES, Unit, device_nodes, quote
from atilite.errors import ConfigError
from atilite.serving import HUNG_UP
from tests.require import require

COMMAND = (sys.executable, "/opt/board/serve.py", "--port", "8080")
UNITS = {
    "plain": Unit("board", COMMAND),
    "user": Unit("board", COMMAND, user="games", home_readable=True),
    "low_port": Unit("board", COMMAND, low_port=True),
    "devices": Unit("board", COMMAND, devices=(*DEVICES, "/dev/ttyUSB0")),
    "credentials": Unit("board", COMMAND, credentials=(("tls_cert", "/etc/my board.pem"), ("tls_key", "/etc/b.key"))),
    "everything": Unit("board", COMMAND, "games", ("gpio", "serial"), True, True, "/opt/my board"),
}


def values(unit: Unit, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.text(), re.MULTILINE)


@pytest.mark.row("A195")
def test_it_waits_for_ready_watches_and_restarts() -> None:
    unit = UNITS["plain"]

    assert values(unit, "Type") == ["notify"]
    assert values(unit, "WatchdogSec") == ["30"]
    assert values(unit, "Restart") == ["on-failure"]
    assert values(unit, "RestartPreventExitStatus") == ["2"]
    assert values(unit, "RestartForceExitStatus") == values(unit, "SuccessExitStatus") == [str(HUNG_UP)]
    assert values(unit, "ExecStart") == [f"{sys.executable} /opt/board/serve.py --port 8080"]
    assert values(unit, "WantedBy") == ["multi-user.target"]


@pytest.mark.row("A198")
def test_without_a_user_systemd_invents_one_and_never_is_it_root() -> None:
    assert values(UNITS["plain"], "DynamicUser") == ["yes"]
    assert values(UNITS["plain"], "User") == []
    assert values(UNITS["user"], "User") == ["games"]
    assert values(UNITS["user"], "DynamicUser") == []


def test_data_lives_in_a_folder_of_its_own() -> None:
    assert values(UNITS["plain"], "StateDirectory") == ["board"]
    assert values(UNITS["plain"], "StateDirectoryMode") == ["0700"]
    assert values(UNITS["plain"], "WorkingDirectory") == ["%S/board"]


def test_homes_are_closed_unless_the_program_is_in_one() -> None:
    assert values(UNITS["plain"], "ProtectHome") == ["yes"]
    assert values(UNITS["user"], "ProtectHome") == ["read-only"]


def test_a_port_below_1024_costs_one_capability_and_no_other_port_does() -> None:
    assert values(UNITS["plain"], "CapabilityBoundingSet") == [""]
    assert values(UNITS["low_port"], "CapabilityBoundingSet") == ["CAP_NET_BIND_SERVICE"]
    assert values(UNITS["low_port"], "AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]


def test_devices_are_opened_one_by_one() -> None:
    assert values(UNITS["plain"], "PrivateDevices") == ["yes"]
    assert values(UNITS["everything"], "PrivateDevices") == []
    assert values(UNITS["everything"], "DevicePolicy") == ["closed"]
    assert "char-gpiochip rw" in values(UNITS["everything"], "DeviceAllow")
    assert values(UNITS["everything"], "SupplementaryGroups") == ["gpio", "dialout"]
    assert "/dev/ttyUSB0 rw" in values(UNITS["devices"], "DeviceAllow")


@pytest.mark.parametrize("device", ["gpoi", "/etc/passwd", "/dev/../etc/passwd", "/dev/a b", "/dev/x\nUser=root"])
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match="known: gpio"):
        device_nodes(device)


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("--port", "--port"),
        ("/opt/my board/serve.py", '"/opt/my board/serve.py"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$$HOME"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("", '""'),
    ],
)
def test_words_reach_the_program_as_they_are(word: str, quoted: str) -> None:
    assert quote(word) == quoted


@pytest.fixture
def systemd_analyze() -> str:
    program = shutil.which("systemd-analyze")
    require(program, "systemd-analyze is not installed")
    assert program is not None
    return program


@pytest.mark.row("reliability-31")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_to_say(name: str, systemd_analyze: str, tmp_path: Path) -> None:
    file = tmp_path / "board.service"
    file.write_text(UNITS[name].text(), encoding="utf-8")

    # An unknown key is only a line on stderr, with exit code 0: so nothing at all may be said.
    checked = subprocess.run([systemd_analyze, "verify", file], capture_output=True, text=True, timeout=60, check=False)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.row("reliability-31")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_rates_the_exposure_at_most_two(name: str, systemd_analyze: str, tmp_path: Path) -> None:
    file = tmp_path / "board.service"
    file.write_text(UNITS[name].text(), encoding="utf-8")

    command = [systemd_analyze, "security", "--offline=true", "--no-pager", "--threshold=20", file]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert checked.returncode == 0, checked.stdout[-200:]


def test_files_that_only_root_reads_are_handed_over() -> None:
    unit = Unit("board", COMMAND, credentials=(("tls_cert", "/etc/100% my.pem"),))
    assert values(unit, "LoadCredential") == ["tls_cert:/etc/100%% my.pem"]
    assert values(UNITS["plain"], "LoadCredential") == []
