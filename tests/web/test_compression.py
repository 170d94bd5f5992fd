"""Which answers are compressed, and how."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.web import compression
from atilite.web.compression import Packed, accepts_gzip, compress, is_text, keep_secret, packed
from atilite.web.conditional import forget_forms, gzip_etag, held_etag
from atilite.web.headers import Header
from atilite.web.static import StaticFiles

BODY = b"<p>Hello, world!</p>\n" * 200
HTML: Header = ("Content-Type", "text/html; charset=utf-8")


def pack(
    *headers: Header, status: str = "200 OK", body: bytes = BODY, method: str = "GET", **environ: Any
) -> tuple[bytes, dict[str, str]]:
    env = {"REQUEST_METHOD": method, "HTTP_ACCEPT_ENCODING": "gzip", **environ}
    given_headers = list(headers) or [HTML, ("Content-Length", str(len(body)))]
    sent = packed(env, status, given_headers, body)
    assert isinstance(sent, bytes)
    return sent, dict(given_headers)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0.8, identity;q=0.5", True),
        ("", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity;q=0.9", False),
        ("gzip;q=nonsense", False),
        ("gzippo", False),
    ],
)
def test_the_client_decides_by_its_qualities(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


@given(
    st.text(max_size=60) | st.lists(st.sampled_from(["gzip", ";q=", "0", "1", ",", "*", "identity", " "])).map("".join)
)
def test_every_header_is_an_answer(header: str) -> None:
    assert accepts_gzip(header) in (True, False)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html; charset=utf-8", True),
        ("text/css", True),
        ("application/json; charset=utf-8", True),
        ("application/problem+json", True),
        ("image/svg+xml", True),
        ("text/event-stream", False),
        ("image/png", False),
        ("application/octet-stream", False),
        ("application/gzip", False),
        ("", False),
    ],
)
def test_only_texts_are_compressed(kind: str, text: bool) -> None:
    assert is_text(kind) is text


@given(st.binary(max_size=20_000))
def test_what_is_compressed_comes_back(body: bytes) -> None:
    assert gzip.decompress(compress(body)) == body


def test_a_compressed_answer_says_so() -> None:
    body, headers = pack(HTML, ("Content-Length", str(len(BODY))), ("ETag", '"x"'), ("Vary", "Accept"))

    assert gzip.decompress(body) == BODY
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert headers["ETag"] == '"x-gzip"'


def test_a_client_that_does_not_accept_it_is_told_that_there_is_another_form() -> None:
    body, headers = pack(HTTP_ACCEPT_ENCODING="br")

    assert (body, headers["Vary"]) == (BODY, "Accept-Encoding")
    assert "Content-Encoding" not in headers


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "304 Not Modified"])
def test_answers_that_are_not_the_whole_are_left_alone(status: str) -> None:
    assert pack(status=status)[0] is BODY


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Encoding", "br"),
        ("Content-Encoding", "identity"),
        ("Content-Range", "bytes 0-1/2"),
        ("Cache-Control", "no-transform"),
        ("Set-Cookie", "session=secret"),
    ],
)
def test_a_header_can_forbid_it(header: Header) -> None:
    assert pack(HTML, header)[0] is BODY


@pytest.mark.parametrize("who", [{"HTTP_COOKIE": "a=b"}, {"HTTP_AUTHORIZATION": "Basic x"}])
def test_what_another_site_asks_for_in_the_name_of_its_visitor_is_not_compressed(who: dict[str, Any]) -> None:
    assert pack(**who)[0] is not BODY
    assert pack(HTTP_SEC_FETCH_SITE="cross-site")[0] is not BODY
    assert pack(**who, HTTP_SEC_FETCH_SITE="same-origin")[0] is not BODY
    assert pack(**who, HTTP_SEC_FETCH_SITE="cross-site")[0] is BODY
    assert pack(**who, HTTP_ORIGIN="https://other.example", HTTP_HOST="here.example")[0] is BODY


def test_an_answer_with_a_secret_is_not_compressed() -> None:
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
    keep_secret(environ)
    headers: list[Header] = [HTML]

    assert packed(environ, "200 OK", headers, BODY) is BODY
    assert headers == [HTML]


def test_what_does_not_become_smaller_stays_as_it_is() -> None:
    noise = os.urandom(4000)

    assert pack(body=noise)[0] is noise


def test_head_tells_everything_but_the_length() -> None:
    body, headers = pack(method="HEAD")

    assert (body, headers["Content-Encoding"]) == (b"", "gzip")
    assert "Content-Length" not in headers


def test_the_tags_of_both_forms_name_one_version() -> None:
    environ: dict[str, Any] = {"HTTP_IF_NONE_MATCH": '"a-gzip", W/"b"', "HTTP_IF_MATCH": '"c"'}

    forget_forms(environ)

    assert environ["HTTP_IF_NONE_MATCH"] == '"a", W/"b"'
    assert environ["HTTP_IF_MATCH"] == '"c"'
    assert held_etag(environ, '"a"') == gzip_etag('"a"') == '"a-gzip"'
    assert held_etag(environ, '"b"') == '"b"'


# -- files -------------------------------------------------------------------------------------------------------------


def get(files: StaticFiles, path: str, **environ: str) -> tuple[int, dict[str, str], bytes]:
    told: list[Any] = []
    env = {"REQUEST_METHOD": "GET", "PATH_INFO": "/" + path, "HTTP_ACCEPT_ENCODING": "gzip", **environ}
    body = files(env, lambda *answer: told.append(answer))
    content = b"".join(body)
    getattr(body, "close", bool)()
    return int(told[0][0][:3]), dict(told[0][1]), content


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    (tmp_path / "a.css").write_bytes(BODY)
    (tmp_path / "a.png").write_bytes(BODY)
    (tmp_path / "small.css").write_bytes(b"a{}")
    (tmp_path / "noise.txt").write_bytes(os.urandom(5000))
    return StaticFiles(tmp_path)


def test_a_static_text_is_sent_compressed_with_a_tag_of_its_own(files: StaticFiles) -> None:
    status, headers, body = get(files, "a.css")
    plain = get(files, "a.css", HTTP_ACCEPT_ENCODING="identity")

    assert (status, gzip.decompress(body), headers["Content-Encoding"]) == (200, BODY, "gzip")
    assert headers["Content-Length"] == str(len(body))
    assert headers["Vary"] == plain[1]["Vary"] == "Accept-Encoding"
    assert (plain[2], "Content-Encoding" in plain[1]) == (BODY, False)
    assert headers["ETag"] == gzip_etag(plain[1]["ETag"])
    for etag in (headers["ETag"], plain[1]["ETag"]):
        status, again, _ = get(files, "a.css", HTTP_IF_NONE_MATCH=etag)
        assert (status, again["ETag"], again["Vary"]) == (304, etag, "Accept-Encoding")
        assert get(files, "a.css", HTTP_IF_MATCH=etag)[0] == 200


def test_other_files_are_sent_as_they_are(files: StaticFiles) -> None:
    for name in ("a.png", "small.css", "noise.txt"):
        assert "Content-Encoding" not in get(files, name)[1]
    assert "Vary" not in get(files, "a.png")[1]


def test_a_range_is_never_compressed(files: StaticFiles) -> None:
    etag = get(files, "a.css")[1]["ETag"]
    status, headers, body = get(files, "a.css", HTTP_RANGE="bytes=0-9")

    assert (status, body, "Content-Encoding" in headers) == (206, BODY[:10], False)
    # The client's part is of the compressed form: it cannot be completed by one of the other.
    assert get(files, "a.css", HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=etag)[0] == 200


def test_a_changed_file_is_compressed_anew(files: StaticFiles, tmp_path: Path) -> None:
    before = get(files, "a.css")
    (tmp_path / "a.css").write_bytes(BODY.upper())
    after = get(files, "a.css")

    assert gzip.decompress(after[2]) == BODY.upper()
    assert after[1]["ETag"] != before[1]["ETag"]


def test_a_compressed_file_beside_it_is_sent_if_it_is_not_older(files: StaticFiles, tmp_path: Path) -> None:
    sibling = tmp_path / "a.css.gz"
    sibling.write_bytes(gzip.compress(b"made before"))
    assert gzip.decompress(get(files, "a.css")[2]) == b"made before"

    os.utime(sibling, (1, 1))
    assert gzip.decompress(get(files, "a.css")[2]) == BODY

    sibling.unlink()
    (tmp_path.parent / "outside.gz").write_bytes(gzip.compress(b"outside"))
    sibling.symlink_to(tmp_path.parent / "outside.gz")
    assert gzip.decompress(get(files, "a.css")[2]) == BODY


def test_what_is_kept_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "KEPT", 6000)
    cache = Packed()
    for number in range(8):
        path = tmp_path / f"{number}.txt"
        path.write_text(os.urandom(1500).hex())
        assert cache.get(str(path), path.stat())

    assert cache._size == sum(len(content) for _, content in cache._kept.values()) <= 6000
    assert list(cache._kept)[-1] == str(tmp_path / "7.txt")
