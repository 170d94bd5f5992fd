"""Where nobody takes what a command prints: it does its work, and says in one line what it could not say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """import atilite
app = atilite.Atilite("garden")
@app.action
def water():
    print("watered")
atilite.mount("/", app)
atilite.run()
"""
# A list for a person, a list for programs, an action, a flag that prints.
SAID = (("actions",), ("actions", "--json"), ("run", "water"), ("--version",))


def typed(folder: Path, redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What the shell does with `python serve.py WORDS` and this redirection."""
    (folder / "serve.py").write_text(PROGRAM, encoding="utf-8")
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "serve.py", *words], cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("words", SAID, ids=" ".join)
def test_a_command_whose_stdout_is_closed_does_its_work(words: tuple[str, ...], tmp_path: Path) -> None:
    done = typed(tmp_path, ">&-", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_command_without_any_stream_does_its_work_and_touches_no_file_of_its_own(tmp_path: Path) -> None:
    assert typed(tmp_path, "<&- >&- 2>&-", "run", "water").returncode == 0
    done = typed(tmp_path, "", "runs", "--json")
    assert '"status": "succeeded"' in done.stdout
    assert typed(tmp_path, "", "check").returncode == 0
    done = typed(tmp_path, ">&-", "export", "-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("words", [("actions",), ("actions", "--json"), ("user", "list")], ids=" ".join)
def test_a_full_disk_behind_stdout_is_one_line(words: tuple[str, ...], tmp_path: Path) -> None:
    done = typed(tmp_path, ">/dev/full", *words)
    assert done.returncode == 1
    assert done.stderr == "atilite: No space left on device (make room, or send the output elsewhere)\n"


def test_a_reader_of_a_list_may_leave(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nobody:
        (tmp_path / "serve.py").write_text(PROGRAM, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "serve.py", "actions"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
