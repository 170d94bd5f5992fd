"""`was` where there is no request."""

from __future__ import annotations

from typing import Any

import pytest

from atilite import Atilite
from atilite.errors import TaskError
from atilite.testing.inside import local_site

PATIENCE = 20.0


def test_the_request_of_an_action_is_a_clear_error_and_its_helper_works_without() -> None:
    app = Atilite("tested")

    @app.action
    def look(was: Any) -> Any:
        return was.request

    @app.action
    def ask(was: Any) -> Any:
        task = was.Thread(abs, -1)
        return task.fetch(), was.urlfor("index"), getattr(was, "request", None), was.request_or_none

    @app.get("/")
    def index(was: Any) -> Any:
        return was.API(there=was.request is was.request_or_none)

    names = app.action.names
    with local_site(app) as client:
        with pytest.raises(TaskError, match=r"was\.request: there is no request here; this runs for an action"):
            app.action.invoke(names[0]).fetch(PATIENCE)
        assert app.action.invoke(names[1]).fetch(PATIENCE) == (1, "/", None, None)
        assert client.get("/").json() == {"there": True}
