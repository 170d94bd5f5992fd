"""Python that is typed line by line: what is shown, what goes on, and that the process's own output stays out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from atilite.pod.interpreter import Interpreter, waits


class Typed:
    """An interpreter and what it wrote."""

    def __init__(self, **names: Any) -> None:
        self.text = ""
        self.interpreter = Interpreter(names, self._write)

    def _write(self, text: str) -> None:
        self.text += text

    def __call__(self, source: str) -> str:
        """What is shown after typing all of this."""
        self.text = ""
        code = self.interpreter.compiled(source)
        assert code is not None, "more is needed"
        if waits(code):
            asyncio.run(self.interpreter.wait(code))
        else:
            self.interpreter.run(code)
        return self.text


@pytest.mark.row("P29")
@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("1 + 1", "2\n"),
        ("None", ""),
        ("x = 3", ""),
        ("'text'", "'text'\n"),
        ("print('a', 2, sep='-')", "a-2\n"),
        ("print('no end', end='')", "no end"),
        ("for n in range(2): n\n", "0\n1\n"),
        ("if True:\n    7\n", "7\n"),
        ("def f():\n    8\n    return 9\n", ""),
        ("[n for n in names]", "['a', 'b']\n"),
    ],
)
def test_what_is_shown(source: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert Typed(names=["a", "b"])(source) == shown
    assert capsys.readouterr().out == ""


@pytest.mark.row("P29")
def test_names_and_the_last_value_are_kept() -> None:
    typed = Typed()
    typed("def double(n):\n    return 2 * n\n")

    assert typed("double(4)") == "8\n"
    assert typed("_ + 1") == "9\n"


@pytest.mark.row("P28")
def test_await_stands_at_the_top() -> None:
    typed = Typed()
    typed("import asyncio")

    assert typed("await asyncio.sleep(0, 'slept')") == "'slept'\n"
    assert typed("x = await asyncio.sleep(0, 5)") == ""
    assert typed("x") == "5\n"


@pytest.mark.parametrize("source", ["def f():", "if x:", "f(1,", "'''open", "@decorated"])
def test_more_is_needed(source: str) -> None:
    assert Typed().interpreter.compiled(source) is None


@pytest.mark.parametrize("source", ["1 +", "f(]", "x = = 2", "'\0'"])
def test_what_is_no_python_is_refused(source: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        Typed().interpreter.compiled(source)


@pytest.mark.row("P29")
@pytest.mark.parametrize("source", ["1 / 0", "def f():\n    1 / 0\n\nf()\n", "await nothing()"])
def test_an_error_is_shown_without_the_consoles_own_lines(source: str) -> None:
    typed = Typed()
    for part in source.split("\n\n"):
        shown = typed(part + "\n" if part.startswith("def") else part)

    assert shown.startswith("Traceback")
    assert "<console>" in shown
    assert "interpreter.py" not in shown


@pytest.mark.parametrize("source", ["exit()", "quit(3)", "raise SystemExit"])
def test_ending_ends_the_session_alone(source: str) -> None:
    interpreter = Typed().interpreter
    code = interpreter.compiled(source)
    assert code is not None

    assert interpreter.run(code) is False


def test_nothing_reads_the_servers_own_input() -> None:
    typed = Typed()

    assert "write the value into the line" in typed("input('name? ')")
    assert "len(obj, /)" in typed("help(len)")


def test_print_may_go_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    typed = Typed()
    typed("import sys")

    assert typed("print('for the log', file=sys.stderr)") == ""
    assert capsys.readouterr().err == "for the log\n"
