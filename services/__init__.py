"""The example: five small services of a board. Copy what you need.

`serve.py` mounts this package; each module below it declares its own actions, schedules, services and pages.
"""

from typing import Any

from atilite import Atilite


def __app__() -> Atilite:
    return Atilite(__name__)


def __setup__(app: Atilite, mntopt: dict[str, Any]) -> None:
    from . import board, inbox, mission, notes, rates

    app.mount("/board", board)
    app.mount("/rates", rates)
    app.mount("/notes", notes)
    app.mount("/inbox", inbox)
    app.mount("/mission", mission)


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    @app.route("/", methods=["GET"])
    def index(was: Any) -> Any:
        return was.render("index.j2", title="What this board does")
