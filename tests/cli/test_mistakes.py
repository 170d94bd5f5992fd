"""Mistyped words, and code that cannot be loaded: one line each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atilite.cli.mistakes import load_fault
from tests.cli.conftest import Shell

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("strat",), "there is no command 'strat' (did you mean start? see serve.py --help)"),
        (("xyzzy",), "there is no command 'xyzzy' (see serve.py --help)"),
        (("--prot", "80"), "there is no flag --prot (did you mean --port? see serve.py --help)"),
        (("--prot=80",), "there is no flag --prot (did you mean --port? see serve.py --help)"),
        (("run",), "the following arguments are required: ACTION (see serve.py run --help)"),
        (("--json", "status"), "there is no flag --json (flags of a command stand behind its name; see serve.py"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest_one(words: tuple[str, ...], said: str, shell: Shell) -> None:
    assert shell(*words) == 2
    assert shell.err.startswith(f"atilite: {said}")
    assert shell.err.count("\n") == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_here\n", "garden.py, line 1: No module named 'nothing_here' (install it, or correct"),
        ("import os\nfrom os import nothing\n", "garden.py, line 2: cannot import name 'nothing' from 'os'"),
        ("x = 1\ndef f(:\n", "garden.py, line 2: invalid syntax (correct it)"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_told_with_its_line(code: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "garden.py").write_text(code, encoding="utf-8")
    (tmp_path / "plot.py").write_text("def __setup__(app, mntopt):\n    import garden\n", encoding="utf-8")
    program = "import atilite, plot\natilite.mount('/', plot)\natilite.run()\n"
    (tmp_path / "serve.py").write_text(program, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "serve.py", "routes"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith(f"atilite: {said}")
    assert done.stderr.count("\n") == 1


def test_a_fault_of_atilite_itself_keeps_its_traceback() -> None:
    try:
        from atilite.cli import nothing_of_the_kind  # type: ignore[attr-defined]  # noqa: F401
    except ImportError as error:
        ours = error
    ours.__traceback__ = None
    assert load_fault(ours) is None


def typed(code: str, *flags: str) -> str:
    """What this Python says to a program of one line."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_a_python_without_the_packages_is_named_with_the_remedy() -> None:
    said = typed("import atilite; atilite.Atilite", "-S")
    assert said.startswith(f"{sys.executable} lacks ")
    assert said.endswith("(pip install -r requirements.txt, or .venv/bin/python)")


def test_an_old_python_is_told_apart() -> None:
    said = typed("import sys; sys.version_info = (3, 10, 9); import atilite")
    assert "atilite needs Python 3.11 or newer" in said
