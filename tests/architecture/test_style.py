"""The tools' opinion of the code: ruff over everything, mypy --strict over what ships."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.require import require

ROOT = Path(__file__).parents[2]
SHIPPED = [name for name in ("atilite", "services", "serve.py") if (ROOT / name).exists()]


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    require(importlib.util.find_spec(module), f"{module} is not installed (pip install -r requirements-dev.txt)")
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)


def test_ruff_has_nothing_to_say() -> None:
    checked = run("ruff", "check", "--no-cache", *SHIPPED, "tests")

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_annotation_holds() -> None:
    checked = run("mypy", *SHIPPED)

    assert checked.returncode == 0, checked.stdout + checked.stderr
