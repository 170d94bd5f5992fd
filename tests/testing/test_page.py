"""docs/testing.md: the project that it shows is a project whose tests pass. Its other blocks run in tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.mark.row("A191", "A193")
def test_the_project_of_the_page_passes_its_tests_and_writes_its_documentation(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    text = PAGE.read_text(encoding="utf-8")
    for name, block in re.findall(r"^```python file=(\S+)\n(.+?)\n```$", text, re.MULTILINE | re.DOTALL):
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(block)

    plugin = ("-p", "atilite.testing.plugin", "-p", "no:cacheprovider")
    pytester.runpytest_subprocess(*plugin, timeout=60).assert_outcomes(passed=2, skipped=1)
    pytester.runpytest_subprocess(*plugin, "--run-slow", "--docs", timeout=60).assert_outcomes(passed=3)
    written = (pytester.path / "docs/api/index.md").read_text(encoding="utf-8")
    assert "## tickers" in written
    assert "How many shares are in stock." in written
    assert "`410 Gone`" in written
