"""A running pod with another configuration: only the beans that have changed are touched."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from atilite.pod.bean import Bean
from atilite.pod.loading import load
from atilite.pod.pod import Pod
from atilite.pod.spec import BeanSpec

log = logging.getLogger("atilite.pod")


class Difference(NamedTuple):
    """What leads from the beans of a pod to those of a configuration."""

    gone: list[Bean]
    changed: list[tuple[Bean, BeanSpec]]
    added: list[BeanSpec]
    same: int

    def __str__(self) -> str:
        counts = {"restarted": len(self.changed), "added": len(self.added), "removed": len(self.gone)}
        told = [f"{count} {word}" for word, count in counts.items() if count]
        return ", ".join(told) or "nothing has changed"


def difference(beans: Sequence[Bean], specs: Sequence[BeanSpec]) -> Difference:
    """Compare; beans of one name are told apart by their order."""
    left: dict[str, list[Bean]] = {}
    for bean in beans:
        left.setdefault(bean.spec.key, []).append(bean)
    changed, added, same = [], [], 0
    for spec in specs:
        before = left.get(spec.key)
        if not before:
            added.append(spec)
        elif (bean := before.pop(0)).spec == spec:
            same += 1
        else:
            changed.append((bean, spec))
    return Difference([bean for beans in left.values() for bean in beans], changed, added, same)


def reload(pod: Pod, config: Any, specs: Sequence[BeanSpec]) -> str:
    """Stop what is gone or has changed, start what is new or has changed; tell in words what was done.

    A changed bean is a new one with the next id. What is the same runs on, with its id; all see the new `config`.
    Raises SetupError before anything is touched if a bean cannot be loaded. Blocks: not on the loop.
    """
    found = difference(pod.beans, specs)
    for spec in (*(spec for _, spec in found.changed), *found.added):
        if not spec.optional:
            load(spec.core)
    pod.config = config
    pod.stop_wait_time = config.STOP_WAIT_TIME
    with pod.kept():
        for bean in (*found.gone, *(bean for bean, _ in found.changed)):
            pod.remove_bean(bean).wait()
        failed = [spec.key for spec in (*(spec for _, spec in found.changed), *found.added) if not _added(pod, spec)]
    return f"{found}; not loaded: {', '.join(failed)}" if failed else str(found)


def _added(pod: Pod, spec: BeanSpec) -> bool:
    try:
        return pod.add_bean(spec) is not None
    except Exception as error:  # the class of a bean may do anything when it is made
        log.error("%s cannot be loaded: %s", spec.key, error, exc_info=error)
        return False
