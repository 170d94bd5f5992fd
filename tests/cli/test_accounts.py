"""user and token."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from atilite.store.database import Database
from tests.cli.conftest import Shell


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_user_is_made_from_one_line_of_stdin(shell: Shell, tmp_path: Path) -> None:
    assert shell("user", "add", "ana", "--role", "admin", stdin="correct horse\nignored\n") == 0
    assert shell.out == "made account ana with role admin\n"

    with Database.open(f"sqlite:///{tmp_path}/data.db", shared=True) as database:
        account = database.accounts.verify("ana", "correct horse")
        assert account is not None
        assert account.role == "admin"
        assert database.accounts.verify("ana", "correct horse\n") is None


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    """The whole program on a terminal of its own."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "atilite", "user", "add", "ana", "--role", "view"]
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        command, cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip
    os.close(slave)
    said = b""
    for prompt in (b"password for ana: ", b"once more: "):
        while not said.endswith(prompt):
            said += os.read(master, 1024)
        os.write(master, b"correct horse\n")
    while b"made account" not in said:
        said += os.read(master, 1024)
    assert process.wait(30) == 0
    os.close(master)

    assert b"made account ana with role view" in said
    assert b"horse" not in said


def test_two_different_passwords_are_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["one password", "another password"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))

    assert shell("user", "add", "ana", "--role", "view", stdin=Terminal()) == 1
    assert shell.err == "atilite: the two passwords differ (try again)\n"


def test_no_password_no_account(shell: Shell) -> None:
    assert shell("user", "add", "ana", "--role", "view") == 1
    assert "there is no password" in shell.err
    assert shell("user", "list") == 0
    assert shell.out == "no accounts yet (python serve.py user add NAME --role admin)\n"


def test_a_short_password_is_taken_with_a_warning(shell: Shell) -> None:
    assert shell("user", "add", "ana", "--role", "view", stdin="pw\n") == 0
    assert "short" in shell.err


def test_users_are_listed_and_removed(shell: Shell) -> None:
    shell("user", "add", "bo", "--role", "run", stdin="correct horse\n")
    shell("user", "add", "ana", "--role", "admin", stdin="correct horse\n")

    assert shell("user", "list") == 0
    assert [line.split()[:2] for line in shell.out.splitlines()] == [["NAME", "ROLE"], ["ana", "admin"], ["bo", "run"]]
    assert shell("user", "list", "--json") == 0
    assert [user["name"] for user in json.loads(shell.out)] == ["ana", "bo"]
    assert "correct" not in shell.out

    assert shell("user", "remove", "bo") == 0
    assert shell("user", "remove", "bo") == 1
    assert shell.err == "atilite: there is no account 'bo' (known: ana)\n"


def test_a_second_user_of_a_name_is_refused(shell: Shell) -> None:
    shell("user", "add", "ana", "--role", "view", stdin="correct horse\n")

    assert shell("user", "add", "ana", "--role", "admin", stdin="another horse\n") == 1
    assert shell.err.startswith("atilite: there is an account 'ana' already (")


@pytest.mark.parametrize("words", [("user", "add", "ana"), ("user", "add", "ana", "--role", "king")])
def test_a_role_is_needed_and_is_one_of_three(words: tuple[str, ...], shell: Shell) -> None:
    assert shell(*words, stdin="correct horse\n") == 2
    assert shell.err.startswith("atilite: ")
    assert shell.err.count("\n") == 1


def test_the_token_stands_alone_on_the_last_line_and_nowhere_else(shell: Shell, tmp_path: Path) -> None:
    assert shell("token", "add", "robot", "--role", "run", "--days", "90") == 0
    *said, secret = shell.out.splitlines()
    assert said == ["made token robot with role run; it ends in 90 days, and it cannot be shown again:"]

    assert shell("token", "list", "--json") == 0
    assert secret not in shell.out
    (token,) = json.loads(shell.out)
    assert (token["name"], token["role"], token["used"]) == ("robot", "run", None)
    with Database.open(f"sqlite:///{tmp_path}/data.db", shared=True) as database:
        holder = database.accounts.token(secret)
        assert holder is not None
        assert holder.name == "robot"
    assert secret.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("data.db*"))

    assert shell("token", "remove", "robot") == 0
    assert shell("token", "remove", "robot") == 1
    assert shell("token", "list") == 0
    assert "no tokens yet" in shell.out


@pytest.mark.parametrize("days", ["0", "-3", "many"])
def test_days_are_a_number_of_days(days: str, shell: Shell) -> None:
    assert shell("token", "add", "robot", "--role", "run", "--days", days) == 2
    assert shell.err.startswith("atilite: ")


def test_accounts_are_made_beside_a_running_server(shell: Shell, tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/data.db") as database:
        assert shell("user", "add", "ana", "--role", "admin", stdin="correct horse\n") == 0
        assert database.accounts.verify("ana", "correct horse") is not None
