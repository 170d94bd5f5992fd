"""--nginx-conf: what is collected, and what is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atilite.app import Atilite
from atilite.cli.proxy import upstream
from atilite.config import Settings
from tests.cli.conftest import Shell


@pytest.fixture
def files(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with two folders of static files at one URL; the first one wins. Gives the folder for nginx."""
    folders = {"first": {"a.css": "first"}, "second": {"a.css": "second", "b.css": "b", ".env": "key"}}
    for name, texts in folders.items():
        (tmp_path / name).mkdir()
        for file, text in texts.items():
            (tmp_path / name / file).write_text(text, encoding="utf-8")

    def declare(app: Atilite) -> None:
        app.set_static("/static", tmp_path / "first")
        app.set_static("/static", tmp_path / "second", rank=-1)

    shell.declare = declare
    return tmp_path / "nginx"


@pytest.mark.row("A197")
def test_static_files_are_collected_and_the_configuration_is_written(shell: Shell, files: Path) -> None:
    assert shell("--name", "board", "--nginx-conf", "board.example.org") == 0

    copied = files / "static/static"
    assert sorted(path.name for path in copied.iterdir()) == ["a.css", "b.css"], "what is hidden stays hidden"
    assert (copied / "a.css").read_text(encoding="utf-8") == "first"
    text = (files / "board.conf").read_text(encoding="utf-8")
    assert f"root {files}/static;" in text
    assert "location ^~ /static/ {" in text
    assert "--disable-static --allowed-host board.example.org --behind-proxy 127.0.0.1" in shell.out


@pytest.mark.row("A197")
def test_files_that_have_gone_are_not_left_behind(shell: Shell, files: Path) -> None:
    shell("--nginx-conf", "board.example.org")
    (files.parent / "second/b.css").unlink()

    assert shell("--nginx-conf=board.example.org") == 0
    assert [path.name for path in (files / "static/static").iterdir()] == ["a.css"]


def test_print_writes_nothing(shell: Shell, files: Path) -> None:
    assert shell("--nginx-conf", "board.example.org", "--print", "--auth", "internal") == 0

    assert "server_name board.example.org;" in shell.out
    assert "location ^~ /console {" in shell.out
    assert not files.exists()


@pytest.mark.row("A197")
def test_uploads_are_not_copied(shell: Shell, files: Path, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads/photo.png").write_bytes(b"png")

    def declare(app: Atilite) -> None:
        app.config.MEDIA_ROOT = "uploads"
        app.set_static("/media", tmp_path / "uploads")

    shell.declare = declare
    assert shell("--nginx-conf", "board.example.org") == 0
    assert not (files / "static/media").exists()
    assert f"alias {tmp_path}/uploads/;" in (files / "atilite.conf").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--nginx-conf", "two words"), "it is a host name such as board.example.org", 2),
        (("--nginx-conf",), "expected one argument", 2),
        (("--nginx-conf", "b.org", "--into", "/proc/nowhere"), "(name another folder with --into)", 1),
    ],
)
def test_what_cannot_be_written_is_one_line(words: tuple[str, ...], said: str, code: int, shell: Shell) -> None:
    assert shell(*words) == code
    assert shell.err.startswith("atilite: ")
    assert said in shell.err
    assert shell.err.count("\n") == 1


def test_a_folder_that_nginx_cannot_enter_is_told_where_it_has_to_read_files(shell: Shell, files: Path) -> None:
    files.parent.chmod(0o700)

    assert shell("--nginx-conf", "board.example.org") == 0
    assert "is closed to others (chmod o+x /" in shell.err
    assert shell.err.count("\n") == 1
    assert (files / "static/static/b.css").exists()

    shell.declare = lambda app: None
    assert shell("--nginx-conf", "board.example.org") == 0
    assert shell.err == "", "the configuration itself is read by root"


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (Settings(), "127.0.0.1:5000"),
        (Settings(host="0.0.0.0", port=8080), "127.0.0.1:8080"),
        (Settings(host="::", port=8080), "[::1]:8080"),
        (Settings(unix="/run/board/http.sock"), "unix:/run/board/http.sock"),
    ],
)
def test_nginx_finds_the_program_where_it_listens(settings: Settings, place: str) -> None:
    assert upstream(settings) == place


def test_it_is_in_the_help(shell: Shell) -> None:
    assert shell("--help") == 0
    assert "--nginx-conf DOMAIN" in shell.out
    assert sys.argv[0].endswith("serve.py")


def test_a_certificate_belongs_to_nginx_then(shell: Shell, files: Path) -> None:
    assert shell("--tls-cert", "a.pem", "--tls-key", "a.key", "--nginx-conf", "board.example.org") == 2
    assert "leave it out here" in shell.err
    assert not files.exists()
