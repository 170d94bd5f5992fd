"""The text of the nginx configuration."""

from __future__ import annotations

import pytest

from atilite.cli.nginx import Proxy, quote

PLAIN = Proxy("board.example.org", "board", "127.0.0.1:5000")


@pytest.mark.row("A197")
def test_it_names_the_host_and_passes_on_who_asks() -> None:
    text = PLAIN.text()

    assert "server_name board.example.org;" in text
    assert "server 127.0.0.1:5000;" in text
    passed = ("Host $http_host", "X-Forwarded-For $remote_addr", "X-Forwarded-Proto $scheme", "Upgrade $http_upgrade")
    for header in passed:
        assert f"proxy_set_header {header};" in text
    assert "proxy_buffering off;" in text


@pytest.mark.row("A197")
def test_copied_files_come_first_and_the_program_has_the_rest() -> None:
    text = Proxy("board.example.org", "board", "unix:/run/board.sock", "/srv/static", ["/static/"]).text()

    assert "root /srv/static;" in text
    assert "location ^~ /static/ {\n        try_files $uri @program;" in text
    assert "add_header X-Content-Type-Options nosniff always;" in text


def test_files_at_the_root_do_not_make_two_locations_of_it() -> None:
    text = Proxy("board.example.org", "board", "127.0.0.1:5000", "/srv/static", ["/"]).text()

    assert text.count("location / {") == 1
    assert "try_files $uri @program;" in text


def test_uploads_are_served_from_where_they_are() -> None:
    text = Proxy("board.example.org", "board", "127.0.0.1:5000", live=[("/media/", "/srv/my media")]).text()

    assert 'alias "/srv/my media/";' in text
    assert "root " not in text


@pytest.mark.row("B43")
@pytest.mark.parametrize(("auth", "asked"), [("none", 0), ("basic", 1), ("internal", 2)])
def test_nginx_asks_for_a_password_where_it_was_told_to(auth: str, asked: int) -> None:
    text = Proxy("b.org", "board", "127.0.0.1:5000", auth=auth, private=["/console", "/internal/"]).text()

    assert text.count("auth_basic_user_file /etc/nginx/board.htpasswd;") == asked
    assert text.count('proxy_set_header Authorization "";') == asked  # it is nginx's password, not the program's
    assert text.count("location ^~ /internal/ {") == (auth == "internal")


def test_a_name_that_is_no_word_makes_variables_that_are() -> None:
    assert "upstream my_board_2 {" in Proxy("b.org", "my-board.2", "127.0.0.1:5000").text()


@pytest.mark.parametrize(("word", "read"), [("/srv/a", "/srv/a"), ("/srv/a b", '"/srv/a b"'), ('a"b', '"a\\"b"')])
def test_words_are_quoted_where_they_must_be(word: str, read: str) -> None:
    assert quote(word) == read
