from __future__ import annotations

import io
import logging
import sys
import threading
from types import SimpleNamespace

import pytest

from atilite.automation import capture
from atilite.automation.capture import MAX_LINE, MAX_OUTPUT, Output, RunHandler, masked_data
from atilite.context import current_run
from atilite.testing.clock import FakeClock


class Book:
    def __init__(self) -> None:
        self.records: list[tuple] = []

    def __call__(self, message, params, source, level):
        self.records.append((message, dict(params), source, level))

    @property
    def messages(self) -> list[str]:
        return [record[0] for record in self.records]


def test_lines_are_cut_at_their_ends_however_they_are_written():
    book = Book()
    output = Output(book)
    output.feed("stdout", "on")
    output.feed("stdout", "e\ntwo\nthr")
    output.feed("stderr", "error\n")
    output.flush()

    assert book.records == [
        ("one", {}, "print", None), ("two", {}, "print", None), ("error", {}, "print", "error"),
        ("thr", {}, "print", None),
    ]  # fmt: skip


def test_a_progress_bar_leaves_its_last_state():
    book = Book()
    Output(book).feed("stdout", "10%\r50%\r100%\r\n")

    assert book.messages == ["100%"]


def test_a_long_line_is_several_records():
    book = Book()
    output = Output(book)
    output.feed("stdout", "x" * (MAX_LINE + 1))
    output.flush()

    assert [len(message) for message in book.messages] == [MAX_LINE, 1]


def test_what_is_written_after_the_end_of_the_run_is_not_stored():
    book = Book()
    output = Output(book)
    output.feed("stdout", "in time")
    output.close()

    assert output.feed("stdout", "late\n") == "late\n"
    output.log("late", "info", {})
    assert book.messages == ["in time"]


def test_output_is_bounded_and_says_so_once():
    book = Book()
    output = Output(book)
    for _ in range(2 * MAX_OUTPUT // 1000):
        output.feed("stdout", "x" * 999 + "\n")

    assert sum(map(len, book.messages)) <= MAX_OUTPUT
    assert [message for message in book.messages if "not kept" in message] == [book.messages[-1]]


def test_the_allowance_of_an_endless_run_grows_with_time():
    book, clock = Book(), FakeClock()
    output = Output(book, (), clock)
    while "not kept" not in (book.messages or [""])[-1]:
        output.feed("stdout", "x" * 9999 + "\n")
    clock.advance(3600)
    output.feed("stdout", "later\n")

    assert book.messages[-1] == "later"


def test_secrets_are_masked_in_records_and_on_the_terminal():
    book = Book()
    output = Output(book, ("hunter2",))

    assert output.feed("stdout", "it is hunter2\n") == "it is ••••\n"
    output.feed("stdout", "hun")
    output.feed("stdout", "ter2\n")
    output.log("try hunter2", "info", {"deep": [{"hunter2": "a hunter2"}]})
    assert book.records == [
        ("it is ••••", {}, "print", None), ("••••", {}, "print", None),
        ("try ••••", {"deep": [{"••••": "a ••••"}]}, "log", "info"),
    ]  # fmt: skip


def test_a_number_that_is_a_secret_is_masked_too():
    assert masked_data({"pin": 1234, "ok": True}, ("1234",)) == {"pin": "••••", "ok": True}


def test_output_goes_to_the_run_whose_code_wrote_it(capsys: pytest.CaptureFixture[str]):
    books = [Book(), Book()]
    capture.install()

    def work(book: Book) -> None:
        current_run.set(SimpleNamespace(output=Output(book)))
        print("mine")
        print("wrong", file=sys.stderr)
        logging.getLogger("pump").warning("dry %d", 3)

    threads = [threading.Thread(target=work, args=(book,)) for book in books]
    for thread in threads:
        thread.start()
        thread.join()
    print("nobody's")

    expected = [
        ("mine", {}, "print", None), ("wrong", {}, "print", "error"), ("dry 3", {"logger": "pump"}, "log", "warning"),
    ]  # fmt: skip
    assert [book.records for book in books] == [expected, expected]
    assert capsys.readouterr().out == "mine\nmine\nnobody's\n"


def test_a_logged_exception_keeps_its_traceback():
    book = Book()
    capture.install()
    token = current_run.set(SimpleNamespace(output=Output(book)))
    try:
        raise ValueError("dry")
    except ValueError:
        logging.getLogger("pump").exception("failed")
    finally:
        current_run.reset(token)

    assert "ValueError: dry" in book.records[0][1]["traceback"]


def test_installing_twice_records_once(capsys: pytest.CaptureFixture[str]):
    capture.install()
    capture.install()
    root = logging.getLogger()

    assert sum(type(handler) is RunHandler for handler in root.handlers) == 1
    assert not isinstance(sys.stdout._stream, capture.Routed)


def test_a_warning_where_nobody_set_up_logging_is_one_record_and_shown_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    book = Book()
    capture.install()
    monkeypatch.setattr(logging.getLogger(), "handlers", [RunHandler()])
    token = current_run.set(SimpleNamespace(output=Output(book, ("tulip",))))
    try:
        logging.getLogger("pump").warning("tulip is dry")
    finally:
        current_run.reset(token)

    assert book.records == [("•••• is dry", {"logger": "pump"}, "log", "warning")]
    assert capsys.readouterr().err == "•••• is dry\n"


def test_warnings_are_still_shown_where_nobody_set_up_logging(monkeypatch: pytest.MonkeyPatch):
    shown = io.StringIO()
    handler = RunHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(shown))
    logging.lastResort.setLevel(logging.WARNING)
    logging.getLogger("pump").warning("dry")

    assert shown.getvalue() == "dry\n"


def test_a_message_is_shown_where_somebody_besides_the_runs_takes_it() -> None:
    parent = logging.getLogger("capture-test")
    child = logging.getLogger("capture-test.child")
    parent.propagate = False
    parent.setLevel(logging.INFO)
    parent.addHandler(capture.RunHandler())
    assert not capture.shown(child, logging.INFO)

    warner = logging.StreamHandler()
    warner.setLevel(logging.WARNING)
    parent.addHandler(warner)
    assert not capture.shown(child, logging.INFO)
    assert capture.shown(child, logging.WARNING)

    warner.setLevel(logging.NOTSET)
    assert capture.shown(child, logging.INFO)
    assert not capture.shown(child, logging.DEBUG)
    child.propagate = False
    assert not capture.shown(child, logging.INFO)


class Narrow(io.StringIO):
    """A terminal that knows nothing but ASCII."""

    def write(self, text: str) -> int:
        text.encode("ascii")
        return super().write(text)


def test_a_terminal_of_another_encoding_fails_no_run():
    shown = Narrow()
    stream = capture.Routed(shown, "stdout")
    stream.write("30 \u00b0C\n")
    assert shown.getvalue() == "30 \\xb0C\n"


def test_output_that_nobody_reads_any_more_is_still_in_the_journal():
    closed, book = io.StringIO(), Book()
    closed.close()
    token = current_run.set(SimpleNamespace(output=Output(book)))
    try:
        stream = capture.Routed(closed, "stdout")
        stream.write("here\n")
        stream.flush()
    finally:
        current_run.reset(token)
    assert book.messages == ["here"]


def test_a_run_cannot_close_the_output_of_everybody():
    shown = io.StringIO()
    capture.Routed(shown, "stdout").close()
    assert not shown.closed


def test_of_a_text_far_beyond_the_limit_no_more_than_that_is_looked_at():
    book = Book()
    output = Output(book)
    assert len(output.feed("stdout", "x" * 10 * MAX_OUTPUT)) == 10 * MAX_OUTPUT
    output.close()
    assert sum(map(len, book.messages[:-1])) <= MAX_OUTPUT
    assert "more output" in book.messages[-1]
