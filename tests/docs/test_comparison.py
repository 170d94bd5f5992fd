"""docs/comparison.md: each yes leads to a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "comparison.md").read_text(encoding="utf-8")
OTHERS = ("OliveTin", "Dagu", "Cronicle", "Node-RED", "Prefect", "BINP")


@cache
def named_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def rows() -> list[list[str]]:
    """The cells of the table, its head first and its line left out."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [found[0], *found[2:]]


def test_every_linked_test_is_there() -> None:
    links = re.findall(r"\]\((\.\./tests/[\w/.]+)(?:#(\w+))?\)", PAGE)
    missing = [(path, name) for path, name in links if name not in named_in(DOCS / path)]
    assert missing == []
    assert len(links) > 40


def test_each_yes_of_ours_is_a_link_and_anything_else_a_plain_no() -> None:
    head, *features = rows()
    assert head[2:] == list(OTHERS)
    assert all(len(cells) == len(head) for cells in features)
    assert {cells[1] for cells in features if not re.fullmatch(r"\[yes\]\(\S+#test_\w+\)", cells[1])} == {"no"}


def test_what_the_others_do_is_said_in_few_words() -> None:
    words = {cell for cells in rows()[1:] for cell in cells[2:]}
    assert words == {"yes", "yes, it says", "partly", "no", "?", "licensed", "in its cloud"}
