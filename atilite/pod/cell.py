"""One of the processes of `processes=n`, seen from within: a pod with this one bean.

So every kind of bean works and stops there as it does here.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

from atilite.pod.bean import Bean
from atilite.pod.configuring import Config
from atilite.pod.pod import Change, Pod
from atilite.pod.spec import BeanSpec
from atilite.runtime.isolated import Line
from atilite.runtime.promise import Promise
from atilite.runtime.task import Task
from atilite.runtime.unit import Life

log = logging.getLogger("atilite.pod")

# Seconds in which no process is given up: whoever stops the bean says when it is too long.
PATIENT = 1e6


class Cell(Pod):
    """A pod of one bean, which has the same id as in the pod that it comes from. The beans there are not here."""

    def __init__(self, number: int, **options: Any) -> None:
        super().__init__(**options)
        self._last_id = number - 1

    def get_beans(self, id_or_label: int | str) -> list[Bean]:
        try:
            return super().get_beans(id_or_label)
        except KeyError:
            _refuse(id_or_label)

    def send_signal(self, signal: Any, labels: Any = None, *, sender: Any = None, **passed: Any) -> Task:
        for one in () if labels is None else (labels,) if isinstance(labels, (str, int)) else labels:
            self.get_beans(one)
        return super().send_signal(signal, labels, sender=sender, **passed)


def _refuse(id_or_label: int | str) -> NoReturn:
    raise KeyError(f"{id_or_label!r} is not in this process: a bean with processes=... sees nobody but itself")


def live(
    line: Line, spec: BeanSpec, config: Mapping[str, Any], level: int, number: int = 1, process: int = 1
) -> None:
    """Be a pod of one bean, in the main thread of a process made for it, until that has ended.

    Raises what the bean raised. SIGTERM asks it to end, and a second one cancels it. `number` is the bean's id,
    `process` which one of its processes this is.
    """
    logging.getLogger().setLevel(level)
    ends: list[Promise[Any]] = []

    def launch(bean: Bean, life: Life) -> Promise[Any]:
        work = bean.begin(life)
        ends.append(work)
        return work

    known = Config(config)
    pod = Cell(number, config=known, stop_wait_time=PATIENT, loop_type=known.LOOP_TYPE, launch=launch, process=process)

    def tell(change: Change) -> None:
        if change.new == "running":
            line.send("ready")

    pod.changed.listen(tell)
    pod.add_bean(spec)
    line.hear(partial(_hear, line, pod))
    pod.run()
    for end in ends:
        if end.error is not None and not pod.enforced:
            raise end.error


def _hear(line: Line, pod: Pod, kind: str, parts: tuple[Any, ...]) -> None:
    """Take a signal that a bean of the other process has sent, and tell how many callbacks were called."""
    number, data = parts
    try:
        signal, sender, passed = pickle.loads(data)
    except Exception as error:  # its class is not here, or fails
        log.error("a signal from the pod cannot be read", exc_info=error)
        line.send("called", number, 0)
        return
    called = pod.send_signal(signal, sender=sender, **passed).promise
    called.on_done(lambda ended: line.send("called", number, ended.value or 0))
