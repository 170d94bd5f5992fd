"""What a transition leaves, keeps and enters, and how far it has come where something fails on its way. Pure."""

from __future__ import annotations

from typing import TypeVar

F = TypeVar("F")  # frames
# The frames that are left, those above them that stay, and those that are entered, each from the top down.
Crossing = tuple[tuple[F, ...], tuple[F, ...], tuple[F, ...]]


def crossing(near: tuple[F, ...], far: F, outline: tuple[F, ...]) -> Crossing[F]:
    """The way from the outline `near` to the frame `far`, whose outline is `outline`.

    A target in the active outline is left and entered again.

    >>> crossing(("top", "a"), "b", ("top", "b"))
    (('a',), ('top',), ('b',))
    """
    for at, (left, right) in enumerate(zip(near, outline, strict=False)):
        if left is far or left is not right:
            return near[at:], near[:at], outline[at:]
    # What is under a suspended frame waits there and is not entered twice: nothing to enter, so nothing is granted.
    return (), near, ()


def reached(frame: F, leaving: tuple[F, ...], kept: tuple[F, ...], entering: tuple[F, ...]) -> tuple[F, ...]:
    """What is active when a frame fails on the way: one whose exit has begun is left, one whose entry has, entered."""
    if frame in leaving:
        return kept + leaving[: leaving.index(frame)]
    return kept + entering[: entering.index(frame) + 1] if frame in entering else kept
