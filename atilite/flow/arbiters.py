"""Arbiters: of several values that want to be one output, which is it?

The plan names the inputs with `per`, each with a tag; what is said of the tags is in shares with a field for each:
whether it is selected, how important it is, and how far it is to be trusted (its truth, from 0 to 1).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from atilite.flow.behaviors import Behavior, Io
from atilite.flow.navigation import between
from atilite.flow.shares import Share


class Claim(NamedTuple):
    """What one input wants."""

    value: Any
    truth: float = 1.0
    importance: float = 1.0
    selected: bool = True


# What an arbiter finds among its claims; the second claim is what holds where it finds none.
Rule = Callable[[Sequence[Claim], Claim], Claim]


def truth_of(given: Any) -> float:
    """A truth as a number from 0 to 1; None is full trust.

    >>> truth_of(None), truth_of(False), truth_of(7)
    (1.0, 0.0, 1.0)
    """
    return 1.0 if given is None else between(0.0, float(given), 1.0)


def switched(claims: Sequence[Claim], default: Claim) -> Claim:
    """The first that is selected."""
    return next((claim for claim in claims if claim.selected), default)


def preferred(claims: Sequence[Claim], default: Claim) -> Claim:
    """The most important of those that are selected and truer than the default; the first of several."""
    good = [claim for claim in _good(claims, default) if claim.importance > 0.0]
    return max(good, key=lambda claim: claim.importance, default=default)


def trusted(claims: Sequence[Claim], default: Claim) -> Claim:
    """The truest of those that are selected and truer than the default; of several the most important."""
    return max(_good(claims, default), key=lambda claim: (claim.truth, claim.importance), default=default)


def weighted(claims: Sequence[Claim], default: Claim) -> Claim:
    """The mean of those that are selected, by importance and truth; its truth is the mean of theirs by importance.

    The default where that truth is not more than the default's, or a value is no number.
    """
    chosen = [claim for claim in claims if claim.selected]
    if any(isinstance(claim.value, str) or not isinstance(claim.value, int | float) for claim in chosen):
        return default
    importance = math.fsum(claim.importance for claim in chosen)
    weight = math.fsum(claim.importance * claim.truth for claim in chosen)
    if not importance or not weight or weight / importance <= default.truth:
        return default
    total = math.fsum(claim.importance * claim.truth * claim.value for claim in chosen)
    return Claim(total / weight, weight / importance, importance)


def _good(claims: Sequence[Claim], default: Claim) -> list[Claim]:
    return [claim for claim in claims if claim.selected and claim.truth > default.truth]


def arbitrate(
    rule: Rule, output: Share, truth: Share, default: Share, deftruth: Share, insels: Share, inimps: Share,
    intruths: Share, **inputs: Any,
) -> None:  # fmt: skip
    """Write what the rule finds among the inputs: shares by their tags, or values that stay as they are.

    An input that nothing was said of is selected, of importance 1, and fully trusted. One without a value is left out.
    """
    claims = [
        Claim(value, truth_of(intruths.get(tag)), _said(inimps, tag, 1.0), bool(_said(insels, tag, True)))
        for tag, value in ((tag, given.value if isinstance(given, Share) else given) for tag, given in inputs.items())
        if value is not None
    ]
    found = rule(claims, Claim(default.value, truth_of(deftruth.value)))
    output.value, truth.value = found.value, found.truth


def _said(share: Share, tag: str, unsaid: Any) -> Any:
    found = share.get(tag)  # there is a field without a value where the plan will write one later
    return unsaid if found is None else found


def _behavior(kind: str, rule: Rule) -> Behavior:
    ios = {
        "output": Io("output", {"value": 0.0}), "truth": Io("truth", {"value": 0.0}),
        "default": Io("default", {"value": 0.0}), "deftruth": Io("deftruth", {"value": 0.0}),
        "insels": Io("insels"), "inimps": Io("inimps"), "intruths": Io("intruths"),
    }  # fmt: skip
    name = f"Arbiter{kind.capitalize()}"
    return Behavior(name, functools.partial(arbitrate, rule), ios, inode=f".arbiter.{kind}", parametric=True)


BEHAVIORS = (
    _behavior("switch", switched), _behavior("priority", preferred), _behavior("trusted", trusted),
    _behavior("weighted", weighted),
)  # fmt: skip
