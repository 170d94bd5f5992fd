"""The rooms of docs/architecture.md: who may import whom. The contracts are in pyproject.toml."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.require import require

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in a process of its own: it would otherwise import what other tests have half imported."""
    program = Path(sys.executable).with_name("lint-imports")
    require(program.exists(), "import-linter is not installed (pip install -r requirements-dev.txt)")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def taken_from_the_package(path: Path) -> set[str]:
    """What this module imports from `atilite` itself, be it a name or a module beside it."""
    depth = len(path.relative_to(ROOT / "atilite").parts)
    return {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and ((node.module == "atilite" and not node.level) or (node.module is None and node.level == depth))
        for alias in node.names
    }


def test_inside_the_package_only_its_version_is_taken_from_it() -> None:
    modules = {path.name.removesuffix(".py") for path in (ROOT / "atilite").iterdir()}
    taken = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / "atilite").rglob("*.py")
        if (names := taken_from_the_package(path) - modules - {"__version__"})
    }

    assert taken == {}


def test_no_module_imports_a_higher_or_a_neighbouring_room() -> None:
    checked = lint_imports(ROOT)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("store/kv.py", "from ..runtime import loop", "A room imports"),
        ("config.py", "def late():\n    from .cli import main", "A room imports"),
        ("web/forms.py", "import gevent", "Only runtime imports gevent"),
        ("automation/engine.py", "from peewee import Model", "Only store imports peewee"),
        ("app.py", "import waitress", "Only server imports waitress"),
        ("misc.py", "", "not listed as layers"),
    ],
)
def test_a_planted_import_is_found(module: str, line: str, contract: str, tmp_path: Path) -> None:
    # Empty rooms are enough: the contracts see names only.
    for path in sorted((ROOT / "atilite").rglob("*.py")):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert lint_imports(tmp_path).returncode == 0

    (tmp_path / "atilite" / module).write_text(line + "\n", encoding="utf-8")
    checked = lint_imports(tmp_path)

    assert checked.returncode == 1
    assert contract in checked.stdout


def test_the_document_names_every_room() -> None:
    document = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = {path.stem for path in (ROOT / "atilite").iterdir() if path.suffix in ("", ".py")}

    assert {room for room in rooms if not room.startswith("__") and f"`{room}`" not in document} == set()
