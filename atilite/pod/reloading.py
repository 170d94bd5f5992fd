"""A running pod with another configuration: only the beans that have changed are touched."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from atilite.errors import SetupError
from atilite.logs import raised_by_user
from atilite.pod.bean import Bean
from atilite.pod.context import MARK
from atilite.pod.loading import load, why
from atilite.pod.pod import Pod
from atilite.pod.spec import BeanSpec
from atilite.runtime.order import in_order

log = logging.getLogger("atilite.pod")


class Difference(NamedTuple):
    """What leads from the beans of a pod to those of a configuration; specs are given by their place in it."""

    gone: list[Bean]
    changed: dict[int, Bean]
    added: list[int]

    def __str__(self) -> str:
        counts = {"restarted": len(self.changed), "added": len(self.added), "removed": len(self.gone)}
        told = [f"{count} {word}" for word, count in counts.items() if count]
        return ", ".join(told) or "nothing has changed"


def difference(beans: Sequence[Bean], specs: Sequence[BeanSpec]) -> Difference:
    """Compare; beans of one name are told apart by their order. Who needs one that is not the same changes with it."""
    left: dict[str, list[Bean]] = {}
    for bean in beans:
        left.setdefault(bean.spec.key, []).append(bean)
    pairs = {index: before.pop(0) for index, spec in enumerate(specs) if (before := left.get(spec.key))}
    gone = [bean for before in left.values() for bean in before]
    changed = {index: bean for index, bean in pairs.items() if bean.spec != specs[index]}
    while True:
        moved = {bean.label for bean in (*gone, *changed.values())} - {None}
        bound = {i: bean for i, bean in pairs.items() if i not in changed and moved & set(bean.spec.needs)}
        if not bound:
            return Difference(gone, changed, [index for index in range(len(specs)) if index not in pairs])
        changed |= bound


def reload(pod: Pod, config: Any, specs: Sequence[BeanSpec]) -> str:
    """Stop what is gone or has changed, start what is new or has changed; tell in words what was done.

    A changed bean is a new one with the next id. What is the same runs on, with its id; all see the new `config`.
    Raises SetupError before anything is touched if a bean cannot be loaded, or if no order suits what they need.
    Blocks: not on the loop.
    """
    found = difference(pod.beans, specs)
    order = _order([(_label(spec), spec) for spec in specs], strict=True)
    leaving = [*found.gone, *found.changed.values()]
    last_first = reversed(_order([(bean.label, bean.spec) for bean in leaving], strict=False))
    pod.config = config
    pod.stop_wait_time = config.STOP_WAIT_TIME
    with pod.kept():
        for index in last_first:
            pod.remove_bean(leaving[index]).wait()
        fresh = [specs[index] for index in order if index in found.changed or index in found.added]
        failed = [spec.key for spec in fresh if not _added(pod, spec)]
    return f"{found}; not loaded: {', '.join(failed)}" if failed else str(found)


def _added(pod: Pod, spec: BeanSpec) -> bool:
    try:
        return pod.add_bean(spec) is not None
    except Exception as error:  # the class of a bean may do anything when it is made
        log.error("%s cannot be loaded: %s", spec.key, why(error), exc_info=raised_by_user(error))
        return False


def _label(spec: BeanSpec) -> str | None:
    """The label that a bean is going to have. SetupError if it cannot be loaded, unless it is optional."""
    try:
        core = load(spec.core)
    except SetupError:
        if not spec.optional:
            raise
        core = None
    return spec.label or getattr(core, MARK, None)


def _order(labelled: Sequence[tuple[str | None, BeanSpec]], *, strict: bool) -> list[int]:
    """The places of beans such that each comes behind those that it needs. SetupError if that cannot be.

    Unless it is `strict`, those that are not there are no fault.
    """
    names = [f"bean {number} ({spec.key})" for number, (_, spec) in enumerate(labelled, 1)]
    of_label: dict[str, list[str]] = {}
    for name, (label, _) in zip(names, labelled, strict=True):
        of_label.setdefault(label or "", []).append(name)

    def named(labels: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for label in labels for name in of_label.get(label, [label]))

    relations = {}
    for name, (_, spec) in zip(names, labelled, strict=True):
        needs, after = named(spec.needs), named(spec.after)
        relations[name] = (needs, after) if strict else ((), needs + after)
    return [names.index(name) for name in in_order(relations)]
