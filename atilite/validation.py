"""Declaring what a route demands of its parameters: `@app.inspect(ints=["id"], name__len__lte=64)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .lazily import LazyModule
from .web.params import KEPT, inspections_of

if TYPE_CHECKING:
    from .web import inspection as inspections
else:
    # Loaded with the first route that demands something.
    inspections = LazyModule("atilite.web.inspection")

F = TypeVar("F", bound=Callable[..., Any])


class Validation:
    """The part of an app that declares demands. The pipeline holds requests and pipes against them.

    With `restrict_parameter_count` off, parameters that a handler does not take are left out instead of refused.
    """

    restrict_parameter_count = True
    pipeline: Any

    @overload
    def inspect(self, scope: F) -> F: ...
    @overload
    def inspect(self, scope: str = "ARGS", required: Any = None, **wanted: Any) -> Callable[[F], F]: ...
    def inspect(self, scope: Any = "ARGS", required: Any = None, **wanted: Any) -> Any:
        """Decorator below `@app.route`: refuse the request with 400 unless its parameters are as wanted.

        `scope` says which of them: ARGS (all), URL, FORM, JSON, DATA, or those of one method: GET, POST, PUT, PATCH,
        DELETE. `wanted` are lists (`ints`, `emails`, ...), `name=type`, `name=value` and `name__operator=operand`;
        docs/validation.md has all of them. Raises SetupError for what cannot be meant.
        """
        if callable(scope):
            return scope
        inspection = inspections.Inspection.of(scope, required=required, **wanted)

        def declare(function: F) -> F:
            # The outermost decorator is the first to look.
            kept = [one for one in getattr(function, KEPT, ()) if one != inspection]
            vars(function)[KEPT] = (inspection, *kept)
            return function

        return declare

    def check_inspections(self) -> None:
        """Raise SetupError for a demand on a parameter that a route refuses whenever it is given: a misspelt name."""
        if self.restrict_parameter_count:
            for resource in self.pipeline.resources:
                takes_it = resource.options.get("passes_on") or not resource.options.get("bind", True)
                if inspections_of(resource.function) and not takes_it:
                    inspections.check_names(resource.name, resource.signature, resource.rule)

    # The manual's other names for it.
    require = parameters_required = inspect
