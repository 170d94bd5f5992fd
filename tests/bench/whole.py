"""A whole site under load, for a process of its own: `python -m tests.bench.whole FOLDER`.

Everything is on: console, API, scheduler, headers, journals. Prints the port; SIGTERM ends it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from atilite import Atilite
from atilite.config import Settings
from atilite.serving import Serving
from atilite.site import Site


def application() -> Atilite:
    """An app with one route of each kind and one action."""
    app = Atilite("bench")
    # With --devel nobody has to log in for the actions; what it adds to JSON answers is no part of what is measured.
    app.expose_spec = False

    @app.route("/text", methods=["GET"])
    def text(was: Any) -> str:
        return "Hello, world!"

    @app.route("/hub", methods=["GET"], start="hub")
    def hub(was: Any) -> str:
        return "Hello, world!"

    @app.route("/json", methods=["GET"])
    def json(was: Any) -> Any:
        return {"message": "Hello, world!"}

    @app.route("/later", methods=["GET"])
    def later(was: Any) -> Any:
        yield was.Sleep(1)
        return "later"

    @app.route("/kv-get", methods=["GET"])
    def kv_get(was: Any) -> Any:
        return was.API(value=was.kv.get("x").fetch())

    @app.route("/kv-set", methods=["POST"])
    def kv_set(was: Any) -> Any:
        task = yield was.kv.set(x=1)
        task.commit()
        return "set"

    @app.action(name="noop")
    def noop() -> int:
        return 1

    @app.action(name="records")
    def records(count: int = 500) -> None:
        for number in range(count):
            app.journal.record("a record", number=number)

    return app


class Announcing(Serving):
    """Prints where it serves."""

    def _tell(self, server: Any) -> None:
        print(server.addresses[0].rpartition(":")[2], flush=True)


def main() -> int:
    """Serve until SIGTERM."""
    site = Site(Path(sys.argv[1]))
    site.mount("/", application())
    settings = Settings(devel=True, port=0, db=f"sqlite:///{sys.argv[1]}/data.db", connections=12_000)
    return Announcing(site, settings, {}).run()


if __name__ == "__main__":
    sys.exit(main())
