"""Command lines with placeholders: what goes where, and what is refused because a shell would be needed."""

from __future__ import annotations

import pytest

from atilite.automation.template import Template, guarded
from atilite.errors import SetupError


@pytest.mark.parametrize(
    ("text", "values", "arguments"),
    [
        ("uptime -p", {}, ["uptime", "-p"]),
        ("ping -c {count} {host}", {"count": 3, "host": "a b; rm -rf /"}, ["ping", "-c", "3", "a b; rm -rf /"]),
        ("tar -cf '{name}.tar' $HOME", {"name": "x y"}, ["tar", "-cf", "x y.tar", "$HOME"]),
        ("ls {all:-a} {folder}", {"all": True, "folder": None}, ["ls", "-a"]),
        ("ls {all:-a} {folder}", {"all": False, "folder": ""}, ["ls", ""]),
        ("echo {{{word}}} ''", {"word": True}, ["echo", "{true}", ""]),
        ("sh -c 'echo \"$1\"' - {text}", {"text": "`id`"}, ["sh", "-c", 'echo "$1"', "-", "`id`"]),
    ],
)
def test_each_word_stays_one_argument_whatever_is_put_into_it(text: str, values: dict, arguments: list[str]) -> None:
    assert Template.of("Ping", text).fill(values) == arguments


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no program"),
        ("echo 'x", "cut into words"),
        ("dmesg | tail", "'|' is for a shell"),
        ("echo x > /tmp/x", "'>' is for a shell"),
        ("make 2>&1", "'2>&1' is for a shell"),
        ("{program} x", "the program itself is a placeholder"),
        ("sh -c 'echo {text}'", "would be run as code"),
        ("/usr/bin/python3 -Ic 'print({text})'", "would be run as code"),
        ("echo {", "single '{'"),
        ("echo {a-b}", "single '{'"),
    ],
)
def test_what_would_need_a_shell_is_refused_at_set_up(text: str, told: str) -> None:
    with pytest.raises(SetupError, match=r"^Ping: ") as caught:
        Template.of("Ping", text)
    assert told in str(caught.value)


def test_it_knows_its_names_and_which_of_them_could_become_options() -> None:
    template = Template.of("Grep", "grep --color={color} {pattern} -- {file}")

    assert template.names == {"color", "pattern", "file"}
    assert template.exposed == {"pattern"}
    check = guarded(str)
    assert check("x-y") == "x-y"
    with pytest.raises(ValueError, match="must not begin with -"):
        check("-f/etc/shadow")


def test_a_text_that_is_no_command_line_is_left_as_it_is() -> None:
    template = Template.of_text("Ping", "a | 'b'  {word}\n")

    assert template.fill({"word": "c d"}) == ["a | 'b'  c d\n"]
