"""Plans from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from atilite.flow.loading import LARGEST, read_plan

HOUSE = "house h\n"
FRAMER = "framer m be active first a\n  frame a\n    print hello\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name}.flo"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "plan.flo"


@pytest.mark.row("I41")
def test_what_is_loaded_lies_beside_the_script_that_loads_it(tmp_path: Path) -> None:
    (tmp_path / "parts" / "more").mkdir(parents=True)
    plan = write(tmp_path, plan=HOUSE + 'load "parts/one.flo"\n')
    write(tmp_path / "parts", one="load more/two\n")
    write(tmp_path / "parts" / "more", two=FRAMER)

    found, problems = read_plan(plan)

    assert problems == []
    assert list(found.houses["h"].framers) == ["m"]
    assert found.houses["h"].framers["m"].place.file == str(tmp_path / "parts/more/two.flo")
    assert [Path(file).name for file in found.files] == ["plan.flo", "one.flo", "two.flo"]


@pytest.mark.row("I43")
def test_an_error_in_a_loaded_file_names_that_file(tmp_path: Path) -> None:
    plan = write(tmp_path, plan=HOUSE + "load part\n", part=FRAMER + "    prnt x\n")

    _, (problem,) = read_plan(plan)

    assert str(problem).startswith(f"{tmp_path}/part.flo:4: prnt is no verb")


def test_files_that_load_each_other_are_told(tmp_path: Path) -> None:
    plan = write(tmp_path, plan=HOUSE + FRAMER + "load part\n", part="load plan\n")

    _, problems = read_plan(plan)

    assert [problem.place.line for problem in problems] == [1]
    assert "is being loaded already" in problems[0].message


def test_a_file_that_is_not_there_is_told_where_it_is_loaded(tmp_path: Path) -> None:
    _, (problem,) = read_plan(write(tmp_path, plan=HOUSE + FRAMER + "load none\n"))

    assert str(problem) == f"{tmp_path}/plan.flo:5: load: none cannot be read: No such file or directory: load none"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "the script cannot be read: No such file or directory"),
        (b"house \xff", "the script cannot be read: it is not text in UTF-8"),
        (b"#" * (LARGEST + 1), "the script cannot be read: it is larger than 4 MB"),
        (b"", "there is no house; begin with a line such as: house box1"),
        (b"# nothing\n", "there is no house; begin with a line such as: house box1"),
    ],
)
def test_a_file_that_is_no_script_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "plan.flo").write_bytes(content)

    _, (problem,) = read_plan(tmp_path / "plan.flo")

    assert problem.message == told


def test_the_line_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.flo").write_bytes((HOUSE + FRAMER).encode() + b'print "gr\xfcn"\n')
    _, (problem,) = read_plan(tmp_path / "plan.flo")

    assert problem.place.line == len((HOUSE + FRAMER).splitlines()) + 1


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_word(tmp_path: Path) -> None:
    (tmp_path / "plan.flo").write_bytes(b"\xef\xbb\xbf" + (HOUSE + FRAMER).encode())

    assert read_plan(tmp_path / "plan.flo")[1] == []
