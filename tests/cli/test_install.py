"""install, update, uninstall, with a systemctl that only notes what it is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from atilite.cli import install
from atilite.cli.install import Systemd
from atilite.config import Settings
from atilite.errors import AtiliteError, ConfigError
from atilite.store.database import Database
from tests.cli.conftest import Make, Shell
from tests.resources.authority import Authority


class Systemctl:
    """Notes the calls; fails those whose first word is in `failing`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing: set[str] = set()

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(" ".join(command[1:]))
        failed = command[1] in self.failing
        return subprocess.CompletedProcess(command, int(failed), "", "Unit not found.\n" if failed else "")


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    fake = Systemctl()
    units = tmp_path / "units"
    units.mkdir()
    monkeypatch.setattr(install, "Systemd", lambda: Systemd(units, fake))
    monkeypatch.setattr(install, "check_readable", lambda program, unit: None)
    return fake


@pytest.mark.row("A195")
def test_install_writes_enables_and_starts(call: Make, systemctl: Systemctl, tmp_path: Path) -> None:
    assert install.install(call(name="board", port="8080")) == 0

    text = (tmp_path / "units/board.service").read_text(encoding="utf-8")
    assert f"--port 8080 --db sqlite:///{tmp_path}/data.db --name board" in text
    assert systemctl.calls == ["daemon-reload", "enable --now board.service"]


@pytest.mark.row("A195")
def test_where_systemd_does_not_run_nothing_is_left_behind(call: Make, systemctl: Systemctl, tmp_path: Path) -> None:
    systemctl.failing.add("daemon-reload")
    with pytest.raises(AtiliteError, match="systemctl daemon-reload failed"):
        install.install(call(name="board", port="8080"))
    assert not (tmp_path / "units/board.service").exists()

    systemctl.failing.clear()
    assert install.install(call(name="board", port="8080")) == 0


@pytest.mark.row("A195")
def test_a_second_install_is_refused_and_update_takes_its_place(
    call: Make, systemctl: Systemctl, tmp_path: Path
) -> None:
    install.install(call(name="board", port="8080"))
    with pytest.raises(AtiliteError, match="use update"):
        install.install(call(name="board", port="9090"))

    assert install.update(call(name="board", port="9090")) == 0

    assert "--port 9090" in (tmp_path / "units/board.service").read_text(encoding="utf-8")
    assert systemctl.calls[-2:] == ["daemon-reload", "restart board.service"]


@pytest.mark.row("A194")
def test_uninstall_leaves_nothing_but_the_data(
    call: Make, systemctl: Systemctl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install.install(call(name="board"))

    assert install.uninstall(call(name="board")) == 0

    assert list((tmp_path / "units").iterdir()) == []
    assert systemctl.calls[-2:] == ["disable --now board.service", "daemon-reload"]
    assert "/var/lib/board is left" in capsys.readouterr().out


@pytest.mark.parametrize("command", [install.update, install.uninstall])
def test_what_is_not_installed_says_so(command, call: Make, systemctl: Systemctl) -> None:
    with pytest.raises(AtiliteError, match=r"there is no .*board\.service \(use install"):
        command(call(name="board"))


@pytest.mark.row("A194")
def test_remove_is_another_name_for_uninstall(shell: Shell, systemctl: Systemctl, tmp_path: Path) -> None:
    (tmp_path / "units/board.service").touch()

    assert shell("--name", "board", "remove") == 0
    assert not (tmp_path / "units/board.service").exists()


@pytest.mark.row("reliability-30")
@pytest.mark.parametrize("command", [install.install, install.update])
def test_a_service_that_everybody_could_use_is_not_installed(
    command, call: Make, systemctl: Systemctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "STATE", tmp_path / "state")
    (tmp_path / "units/board.service").touch()
    monkeypatch.setattr(Systemd, "installed", lambda self, name: command is install.update)
    made = call(name="board", host="0.0.0.0", db=Settings().db)

    with pytest.raises(ConfigError) as refused:
        command(made)

    place = tmp_path / "state/board"
    assert f"(mkdir -p {place}, then python serve.py --db sqlite:///{place}/data.db user add NAME" in str(refused.value)
    assert systemctl.calls == []

    place.mkdir(parents=True)
    with Database.open(f"sqlite:///{place}/data.db") as database:
        database.accounts.add("ana", "correct horse", "admin")
    assert command(made) == 0


def test_a_command_on_other_data_than_the_service_s_says_where_that_is(
    shell: Shell, systemctl: Systemctl, tmp_path: Path
) -> None:
    unit = tmp_path / "units/board.service"
    unit.write_text("ExecStart=python serve.py --db sqlite:////var/lib/board/data.db --name board\n", encoding="utf-8")

    assert shell("--name", "board", "user", "list") == 0
    flag = "--db sqlite:////var/lib/board/data.db"
    assert shell.err == f"note: the data of board.service is elsewhere (put {flag} in front of the command)\n"
    shell("--name", "board", "--db", f"sqlite:///{tmp_path}/own.db", "user", "list")
    assert shell.err == ""
    shell("--name", "other", "user", "list")
    assert shell.err == ""


def test_print_changes_nothing(
    call: Make, systemctl: Systemctl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install.install(call({"only_print": True, "device": ["gpio"]}, name="board")) == 0

    assert "ExecStart=" in capsys.readouterr().out
    assert systemctl.calls == []
    assert list((tmp_path / "units").iterdir()) == []


def test_without_a_database_flag_the_data_is_in_the_service_s_own_folder(call: Make, systemctl: Systemctl) -> None:
    made = call(name="board", db="sqlite:///data.db")

    assert install.wanted(made).command[-4:] == ["--db", "sqlite:////var/lib/board/data.db", "--name", "board"]


def test_what_systemctl_says_is_told(call: Make, systemctl: Systemctl) -> None:
    systemctl.failing = {"enable"}

    with pytest.raises(AtiliteError, match=r"Unit not found\. \(see journalctl -u board\.service\)"):
        install.install(call(name="board"))


def test_a_machine_without_systemd_is_told_what_to_do_instead(tmp_path: Path) -> None:
    with pytest.raises(AtiliteError, match=r"there is no .*nothing-here on this machine \(use start"):
        install.run_program([str(tmp_path / "nothing-here")])


def test_without_the_right_to_write_the_remedy_is_sudo(tmp_path: Path) -> None:
    with pytest.raises(AtiliteError, match="run it with sudo"):
        Systemd(tmp_path / "missing").write("board", "text")


def test_developer_mode_is_no_service(call: Make, systemctl: Systemctl) -> None:
    with pytest.raises(ConfigError, match="leave --devel out"):
        install.install(call(devel=True))


def test_an_unknown_device_is_refused_before_anything_is_written(
    call: Make, systemctl: Systemctl, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="gpoi"):
        install.install(call({"device": ["gpoi"]}))

    assert list((tmp_path / "units").iterdir()) == []


@pytest.mark.parametrize("command", [install.install, install.update])
def test_a_device_whose_group_is_missing_is_refused_before_anything_is_written(
    command, call: Make, systemctl: Systemctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Systemd, "installed", lambda self, name: command is install.update)
    monkeypatch.setattr(install.grp, "getgrnam", {"dialout": object()}.__getitem__)

    with pytest.raises(AtiliteError, match="there is no group gpio on this machine for --device gpio"):
        command(call({"device": ["serial", "gpio"]}))

    assert systemctl.calls == []
    assert command(call({"device": ["serial", "/dev/ttyUSB0"]})) == 0


@pytest.mark.row("A198")
def test_a_place_that_the_service_could_not_enter_is_refused(call: Make, tmp_path: Path) -> None:
    made = call(name="board")
    tmp_path.chmod(0o700)

    with pytest.raises(AtiliteError, match="is closed to other users") as caught:
        install.check_readable(made.program, install.wanted(made))

    assert "--user" in str(caught.value)
    install.check_readable(made.program, install.wanted(call({"user": "games"}, name="board")))


def test_only_a_low_port_needs_a_capability(call: Make) -> None:
    assert install.wanted(call(port="80")).low_port
    assert not install.wanted(call(port="8080")).low_port
    assert not install.wanted(call(port="80", unix="/run/board.sock")).low_port


def test_the_interpreter_is_the_one_that_runs_this(call: Make) -> None:
    assert install.wanted(call()).command[0] == sys.executable


@pytest.mark.row("I45")
def test_a_certificate_is_handed_to_the_service_which_could_not_read_it(
    call: Make, systemctl: Systemctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = Authority(tmp_path).certificate("DNS:board.local")
    monkeypatch.chdir(tmp_path)
    files = {"tls_cert": Path(cert).name, "tls_key": Path(key).name}

    install.install(call(name="board", **files))

    text = (tmp_path / "units/board.service").read_text(encoding="utf-8")
    held = "/run/credentials/board.service"
    assert f"--tls-cert {held}/tls_cert --tls-key {held}/tls_key" in text
    assert f"LoadCredential=tls_cert:{cert}\nLoadCredential=tls_key:{key}\n" in text

    named = install.wanted(call(name="board", options={"user": "games"}, **files)).text()
    assert f"--tls-cert {cert} --tls-key {key}" in named
    assert "LoadCredential" not in named


def test_a_certificate_that_does_not_fit_is_not_installed(call: Make, systemctl: Systemctl, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        install.install(call(name="board", tls_cert="/nowhere.pem", tls_key="/nowhere.key"))
    assert not (tmp_path / "units/board.service").exists()
