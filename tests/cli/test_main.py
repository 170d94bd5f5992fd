"""One program under three names, and errors of one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atilite.config import SETTINGS
from tests.cli.conftest import Shell

ROOT = Path(__file__).parents[2]
GARDEN = """\
import atilite

app = atilite.Atilite(__name__)

@app.action
def water(): ...

if __name__ == "__main__":
    atilite.mount("/", app)
    atilite.run(port=5000, name="garden")
"""


def program(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "words",
    [
        ("serve.py", "actions"),
        ("-m", "atilite", "actions"),
        ("-m", "atilite", "--app", "serve:app", "actions"),
        ("-m", "atilite", "actions", "--app=serve"),
    ],
)
def test_a_script_its_app_and_the_folder_it_is_in_are_the_same_program(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(GARDEN, encoding="utf-8")

    done = program(tmp_path, *words)

    assert (done.returncode, done.stderr) == (0, "")
    assert "water" in done.stdout


def test_the_exit_code_of_the_script_s_command_is_the_program_s(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(GARDEN, encoding="utf-8")

    assert program(tmp_path, "-m", "atilite", "status").returncode == 3
    assert program(tmp_path, "serve.py", "run", "nothing").returncode == 2


def test_in_an_empty_folder_there_is_a_site_without_mounts(tmp_path: Path) -> None:
    done = program(tmp_path, "-m", "atilite", "actions")

    assert (done.returncode, done.stdout) == (0, "no actions\n")


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("nothing", "there is no module 'nothing' here"),
        ("serve.nothing:app", "there is no module 'serve.nothing' here"),
        ("serve:nothing", "module 'serve' has no 'nothing'"),
        ("serve:number", "1 cannot be mounted at / (mount a module"),
        ("broken", "{folder}/broken.py, line 2: "),
        ("lacks", "lacks: No module named 'missing_here' (install it"),
    ],
)
def test_an_app_that_cannot_be_served_is_one_line(app: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(GARDEN + "number = 1\n", encoding="utf-8")
    (tmp_path / "broken.py").write_text("import sys\ndef (\n", encoding="utf-8")
    (tmp_path / "lacks.py").write_text("import missing_here\n", encoding="utf-8")

    done = program(tmp_path, "-m", "atilite", "--app", app, "routes")

    assert done.returncode in (1, 2)
    assert done.stderr.startswith("atilite: " + said.format(folder=tmp_path))
    assert done.stderr.count("\n") == 1


def test_a_reader_who_has_had_enough_gets_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(GARDEN, encoding="utf-8")
    read, write = os.pipe()
    os.close(read)

    done = subprocess.run(
        [sys.executable, "serve.py", "routes"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)

    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.row("A196")
def test_every_setting_is_in_the_help_with_what_the_program_chose(shell: Shell) -> None:
    shell.defaults = {"port": 8123}

    assert shell("--help") == 0

    assert all(row.flag in shell.out for row in SETTINGS)
    assert "(default 8123)" in " ".join(shell.out.split())


@pytest.mark.row("A194")
@pytest.mark.parametrize("command", [
    "start", "stop", "restart", "status", "install", "update", "uninstall", "remove", "routes", "actions", "services",
    "schedules", "run", "check", "backup", "restore", "vacuum", "migrate", "user", "token",
])  # fmt: skip
def test_every_command_has_help(command: str, shell: Shell) -> None:
    assert shell(command, "--help") == 0
    assert shell.out.startswith(f"usage: serve.py {command}")


@pytest.mark.row("reliability-11")
@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--db", "sqlite:////nowhere/data.db", "migrate"), "the folder /nowhere does not exist (make it: mkdir", 1),
        (("--db", "data.db", "migrate"), "db cannot be 'data.db' (it is text such as sqlite:////var", 2),
        (("--name", "my board", "check"), "name cannot be 'my board' (it is text such as board-2", 2),
        (("--port", "http", "check"), "port cannot be 'http' (it is a whole number from 0 to 65535)", 2),
        (("run", "nothing"), "no action named 'nothing'", 2),
    ],
)
def test_errors_are_one_line_with_the_remedy(words: tuple[str, ...], said: str, code: int, shell: Shell) -> None:
    assert shell(*words) == code
    assert shell.err.startswith("atilite: ")
    assert said in shell.err
    assert shell.err.count("\n") == 1


def test_a_file_of_settings_beside_the_script_counts(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "atilite.toml").write_text('nmae = "board"\n', encoding="utf-8")

    assert shell("status") == 2
    assert "there is no setting 'nmae' (did you mean name?" in shell.err


def test_the_version_is_told(shell: Shell) -> None:
    assert shell("--version") == 0
    assert shell.out == "atilite 0.1.0\n"
