"""The end of a process in time.

Python waits for threads and children that somebody has left, however long; and a process that works for another one has
to see that this has ended.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from atilite.lazily import LazyModule

if TYPE_CHECKING:
    import multiprocessing
    from multiprocessing import connection
else:
    # Few programs use other processes.
    multiprocessing = LazyModule("multiprocessing")
    connection = LazyModule("multiprocessing.connection")

log = logging.getLogger("atilite.runtime")

# Seconds between the end of the program's own code and that of the process.
LATEST = 3.0


def leave_in_time(code: int) -> None:
    """Have this process end with `code` soon after its main thread, whatever it still waits for then. Main thread."""
    ending = threading.Event()
    # What `atexit` has comes later: behind the wait for the threads of pools.
    threading._register_atexit(ending.set)  # type: ignore[attr-defined]
    threading.Thread(target=_see_to_it, args=(ending, code), name="atilite-leaving", daemon=True).start()


def _see_to_it(ending: threading.Event, code: int) -> NoReturn:
    ending.wait()
    time.sleep(LATEST)
    others = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    threads = [name for name in others if not name.startswith(("atilite-", "store-"))]
    # A program that has not loaded it has started no children by it.
    processes: Any = sys.modules.get("multiprocessing")
    children = [] if processes is None else processes.active_children()
    left = ", ".join([f"thread {name}" for name in threads] + [f"process {one.pid} ({one.name})" for one in children])
    log.warning("the program ends without waiting any longer for what it has started (%s)", left or "it does not end")
    for one in children:
        one.kill()
    os._exit(code)


def end_with_parent(end: Callable[[], object]) -> None:
    """Call `end`, in a thread, once the process is gone that has started this one by multiprocessing."""
    threading.Thread(target=_follow_parent, args=(end,), name="atilite-parent", daemon=True).start()


def _follow_parent(end: Callable[[], object]) -> None:
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    # The pipe of multiprocessing is not enough: children that the parent has forked hold its other end too.
    signs = [parent.sentinel]
    with suppress(AttributeError, OSError):
        signs.append(os.pidfd_open(parent.pid))
    if os.getppid() == parent.pid:
        connection.wait(signs)
    end()
