"""What runs or waits in this process, of all kinds in one list."""

from __future__ import annotations

import threading

from atilite.automation.atwork import MOST, at_work, cancel
from atilite.automation.catalogue import Catalogue
from atilite.runtime.engine import Runtime
from atilite.runtime.loop import Loop


def test_a_list_is_bounded_and_says_how_many_more_there_are() -> None:
    loop, gate, begun = Loop(), threading.Event(), threading.Semaphore(0)
    runtime, nothing = Runtime(loop=loop, threads=2), Catalogue([])

    def hold() -> None:
        begun.release()
        gate.wait(30)

    tasks = [runtime.Thread(hold) for _ in range(MOST + 12)]
    for _ in range(2):
        assert begun.acquire(timeout=30)
    found, more = at_work(nothing, runtime)
    assert (len(found), more) == (MOST, 12)
    assert [one.running for one in found[:3]] == [True, True, False]
    assert [one.lasting for one in found[2:]] == sorted((one.lasting for one in found[2:]), reverse=True)
    name = found[-1].name
    assert cancel(nothing, runtime, found[-1].id) == (name, True)
    assert cancel(nothing, runtime, found[-1].id) is None
    assert at_work(nothing, runtime)[1] == 11
    gate.set()
    for task in tasks:
        task.wait(30)
    runtime.stop()
    loop.stop()
