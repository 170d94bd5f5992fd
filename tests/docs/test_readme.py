"""The README's commands and links are the ones that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.+?)\n```$", README, re.MULTILINE | re.DOTALL)


def test_there_are_two_commands_and_the_build_server_runs_the_second() -> None:
    assert len(COMMANDS) == 2
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("\n" + COMMANDS[1])


def test_the_first_app_has_ten_lines_of_code() -> None:
    (source,) = re.findall(r"^```python\n(.+?)\n```$", README, re.MULTILINE | re.DOTALL)

    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    compile(source, "serve.py", "exec")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", *sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")
)])  # fmt: skip
def test_every_link_and_every_file_that_is_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    named = re.findall(r"`((?:docs|atilite|tests|services)/[\w./-]+\.\w+)`", text)

    missing = [link for link in links if not ((ROOT / page).parent / link).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert missing == []
