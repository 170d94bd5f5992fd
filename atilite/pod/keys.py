"""The keys of a component, checked against the dataclass that names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from atilite.checks import check_of, members_of
from atilite.errors import SetupError

T = TypeVar("T")


def keys_of(kind: Callable[..., T], given: Mapping[str, Any], owner: object) -> tuple[T, dict[str, Any]]:
    """Return the component's own keys as a `kind`, and the others, which belong to whoever wrote the bean.

    Values may be texts, as the command line gives them. Raises SetupError with everything that is wrong.
    """
    names = members_of(kind)
    check: Any = check_of(kind)
    try:
        own: T = check({name: value for name, value in given.items() if name in names})
    except ValueError as fault:
        raise SetupError(f"{type(owner).__name__}: {fault} (change the keys of this bean)") from None
    return own, {name: value for name, value in given.items() if name not in names}
