"""Error pages of the app's own, for clients that want HTML; everybody else gets the plain answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import bottle

from .clock import Clock
from .errors import Error, SetupError
from .hooks import fitted
from .pipeline import Pipeline
from .version import VERSION
from .web.errors import describe
from .web.response import Body, Response, serialize

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("atilite")


class Mistake:
    """What an error page can tell: `error` in its template."""

    def __init__(self, error: Error, url: str, debug: bool, traceback: Sequence[str], time: datetime) -> None:
        facts = describe(error)
        self.code = error.status_code
        self.message = error.reason
        self.detail = error.explanation
        self.errno = facts["code"]
        self.fields = error.fields
        self.url = url
        self.time = time.strftime("%Y-%m-%d %H:%M:%S")
        self.mode = "debug" if debug else "normal"
        self.traceback = "".join(traceback)
        self.software = f"atilite {VERSION}"


class ErrorHandlers(dict[int, Callable[..., Any]]):
    """What `app.error_handler` is: for Bottle its dictionary, for everybody else a decorator."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[int, Callable[..., Any]] = {}

    def __call__(self, code: int) -> Callable[[F], F]:
        """Decorator: `function(was, error)` makes the page for this status. Raises SetupError for what is no error."""
        if not 400 <= int(code) <= 599:
            raise SetupError(f"@app.error_handler({code}): an error has a status from 400 to 599")

        def register(function: F) -> F:
            self.pages[int(code)] = fitted(function, 2)
            return function

        return register


class ErrorPages(bottle.Bottle):  # type: ignore[misc]  # bottle is untyped
    """The part of an app that makes its error pages. `begin_error_pages` is called when the app is made."""

    clock: Clock
    debug: bool
    pipeline: Pipeline

    def begin_error_pages(self) -> None:
        """Make what the decorators need."""
        self.error_handler = ErrorHandlers()

    def default_error_handler(self, function: Any) -> Any:
        """Decorator: `function(was, error)` makes the page for every error without a handler of its own."""
        if isinstance(function, bottle.HTTPResponse):
            return super().default_error_handler(function)  # Bottle asks for the page of an error of its own
        self.error_handler.pages[0] = fitted(function, 2)
        return function

    def error_page(
        self, was: Any, error: Error, traceback: Sequence[str] = ()
    ) -> tuple[str, list[tuple[str, str]], Body] | None:
        """The app's own page for `error`: status, headers, body; None when the plain one has to do.

        To be asked for clients that want HTML. A handler that raises, or returns nothing, is told in the log.
        """
        handlers = self.error_handler.pages
        handler = handlers.get(error.status_code) or handlers.get(0)
        if handler is None or error.status_code < 400:
            return None
        # What the failed handler had set is not for its error page.
        was.response = Response(was.request.env, error.status, headers=error.headers, clock=self.clock)
        moment = datetime.fromtimestamp(self.clock.time(), UTC)
        mistake = Mistake(error, was.request.uri, self.debug, traceback, moment)
        try:
            page = handler(was, mistake)
            if page is not None:
                return serialize(page, was.response, was.request, self.pipeline.style)
            log.error("the error handler for %s returned nothing", error.status)
        except Exception:
            # An error page must come in any case: the plain one cannot fail.
            log.exception("the error handler for %s failed", error.status)
        return None
