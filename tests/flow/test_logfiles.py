"""Files of loggers: their rows, their copies, and which names stay below the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from atilite.flow.logfiles import LogFile, is_inside, row

HEADER = "text\tAlways\tn\n_time\tn\n"


@pytest.mark.row("I40")
@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("", True), ("a", True), ("a/b.txt", True), ("a/../b", False), ("..", False), ("/a", False), ("..\\a", False),
        ("\\a", False), ("c:\\a", False), ("a\0b", False), ("...", True),
    ],
)  # fmt: skip
def test_a_name_stays_below_the_folder_or_leads_out(path: str, inside: bool) -> None:
    assert is_inside(path) is inside


@pytest.mark.parametrize(
    ("cells", "line"),
    [([0.125, 1, "a b"], "0.125\t1\ta b\n"), ([None, True, ""], "None\tTrue\t\n"), (["a\tb\r\nc"], "a\\tb\\r\\nc\n")],
)
def test_a_row_is_one_line(cells: list[object], line: str) -> None:
    assert row(cells) == line


def names(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text().removeprefix(HEADER) for path in folder.iterdir()}


@pytest.mark.row("I40")
def test_copies_move_up_and_the_oldest_is_given_up(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "n.txt", HEADER, keep=2)
    file.open()
    for number in range(4):
        file.write(f"{number}\n")
        file.rotate()
    file.close()
    assert names(tmp_path) == {"n.txt": "", "n01.txt": "3\n", "n02.txt": "2\n"}


def test_a_file_without_copies_is_not_begun_anew(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "n.txt", HEADER)
    file.open()
    file.write("1\n")
    file.rotate()
    assert names(tmp_path) == {"n.txt": "1\n"}
    file.close()


def test_what_is_no_text_of_a_file_is_written_as_one_writes_it(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "n.txt", HEADER)
    file.open()
    file.write("\udcff\n")
    file.close()
    assert names(tmp_path) == {"n.txt": "\\udcff\n"}


def test_nothing_is_written_into_a_file_that_is_closed(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "n.txt", HEADER)
    with pytest.raises(OSError, match="not open"):
        file.write("1\n")


@pytest.mark.parametrize(
    ("there", "then"),
    [
        ("", HEADER), (HEADER, HEADER), (HEADER + "1\n", HEADER + "1\n"), (HEADER + "1", HEADER + "1\n"),
        ("text\tAl", "text\tAl\n" + HEADER), ("other\n", "other\n" + HEADER),
    ],
)  # fmt: skip
def test_a_file_goes_on_behind_a_line_that_was_cut_short_and_below_its_header(
    there: str, then: str, tmp_path: Path
) -> None:
    (tmp_path / "n.txt").write_text(there)
    file = LogFile(tmp_path / "n.txt", HEADER)
    file.open()
    file.close()
    assert (tmp_path / "n.txt").read_text() == then
