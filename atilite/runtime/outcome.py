"""How a task ended, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atilite.errors import Error, QueryError, ResourceError
from atilite.quickly import dataclass

STA_REQFAIL, STA_UNSENT, STA_TIMEOUT, STA_NETERR, STA_NORMAL = -1, 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended: `status` is one of STA_*, `expt` the error or None."""

    status: int
    status_code: int
    data: Any
    expt: BaseException | None

    @classmethod
    def of_error(cls, error: Exception) -> Outcome:
        """Sort an error in: it took too long, the other side could not be reached, or it was refused."""
        if isinstance(error, TimeoutError):
            return cls(STA_TIMEOUT, 504, None, error)
        if isinstance(error, ResourceError | OSError) and not isinstance(error, QueryError):
            return cls(STA_NETERR, 502, None, error)
        return cls(STA_REQFAIL, getattr(error, "status_code", 500), None, error)


def only(data: Any) -> Any:
    """Return the single element of a sequence, anything else as it is; 410 for an empty one, 409 for a longer one."""
    if isinstance(data, str | bytes | bytearray | Mapping):
        return data
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        return data
    if len(data) == 1:
        return data[0]
    if len(data) == 0:
        raise Error("410 Partial Not Found", "one element was asked for, there is none")
    raise Error("409 Conflict", f"one element was asked for, there are {len(data)}")
