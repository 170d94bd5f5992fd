"""A database that cannot be used: the program says in one line what to do, and the exit code says that it failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from atilite.store.database import Database
from tests.require import require

SCRIPT = """
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)
    atilite.mount("/", app)
    atilite.run(name="refused", port=0)
"""

# What root may do by virtue of being root only, a service's user may not.
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")

Prepare = Callable[[Path], None]


def make(folder: Path) -> Path:
    """A sound database in a folder."""
    folder.mkdir()
    Database.open(f"sqlite:///{folder}/data.db").close()
    return folder / "data.db"


def nothing(path: Path) -> None:
    assert not path.parent.exists()


def folder_instead(path: Path) -> None:
    path.mkdir(parents=True)


def no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary,\n" * 1000)


def torn(path: Path) -> None:
    make(path.parent)
    data = path.read_bytes()
    path.write_bytes(data[:100] + os.urandom(len(data) - 100))


def read_only_file(path: Path) -> None:
    make(path.parent).chmod(0o400)


def read_only_folder(path: Path) -> None:
    make(path.parent)
    path.parent.chmod(0o500)


def of_somebody_else(path: Path) -> None:
    os.chown(make(path.parent), 65534, 65534)


def folder_of_somebody_else(path: Path) -> None:
    path.parent.mkdir()
    os.chown(path.parent, 65534, 65534)
    path.parent.chmod(0o755)


CASES: dict[str, tuple[Prepare, str]] = {
    "no folder": (nothing, "does not exist (make it: mkdir -p"),
    "a folder": (folder_instead, "this is a folder (give --db"),
    "no database": (no_database, "not a sound SQLite database"),
    "torn": (torn, "not a sound SQLite database"),
    "read-only file": (read_only_file, "cannot be written by root: it belongs to root, mode 400"),
    "read-only folder": (read_only_folder, "SQLite needs to write beside data.db"),
    "of somebody else": (of_somebody_else, "cannot be read by root: it belongs to nobody"),
    "folder of somebody else": (folder_of_somebody_else, "the database cannot be made in"),
}


def begin(folder: Path, path: Path, *words: str) -> subprocess.Popen[str]:
    """Start the program with its data at `path`."""
    wrapper = AS_ANYBODY if os.geteuid() == 0 else ()
    command = [*wrapper, sys.executable, "serve.py", *words, "--db", f"sqlite:///{path}"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and output of every case. They run at the same time: most of it is waiting for Python to start."""
    require(os.geteuid() == 0 and shutil.which("setpriv"), "files of other owners need root, and setpriv")
    folder = tmp_path_factory.mktemp("refused")
    (folder / "serve.py").write_text(dedent(SCRIPT))
    running = {}
    for name, (prepare, _) in CASES.items():
        path = folder / name.replace(" ", "-") / "data.db"
        prepare(path)
        running[name] = begin(folder, path)
    found = {}
    for name, process in running.items():
        try:
            output, _ = process.communicate(timeout=30)
        finally:
            process.kill()
        found[name] = (process.returncode, output)
    return found


@pytest.mark.row("reliability-11")
@pytest.mark.parametrize("name", CASES)
def test_a_database_that_cannot_be_used_is_told_in_one_line(ends: dict[str, tuple[int, str]], name: str) -> None:
    code, output = ends[name]
    assert code not in (0, -9), output
    assert CASES[name][1] in output
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) == 1, output


@pytest.mark.row("reliability-11")
def test_a_file_system_that_is_read_only_is_named(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "mounting needs root")
    (tmp_path / "serve.py").write_text(dedent(SCRIPT))
    make(tmp_path / "data")
    mounted = subprocess.run(["mount", "--bind", "-o", "ro", tmp_path / "data", tmp_path / "data"], check=False)
    require(mounted.returncode == 0, "nothing can be mounted here")
    try:
        process = begin(tmp_path, tmp_path / "data" / "data.db")
        output, _ = process.communicate(timeout=30)
    finally:
        subprocess.run(["umount", "-l", tmp_path / "data"], check=True)
    assert process.returncode == 1
    assert "mounted read-only (remount it" in output
    assert len(output.splitlines()) == 1


@pytest.mark.row("reliability-11")
@pytest.mark.parametrize("words", [("backup", "copy.db"), ("user", "list"), ("vacuum",)], ids=lambda words: words[0])
def test_a_command_says_the_same(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "serve.py").write_text(dedent(SCRIPT))
    (tmp_path / "data.db").write_text("Dear diary,\n" * 1000)
    command = [sys.executable, "serve.py", *words]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "not a sound SQLite database" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
