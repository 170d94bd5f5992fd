"""Who may do what in an app that judges that itself: `@app.permission_handler` and the decorators that ask it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from .errors import Error, SetupError
from .hooks import fitted
from .wrapping import guarded, noted

F = TypeVar("F", bound=Callable[..., Any])

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
MYSELF, NOT_MYSELF = "me", "notme"


class NoPermissionHandler(SetupError, RuntimeError):
    """Handlers demand permissions, and nobody judges them."""


class Demand:
    """Which permissions a handler demands: always, for a parameter that is given, for a method. Pure."""

    def __init__(self, always: Iterable[str], conditions: Mapping[str, Iterable[str]]) -> None:
        self.always = frozenset(_listed(always))
        self.of_method = {key: frozenset(_listed(value)) for key, value in conditions.items() if key in METHODS}
        self.of_parameter = {key: frozenset(_listed(value)) for key, value in conditions.items() if key not in METHODS}

    def of(self, method: str, given: Mapping[str, Any]) -> set[str]:
        """The permissions for a request with this method and these parameters.

        Those of a parameter that is given, and is not `me`, take the place of those that are always demanded; those
        of the method are added. Raises Error 421 for `notme` with a method that may change something.
        """
        found: set[str] | None = None
        for name, permissions in self.of_parameter.items():
            value = given.get(name)
            if value == NOT_MYSELF and method not in READING:
                raise Error("421 Misdirected Request", f"`{name}` cannot be `{NOT_MYSELF}` here: say whom you mean")
            if value is not None and value != MYSELF:
                found = (found or set()) | permissions
        return (set(self.always) if found is None else found) | self.of_method.get(method, frozenset())


def _listed(permissions: Iterable[str]) -> list[str]:
    return [permissions] if isinstance(permissions, str) else list(permissions)


class Permission:
    """The part of an app that asks for permissions. `begin_permission` is called when the app is made."""

    routes: list[Any]

    def begin_permission(self) -> None:
        """Make what the decorators need."""
        self._permission_handler: Callable[..., Any] | None = None
        self._demanding: list[str] = []

    def permission_handler(self, function: F) -> F:
        """Decorator: `function(was, permissions)` judges a request.

        `permissions` is a set; an empty one asks who somebody is. It raises was.Error to refuse; None lets the
        request in, and anything else is the answer.
        """
        self._permission_handler = fitted(function, 2)
        return function

    def permission_required(
        self, permissions: Iterable[str] = (), **conditions: Iterable[str]
    ) -> Callable[[F], F]:
        """Decorator, below `@app.route`: demand permissions before the handler runs.

        `id=["staff"]` holds instead of `permissions` when the parameter `id` is given and is not `me`;
        `DELETE=["admin"]` is demanded of that method in addition. Raises SetupError for a condition on a parameter
        that the handler does not take.
        """
        demand = Demand(permissions, conditions)

        def demanding(function: F) -> F:
            self._refuse_routed(function, "permission_required")
            _check_parameters(function, demand.of_parameter)
            asked = self._asked(function, lambda was, given: self._judge(was, demand.of(was.request.method, given)))
            return noted(asked, demand)

        return demanding

    def login_required(self, function: F) -> F:
        """Decorator, below `@app.route`: demand that the permission handler knows who calls."""
        self._refuse_routed(function, "login_required")
        return noted(self._asked(function, lambda was, given: self._judge(was, set())), Demand((), {}))

    def identification_required(self, function: F) -> F:
        """Decorator, below `@app.route`: let the permission handler find out who calls; its errors are ignored."""
        self._refuse_routed(function, "identification_required")

        def identify(was: Any, given: Mapping[str, Any]) -> None:
            with suppress(Error):
                self._judge(was, set())

        return self._asked(function, identify)

    def check_permission(self) -> None:
        """Raises NoPermissionHandler when the set-up ends and handlers demand permissions that nobody judges."""
        if self._demanding and self._permission_handler is None:
            who = ", ".join(self._demanding)
            raise NoPermissionHandler(f"{who} demands permissions: add an @app.permission_handler")

    def _asked(self, function: F, check: Callable[[Any, Mapping[str, Any]], Any]) -> F:
        self._demanding.append(getattr(function, "__qualname__", repr(function)))
        return guarded(function, check)

    def _judge(self, was: Any, permissions: set[str]) -> Any:
        if self._permission_handler is None:
            raise NoPermissionHandler("permissions are demanded: add an @app.permission_handler")
        return self._permission_handler(was, permissions)

    def _refuse_routed(self, function: Callable[..., Any], decorator: str) -> None:
        # Above the route it would guard a function that nobody calls, and the route would be open to everybody.
        if any(route.callback is function for route in self.routes):
            raise SetupError(f"@app.{decorator} of {function.__qualname__} must stand below @app.route")


def _check_parameters(function: Callable[..., Any], names: Iterable[str]) -> None:
    parameters = inspect.signature(function).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    unknown = [name for name in names if name not in parameters]
    if unknown:
        raise SetupError(
            f"permission_required of {function.__qualname__} names {', '.join(unknown)}, which is neither a parameter"
            " of it nor a method"
        )
