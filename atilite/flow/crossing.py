"""How far a transition has come where something fails on its way."""

from __future__ import annotations

from typing import TypeVar

F = TypeVar("F")  # frames


def reached(frame: F, leaving: tuple[F, ...], kept: tuple[F, ...], entering: tuple[F, ...]) -> tuple[F, ...]:
    """What is active when a frame fails on the way: one whose exit has begun is left, one whose entry has, entered."""
    if frame in leaving:
        return kept + leaving[: leaving.index(frame)]
    return kept + entering[: entering.index(frame) + 1] if frame in entering else kept
