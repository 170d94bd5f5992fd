"""check, with and without --deploy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atilite.cli import check
from atilite.cli.install import Systemd
from atilite.config import Settings
from atilite.errors import SetupError
from atilite.site import Site
from atilite.store.database import Database
from tests.cli.conftest import Shell
from tests.resources.authority import Authority


@pytest.fixture(autouse=True)
def _no_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "Systemd", lambda: Systemd(tmp_path / "units"))


def findings(shell: Shell, *words: str) -> dict[str, bool]:
    shell("check", "--json", *words)
    return {row["what"]: row["ok"] for row in json.loads(shell.out)}


def test_a_new_folder_is_sound(shell: Shell, tmp_path: Path) -> None:
    assert shell("check") == 0
    assert "none yet, the first start makes it" in shell.out
    assert list(tmp_path.iterdir()) == []


def test_data_is_read_through(shell: Shell, tmp_path: Path) -> None:
    shell("migrate")
    assert findings(shell) == {"settings": True, "data": True, "data mode": True, "disk": True, "mounts": True}

    (tmp_path / "data.db").chmod(0o644)
    assert shell("check") == 1
    assert f"chmod 600 {tmp_path}/data.db" in shell.out


def test_damaged_data_is_found(shell: Shell, tmp_path: Path) -> None:
    shell("migrate")
    (tmp_path / "data.db").write_bytes(b"nothing of the kind" * 1000)

    assert shell("check") == 1
    assert findings(shell)["data"] is False


def test_mounts_that_cannot_be_put_together_are_found(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Site, settings: Settings) -> Site:
        raise SetupError("garden subscribes to 'weather', which is not mounted")

    monkeypatch.setattr(Site, "open", refuse)

    assert shell("check") == 1
    assert "garden subscribes to 'weather'" in shell.out


def test_a_plan_that_is_wrong_is_found(shell: Shell) -> None:
    shell.declare = lambda app: app.mount_plan("house a\nframer b be active\nframe c\ngo nowhere\n", name="fan")

    assert shell("check") == 1
    assert "no frame nowhere" in shell.out


def test_it_can_be_asked_beside_a_running_server(shell: Shell, tmp_path: Path) -> None:
    shell.declare = lambda app: app.on("mounted")(lambda: app.kv.get("seen").fetch())

    with Database.open(f"sqlite:///{tmp_path}/data.db"):
        assert shell("check") == 0


@pytest.mark.row("I45")
def test_a_certificate_is_looked_at_and_is_encryption_enough(shell: Shell, tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).certificate("DNS:board.local")
    shell("migrate")
    assert "certificate" not in findings(shell)
    flags = ("--host", "0.0.0.0", "--tls-cert", cert, "--tls-key", key)
    found = findings(shell, "--deploy", *flags)
    assert (found["encryption"], found["certificate"]) == (True, True)
    assert findings(shell, *flags[:4])["certificate"] is False
    Path(key).chmod(0o644)
    assert findings(shell, *flags)["certificate"] is False
    assert f"chmod o= {key}" in shell.out


def test_what_others_could_reach_is_looked_at_before_deploying(shell: Shell, tmp_path: Path) -> None:
    shell("migrate")
    open_to_all = findings(shell, "--deploy", "--host", "0.0.0.0", "--devel", "--dev")
    wrong = {what for what, ok in open_to_all.items() if not ok}
    assert wrong == {"accounts", "developer mode", "host names", "encryption", "cross-origin calls", "service"}

    shell("user", "add", "ana", "--role", "admin", stdin="correct horse\n")
    (tmp_path / "units").mkdir()
    (tmp_path / "units/garden.service").touch()
    flags = ("--host", "0.0.0.0", "--allowed-host", "board.local", "--behind-proxy", "10.0.0.1", "--name", "garden")
    assert shell("check", "--deploy", *flags) == 0
