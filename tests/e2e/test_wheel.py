"""A wheel built from the tree works on its own, in an empty folder with an empty HOME."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.packages import write
from tests.require import require

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "requirements.txt", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it from a copy: a build leaves folders in the tree."""
    require(importlib.util.find_spec("build"), "build is not installed (pip install -r requirements-dev.txt)")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, tree)
    shutil.copytree(ROOT / "atilite", tree / "atilite", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tree)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it. Its dependencies are those of this one, on the path behind it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    # On the path of the tests pip would find atilite's own folder and have nothing to do.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*install, str(wheel)], env=own, check=True, timeout=200)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


def test_the_wheel_has_every_template_and_style_and_no_test(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shown = [path for path in (ROOT / "atilite/console").rglob("*") if path.parent.name in ("templates", "static")]

    assert {str(path.relative_to(ROOT)) for path in shown if path.is_file()} <= names
    assert "atilite/py.typed" in names
    assert not [name for name in names if not name.startswith(("atilite/", "atilite-"))]


def test_it_asks_for_what_requirements_txt_says(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    asked = {plain(line) for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}

    wanted = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert asked == {plain(line) for line in wanted if line}
    assert all(re.search(r"<\d", line) for line in asked), "every one has an upper bound"
    assert metadata["Version"] == "0.1.0"
    assert metadata["Requires-Python"] == ">=3.11"


def plain(requirement: str) -> str:
    """A requirement with its bounds in one order, whoever wrote it."""
    name, bounds = re.fullmatch(r"([\w-]+)\s*(.*)", requirement).groups()  # type: ignore[union-attr]
    return f"{name.lower()} " + ",".join(sorted(bounds.split(",")))


def run(environment: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [environment / "bin/atilite", *words]
    return subprocess.run(
        command, cwd=folder, env=clean(folder), capture_output=True, text=True, timeout=60, check=False
    )


def clean(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": "/usr/bin:/bin"}


@contextmanager
def serving(environment: Path, folder: Path) -> Iterator[str]:
    """Serve what an empty folder gives; the address that it tells."""
    process = subprocess.Popen(
        [environment / "bin/atilite", "--devel", "--port", "0"], cwd=folder, env=clean(folder),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"served at (http://\S+)", line):
                yield found[1]
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_installed_program_works_in_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    assert run(environment, tmp_path, "--help").stdout.startswith("usage: atilite ")
    assert run(environment, tmp_path, "--version").stdout == "atilite 0.1.0\n"
    assert run(environment, tmp_path, "actions").stdout == "no actions\n"
    assert list(tmp_path.iterdir()) == []


def test_it_is_the_wheel_s_code_that_runs(environment: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [environment / "bin/python", "-c", "import atilite.cli.main as m; print(m.__file__)"],
        cwd=tmp_path, env=clean(tmp_path), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert said.stdout.startswith(str(environment))


def test_the_console_is_served_with_its_style(environment: Path, tmp_path: Path) -> None:
    with serving(environment, tmp_path) as address:
        with urllib.request.urlopen(address + "/", timeout=20) as page:
            text = page.read().decode()
            assert page.url == address + "/console/"
        (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', text)
        with urllib.request.urlopen(address + style, timeout=20) as sheet:
            assert sheet.headers["Content-Type"].startswith("text/css")
            assert len(sheet.read()) > 1000


PROJECT = {
    "garden.py": """
        from atilite import Atilite

        app = Atilite(__name__)

        @app.get("/water/<zone>")
        def water(was, zone):
            return {"watered": zone}
    """,
    "test_garden.py": """
        import pytest
        import garden

        @pytest.fixture
        def app():
            return garden.app

        def test_a_zone_is_watered(client):
            assert client.get("/water/north").json() == {"watered": "north"}
    """,
}


@pytest.mark.row("A192", "A193")
def test_pytest_finds_its_fixtures_in_an_empty_project(environment: Path, tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    said = subprocess.run(
        [environment / "bin/python", "-m", "pytest", "--docs", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=clean(tmp_path), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip

    assert said.returncode == 0, said.stdout + said.stderr
    assert "1 passed" in said.stdout
    assert "docs: wrote docs/api/index.md, docs/api/openapi.json" in said.stdout
    assert not list(tmp_path.glob("*.db*"))
