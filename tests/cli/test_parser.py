"""The grammar of the command line."""

from __future__ import annotations

import pytest

from atilite.cli.call import Call
from atilite.cli.parser import Commands
from atilite.config import given_flags


def nothing(call: Call) -> int:
    return 0


@pytest.fixture
def commands() -> Commands:
    made = Commands("serve.py", {"port": 8080}, choose_app=False)
    made.default(nothing)
    made.add("routes", nothing, "list the routes").add_argument("--json", action="store_true")
    made.group("user", "accounts").add("add", nothing, "make an account").add_argument("user_name", metavar="NAME")
    return made


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "1", "--name", "board", "user", "add", "ana"],
        ["user", "add", "ana", "--port", "1", "--name", "board"],
        ["--port", "1", "user", "add", "--name=board", "ana"],
    ],
)
def test_settings_stand_before_or_after_the_command(words: list[str], commands: Commands) -> None:
    options = commands.parser.parse_args(words)

    assert given_flags(options) == {"port": "1", "name": "board"}
    assert options.user_name == "ana"


@pytest.mark.parametrize("words", [["--prot", "1"], ["fly"], ["user"], ["user", "add"], ["--port"], ["--por", "1"]])
def test_a_wrong_word_is_one_line_and_exit_code_2(
    words: list[str], commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.parser.parse_args(words)

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("atilite: ")
    assert said.count("\n") == 1
    assert "--help)" in said


@pytest.mark.parametrize("words", [[], ["routes"], ["user"], ["user", "add"]])
def test_everything_has_help(words: list[str], commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.parser.parse_args([*words, "--help"])

    assert ended.value.code == 0
    assert "usage: serve.py" in capsys.readouterr().out


def test_help_shows_what_the_program_itself_has_chosen(commands: Commands) -> None:
    assert "(default 8080)" in commands.parser.format_help()
    assert "(default 4)" in commands.parser.format_help()
