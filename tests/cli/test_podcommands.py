"""The commands that a project adds to `pod`: found in its package and among what is installed, and told in the help."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from atilite import __version__
from atilite.cli.main import main


class Project:
    """A folder with commands of its own, in which somebody types."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys

    def write(self, path: str, text: str) -> None:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        importlib.invalidate_caches()

    def type(self, *words: str) -> tuple[int, str, str]:
        """`atilite pod WORDS`: the exit code, and what was written."""
        try:
            code: object = main(["pod", *words])
        except SystemExit as ended:
            code = ended.code
        shown = self._capsys.readouterr()
        assert isinstance(code, int)
        return code, shown.out, shown.err


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield Project(tmp_path, capsys)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pod_commands", "orchard")]:
        del sys.modules[name]


BEDS = '''\
def main(argv):
    """List the beds.

    All of them, 100 %.
    """
    print("beds", *argv)
    return 3
'''

WATER = """\
def add(commands):
    water = commands.add_parser("water", help="water a bed")
    water.add_argument("bed", type=int)
    water.set_defaults(command=lambda options: print("watering", options.bed))
    commands.add_parser("dig", help="dig a bed")
"""


@pytest.mark.row("P18")
def test_a_function_of_a_module_is_a_command_with_its_arguments_and_its_exit_code(project: Project) -> None:
    project.write("pod_commands/list_beds.py", BEDS)

    assert project.type("list-beds", "--all", "7") == (3, "beds --all 7\n", "")


@pytest.mark.row("P18")
def test_a_module_may_add_commands_with_a_grammar(project: Project) -> None:
    project.write("pod_commands/__init__.py", "")
    project.write("pod_commands/_parts.py", "raise AssertionError('this is no command')")
    project.write("pod_commands/watering.py", WATER)

    assert project.type("water", "7") == (0, "watering 7\n", "")
    assert project.type("water", "x")[0] == 2
    code, _, told = project.type("dig")
    assert (code, told) == (
        1, "atilite: pod_commands.watering: dig has no function (name it: set_defaults(command=function))\n",
    )  # fmt: skip


@pytest.mark.row("P18")
def test_a_distribution_adds_commands_by_entry_points(project: Project) -> None:
    project.write("orchard.py", BEDS + WATER.replace("water", "pick"))
    project.write("orchard-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: orchard\nVersion: 1.0\n")
    project.write("orchard-1.0.dist-info/entry_points.txt", "[atilite.pod]\ntrees = orchard:main\npicking = orchard\n")

    assert project.type("trees", "7") == (3, "beds 7\n", "")
    assert project.type("pick", "7") == (0, "picking 7\n", "")


@pytest.mark.row("P18")
def test_the_help_tells_of_all_of_them_and_of_each(project: Project) -> None:
    project.write("pod_commands/beds.py", BEDS)
    project.write("pod_commands/watering.py", WATER)

    code, shown, _ = project.type("--help")
    assert code == 0
    assert [line.split(None, 1) for line in shown.split("COMMAND\n")[1].splitlines()] == [
        ["run", "run beans until all have ended"], ["beds", "List the beds."], ["water", "water a bed"],
        ["dig", "dig a bed"],
    ]  # fmt: skip
    code, shown, _ = project.type("beds", "--help")
    assert code == 0
    assert "List the beds.\n\nAll of them, 100 %.\n" in shown
    assert "bed\n" in project.type("water", "--help")[1]


@pytest.mark.row("P18")
def test_run_is_not_replaced_nor_held_up_by_what_a_project_adds(project: Project) -> None:
    project.write("pod_commands/run.py", "raise AssertionError('nobody asked for it')\n\ndef main(argv): ...\n")
    code, shown, _ = project.type("run", "--help")
    assert (code, "Run beans until all have ended." in shown) == (0, True)

    project.write("pod_commands/run.py", "def main(argv): ...\n")
    project.write("pod_commands/other.py", "def add(commands):\n    commands.add_parser('run')\n")
    code, shown, _ = project.type("--help")
    assert code == 0
    assert shown.count("run beans until all have ended") == 1
    assert "pod_commands.run: there is a command 'run' of atilite (take another name)" in shown
    assert "pod_commands.other: argument COMMAND: conflicting subparser: run" in shown


@pytest.mark.row("P18")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "pod_commands.beds: ZeroDivisionError: division by zero"),
        ("raise SystemExit('not\\nhere')", "pod_commands.beds: SystemExit: not here"),
        ("import nowhere_at_all", "pod_commands.beds: pod_commands/beds.py, line 1: No module named 'nowhere_at_all'"),
        ("x = ", "pod_commands.beds: pod_commands/beds.py, line 1: invalid syntax (correct it)"),
        ("x = 1", "pod_commands.beds: it has neither add(commands) nor main(argv) (write one of them)"),
        ("main = 'x'", "pod_commands.beds: 'x' is no function"),
    ],
)
def test_one_that_cannot_be_used_is_told_in_one_line_and_hurts_no_other(text: str, said: str, project: Project) -> None:
    project.write("pod_commands/beds.py", text)
    project.write("pod_commands/water.py", WATER)

    code, _, told = project.type("beds")
    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith(f"atilite: {said}")
    assert project.type("water", "7")[0] == 0
    assert f"cannot be used:\n  {said}" in project.type("--help")[1]


@pytest.mark.row("P18")
def test_a_word_that_is_no_command_is_told_with_the_nearest_one(project: Project) -> None:
    project.write("pod_commands/watering.py", WATER)

    assert project.type("watr") == (
        2, "", "atilite: there is no command 'watr' (did you mean water? see atilite pod --help)\n"
    )  # fmt: skip
    assert project.type()[0] == 2


@pytest.mark.row("P18")
def test_the_version_is_told(project: Project) -> None:
    assert project.type("--version") == (0, f"atilite {__version__}\n", "")
