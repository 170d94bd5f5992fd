"""Databases that the program brings along."""

from __future__ import annotations

import socket
from typing import Any

import pytest

import atilite
from atilite import STA_NETERR, STA_TIMEOUT
from atilite.errors import QueryError, ResourceError
from atilite.launch import default_site
from atilite.resources.aliases import Aliases, Member
from atilite.resources.databases import Databases
from tests.resources.peers import peer


class Words:
    """A client for a server that answers a line with a line."""

    def __init__(self, member: Member, timeout: float = 5.0, greeting: str = "") -> None:
        self.line = socket.create_connection((member.host, member.port or 9000), timeout)
        self.greeting = greeting

    def say(self, word: str) -> str:
        self.line.sendall(f"{word}\n".encode())
        answer = self.line.recv(100)
        if not answer:
            raise ConnectionError("the server has gone")
        return self.greeting + answer.decode().strip()

    def close(self) -> None:
        self.line.close()

    def sever(self) -> None:
        self.line.shutdown(socket.SHUT_RDWR)


def echo(line: socket.socket) -> None:
    while data := line.recv(100):
        if data == b"go\n":
            return
        if data != b"wait\n":
            line.sendall(data)


@pytest.mark.row("A149")
def test_a_class_of_one_s_own_is_a_database_whose_methods_are_tasks(db: Databases, aliases: Aliases) -> None:
    aliases.add_interface("*mydbi", Words)
    with peer(echo) as port:
        aliases.add("@mydbi", "*mydbi", f"127.0.0.1:{port}", greeting="> ", max_conns=2)
        one = db("@mydbi")
        assert [task.fetch() for task in [one.say(str(number)) for number in range(9)]] == [f"> {n}" for n in range(9)]
        assert one.run(lambda client: client.greeting).fetch() == "> "
        with pytest.raises(QueryError, match="Words has no method 'shout'"):
            one.shout("x").fetch()
        gone = one.say("go").dispatch()
        assert (gone.status, str(gone.expt)) == (STA_NETERR, f"@mydbi: 127.0.0.1:{port}: the server has gone")
        assert one.say("again").fetch() == "> again"
        assert db("@mydbi", timeout=0.2).say("wait").dispatch(10).status == STA_TIMEOUT
        assert one.say("again").fetch() == "> again"


@pytest.mark.row("A149")
def test_one_that_cannot_connect_is_told_as_any_other(db: Databases, aliases: Aliases) -> None:
    aliases.add_interface("*mydbi", Words)
    aliases.add("@mydbi", "*mydbi", "127.0.0.1:1")
    with pytest.raises(ResourceError, match=r"^@mydbi: 127.0.0.1:1: .*refused"):
        db("@mydbi").say("x").fetch()


@pytest.mark.row("A149", "A131")
def test_the_names_of_a_serve_py_speak_to_the_site(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    default_site.cache_clear()
    try:
        atilite.add_database_interface("*mydbi", Words)
        atilite.alias("@mydbi", "*mydbi", "localhost:9000")
        atilite.alias("@mypg", atilite.DB_PGSQL, ["user:pass@localhost/mydb 20"], ssl=True, max_conns=5)
        aliases = default_site().aliases
        assert (aliases.get("@mydbi").kind, aliases.get("@mypg").max_conns) == ("*mydbi", 5)
    finally:
        default_site.cache_clear()
