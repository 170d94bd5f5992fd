"""What children that a fork makes do with signals that their parent answers."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

WAIT = 60.0  # seconds; only to tell what hangs from what is slow

PARENT = """\
import os, signal, sys
from atilite.forks import answered_here, unanswered_here

def answer(number, frame):
    raise SystemExit("the parent's answer")

def forked(before_pause=lambda: None):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            before_pause()
            os.write(writing, b".")
            signal.pause()
        except BaseException as error:
            os._exit(3 if isinstance(error, SystemExit) else 4 if isinstance(error, KeyboardInterrupt) else 5)
        os._exit(6)
    return pid

def ending(pid, *numbers):
    os.read(reading, 1)
    for number in numbers:
        os.kill(pid, number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

reading, writing = os.pipe()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, answer)
"""


def run(script: str) -> list[int]:
    """The numbers that a program prints which begins as PARENT does."""
    program = [sys.executable, "-c", PARENT + dedent(script)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def test_a_child_dies_of_a_signal_that_its_parent_answers() -> None:
    ends = run("""
        answered_here(signal.SIGTERM, signal.SIGINT)
        print(*(ending(forked(), number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
    """)

    assert ends == [-15, 4, 3], "SIGINT is a KeyboardInterrupt as everywhere; of SIGHUP nobody has said anything"


def test_one_that_comes_while_the_child_is_being_made_is_neither_lost_nor_answered_there() -> None:
    # The first hook runs before those of the module, in the midst of the fork.
    ends = run("""
        os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
        answered_here(signal.SIGTERM)
        pid = forked()
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """)

    assert ends == [-15]


def test_the_parent_goes_on_to_answer_and_a_mask_of_its_own_stays() -> None:
    ends = run("""
        answered_here(signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        ending(forked(), signal.SIGTERM)
        print(*(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit:
            print(1)
    """)

    assert ends == [10, 1]


def test_what_is_answered_no_more_is_inherited_again() -> None:
    ends = run("""
        answered_here(signal.SIGTERM)
        unanswered_here(signal.SIGTERM)
        print(ending(forked(), signal.SIGTERM))
    """)

    assert ends == [3]


def test_children_of_children_die_of_it_too() -> None:
    ends = run("""
        answered_here(signal.SIGTERM)

        def deeper(left):
            pid = os.fork()
            if pid:
                os._exit(0 if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, -15) else 1)
            if left:
                deeper(left - 1)
            os.kill(os.getpid(), signal.SIGTERM)

        pid = forked(lambda: deeper(3))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """)

    assert ends == [0]


def test_a_child_holds_no_place_that_its_parent_listens_at() -> None:
    # As beans do, whose servers know nothing of it.
    ends = run("""
        from atilite.server.sockets import open_listeners

        (listening,) = open_listeners("127.0.0.1:0")
        port = listening.getsockname()[1]
        pid = forked()
        os.read(reading, 1)
        listening.close()
        again = open_listeners(f"127.0.0.1:{port}")
        os.kill(pid, signal.SIGKILL)
        print(len(again), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """)

    assert ends == [1, -9]


def test_a_child_that_comes_back_ends_as_a_program_would() -> None:
    ends = run("""
        from atilite.forks import end_child

        def end(error):
            parent = os.getpid()
            pid = os.fork()
            end_child(parent, error)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        print(*map(end, (None, SystemExit(), SystemExit(3), SystemExit("why"), ValueError(3))))
    """)

    assert ends == [0, 0, 3, 1, 1]
