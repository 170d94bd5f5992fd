"""`flow run` with a plan that writes logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from atilite.cli.main import main

PLAN = """\
house boat
init .depth with 1.5
framer m be active
  frame a
    recur
      inc .depth with 0.25
    go b if elapsed >= 0.25
  frame b
    bid stop all
logger lg reuse
  log depth on always
    loggee .depth
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.flo"
    path.write_text(PLAN)
    return path


@pytest.mark.row("I40", "I44")
def test_files_go_into_the_folder_that_is_named(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "run", str(plan), "--log-dir", str(tmp_path / "logs")]) == 0, capsys.readouterr().err
    written = (tmp_path / "logs" / "boat" / "lg" / "depth.txt").read_text()
    assert written == "text\tAlways\tdepth\n_time\tdepth\n0.0\t1.75\n0.125\t2.0\n0.25\t2.0\n"


def test_files_are_closed_where_until_ends_the_plan(plan: Path, tmp_path: Path) -> None:
    assert main(["flow", "run", str(plan), "--log-dir", str(tmp_path), "--until", "0.125"]) == 0
    assert (tmp_path / "boat" / "lg" / "depth.txt").read_text().endswith("0.0\t1.75\n0.125\t2.0\n")


@pytest.mark.row("I40", "I43")
def test_a_disk_that_refuses_is_told_as_a_failure_of_the_run(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "run", str(plan), "--log-dir", str(plan)]) == 1
    out = capsys.readouterr().out
    assert "fault       lg  line 10: " in out
    assert "turns: logger lg, line 10: " in out
