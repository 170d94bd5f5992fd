"""docs/from-atila.md tells all that differs, and what was corrected in the samples that the tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.rows import TITLES

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/from-atila.md").read_text(encoding="utf-8")
SAMPLES = sorted(HERE.glob("test_manual_*.py"))

# What the manual prints, and what its samples say here.
CORRECTIONS = {
    "__mame__": "__name__",
    "def __config (pref)": "def __config__ (pref)",
    "sktai.oreference ()": "atilite.preference ()",
    "@route ('/')": "@app.route ('/')",
    'app.mount ("/sub2/pages", pages)': 'app.mount ("/pages", pages)',
    "app.emit ('custom-event')": "app.emit ('custom-event', 'a detail')",
    "request.user is None": "was.request.user is None",
    "request.g ['RESOURCE']": "was.request.g ['RESOURCE']",
    "reutrn was.response": "return was.response",
    "@app_inspect": "@app.inspect",
    "{'name': Hans Roh}": "{'name': 'Hans Roh'}",
    "was.API (name = Hans Roh)": "was.API (name = 'Hans Roh')",
    "def sum ():": "def sum (was):",
    "def make_jwt (was)": "def make_jwt (was):",
    "def verify_jwt (was)": "def verify_jwt (was):",
    "calims": "claims",
    "was.request.args ('username')": "was.request.args ['username']",
    "was.urlfor ('reset_password', token)": "was.urlfor ('password_reset', token = token)",
    'was.mbox.get ("notice", "news")': "was.mbox.get ()",
    "def repond (was, task):": "def respond (was, task):",
    "def foo ():": "def foo (was):",
    "lammda x:": "lambda x:",
    "was.Taks (": "was.Tasks (",
}
# What is no matter of a few signs.
TOLD = (
    "`@app.csrf_verification_required` alone over a hook",
    "a handler that returns nothing",
    "two functions of one name",
    "a point at the end of `db.select",
    "`def index (was, error):`",
    "`{{ test_global () }}` beside",
)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def code(module: Path) -> str:
    """The samples of a module, without what it says about them."""
    text = module.read_text(encoding="utf-8")
    return text.split('"""', 2)[2]


@pytest.mark.row("D1", "D2", "D7", "D10", "D12", "D20")
def test_the_page_tells_every_decision_in_order() -> None:
    told = [cells[0] for cells in rows("What differs")]

    assert told == re.findall(r"^(D\d+)\b", TITLES, re.MULTILINE)


def test_the_page_lists_every_correction_of_the_samples() -> None:
    listed = {cells[0]: cells[1] for cells in rows("Misprints of the manual")}

    plain = {printed: corrected for printed, corrected in listed.items() if printed.strip("`") in CORRECTIONS}
    assert plain == {f"`{printed}`": f"`{corrected}`" for printed, corrected in CORRECTIONS.items()}
    assert len(listed) == len(CORRECTIONS) + len(TOLD)
    assert [text for text in TOLD if not any(printed.startswith(text) for printed in listed)] == []


@pytest.mark.parametrize("printed", CORRECTIONS)
def test_a_sample_is_corrected_as_the_page_says(printed: str) -> None:
    corrected = CORRECTIONS[printed]
    # The printed words may be part of the right ones.
    wrong = re.compile(re.escape(printed) + r"(?!:)" if corrected == printed + ":" else re.escape(printed))

    assert any(corrected in code(module) for module in SAMPLES), "no sample has it"
    for module in SAMPLES:
        assert not wrong.search(code(module).replace(corrected, "")), module.name


@pytest.mark.parametrize("module", SAMPLES, ids=lambda module: module.stem)
def test_no_sample_uses_the_names_of_the_original(module: Path) -> None:
    used = re.findall(r"\b(?:import|from) (?:skitai|atila)\b|\b(?:skitai|atila)\.(?!com)\w+", code(module))
    assert used == []
