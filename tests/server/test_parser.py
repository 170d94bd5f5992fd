from __future__ import annotations

import pytest
from waitress.adjustments import Adjustments

from atilite.server.parser import MAX_CHUNK_LINE, Malformed, Parser, parse_lines, parse_target
from atilite.web.exchange import RequestPolicy


def parsed(text: str, **options: object) -> Parser:
    parser = Parser(Adjustments(listen="", **options))
    parser.received(text.replace("\n", "\r\n").encode("latin-1"))
    return parser


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", ("/", "", None)),
        ("/a%20b?c=%20d", ("/a b", "c=%20d", None)),
        ("/?", ("/", "", None)),
        ("//a/b", ("//a/b", "", None)),
        ("/%e4%b8%80", ("/\xe4\xb8\x80", "", None)),
        ("*", ("*", "", None)),
        ("http://a:1/b?c", ("/b", "c", "a:1")),
        ("http://a", ("/", "", "a")),
        ("http://a?b", ("/", "b", "a")),
    ],
)
def test_a_target_has_a_path_a_query_and_perhaps_a_host(target: str, expected: tuple[str, str, str | None]) -> None:
    assert parse_target(target) == expected


def test_repeated_headers_are_joined_where_that_means_the_same() -> None:
    assert parse_lines(["Accept: a", "accept:b", "Cookie: c=1", "Cookie: d=2", "X_Y: dropped", "Z: "]) == {
        "ACCEPT": "a, b",
        "COOKIE": "c=1; d=2",
        "Z": "",
    }


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "Authorization", "Content-Type"])
def test_headers_of_which_one_only_may_be_are_refused_when_repeated(name: str) -> None:
    with pytest.raises(Malformed, match="twice"):
        parse_lines([f"{name}: a", f"{name.upper()}: a"])


def test_the_host_of_an_absolute_target_wins() -> None:
    assert parsed("GET http://real/ HTTP/1.1\nHost: other\n\n").headers["HOST"] == "real"


def test_the_policy_is_asked_with_method_and_decoded_path_and_bounds_the_body() -> None:
    asked: list[tuple[str, str]] = []

    def choose(method: str, path: str) -> RequestPolicy:
        asked.append((method, path))
        return RequestPolicy(max_body=3)

    parser = Parser(Adjustments(listen=""))
    parser.choose = choose
    parser.received(b"POST /a%20b HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n")
    assert asked == [("POST", "/a b")]
    assert parser.error.code == 413
    assert not parser.keep_alive


def test_what_belongs_to_the_next_request_is_left() -> None:
    parser = Parser(Adjustments(listen=""))
    data = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
    assert parser.received(data + b"GET /next") == len(data)
    assert parser.completed
    assert parser.received(b"more") == 0


def test_a_header_may_come_in_any_pieces() -> None:
    data = b"\r\nPOST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"
    for cut in range(1, len(data)):
        parser = Parser(Adjustments(listen=""))
        used = parser.received(data[:cut])
        rest = data[:cut][used:] + data[cut:]
        while rest:
            rest = rest[parser.received(rest) :]
        assert parser.completed
        assert parser.error is None
        assert parser.get_body_stream().read() == b"abc"


def test_a_header_of_exactly_the_limit_is_taken() -> None:
    text = "GET / HTTP/1.1\r\nHost: t\r\nX: " + "a" * 100 + "\r\n\r\n"
    for limit, error in ((len(text), False), (len(text) - 1, True)):
        parser = Parser(Adjustments(listen="", max_request_header_size=limit))
        parser.received(text.encode())
        assert (parser.error is not None) is error


def test_a_refused_body_of_a_running_request_is_for_its_reader_not_an_answer() -> None:
    parser = Parser(Adjustments(listen=""))
    parser.choose = lambda *_: RequestPolicy(stream_input=True)
    parser.received(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
    parser.started = True
    parser.received(b"3;" + b"x" * MAX_CHUNK_LINE)
    assert parser.error is None
    assert parser.broken
    assert parser.pipe is not None
    with pytest.raises(ConnectionError):
        parser.pipe.getfile().read()
