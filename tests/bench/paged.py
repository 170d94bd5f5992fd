"""The servers for the pages benchmark, each in a process of its own: `python -m tests.bench.paged KIND FOLDER`.

KIND is atilite, bottle, fastapi or flask. Each serves those of these that it is compared in: a Jinja page of 50 rows
at /page, a file of 10 KiB at /static/file.css, what is not there, /only-post, /away (a redirect), /upload. Prints the
port and ends when its input is closed.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from tests.bench.whole import Announcing

ROWS = [
    {"id": n, "name": f"Name & Son {n}", "mail": f"{n}@example.org", "amount": n * 1.5, "paid": n % 3 == 0}
    for n in range(50)
]
PAGE = """<!doctype html>
<html lang="en">
<head><title>{{ title }}</title></head>
<body>
<h1>{{ title }}</h1>
<table>
<tr><th>Id</th><th>Name</th><th>Mail</th><th>Amount</th><th>Paid</th></tr>
{% for row in rows %}
<tr><td>{{ row.id }}</td><td>{{ row.name }}</td><td>{{ row.mail }}</td><td>{{ row.amount }}</td>\
<td>{% if row.paid %}yes{% else %}no{% endif %}</td></tr>
{% endfor %}
</table>
</body>
</html>
"""


def prepare(folder: Path) -> None:
    """Write the template and the file."""
    for name, text in (("templates/page.html", PAGE), ("static/file.css", "a { color: red }\n" * 603)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def ours(folder: Path) -> int:
    """A whole site: console, API, journals, headers."""
    from atilite import Atilite
    from atilite.config import Settings
    from atilite.mounting import Preference
    from atilite.site import Site

    app = Atilite("pages")

    @app.route("/page", methods=["GET"])
    def page(was: Any) -> Any:
        return was.render("page.html", title="Rows", rows=ROWS)

    @app.route("/page-hub", methods=["GET"], start="hub")
    def page_on_hub(was: Any) -> Any:
        return was.render("page.html", title="Rows", rows=ROWS)

    @app.route("/only-post", methods=["POST"])
    def only_post(was: Any) -> str:
        return ""

    @app.route("/away", methods=["GET"])
    def away(was: Any) -> Any:
        return was.redirect("/page")

    @app.route("/upload", methods=["POST"])
    def upload(was: Any, file: Any) -> str:
        return str(file.size)

    site, pref = Site(folder), Preference()
    pref.set_static("/static", "static")
    site.mount("/", app, pref)
    return Announcing(site, Settings(devel=False, port=0, db=f"sqlite:///{folder}/data.db"), {}).run()


def on_waitress(app: Any) -> None:
    """Serve by waitress with as many threads."""
    import waitress

    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    print(server.effective_port, flush=True)
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdin.read()


def bottle_app(folder: Path) -> Any:
    """Bottle as it is."""
    import bottle

    app = bottle.Bottle()
    app.get("/static/<name:path>")(lambda name: bottle.static_file(name, root=folder / "static"))
    app.post("/only-post")(lambda: "")
    app.get("/away")(lambda: bottle.redirect("/page"))
    return app


def flask_app() -> Any:
    """Flask as it is."""
    import flask

    app = flask.Flask("peer")

    @app.post("/upload")
    def upload() -> str:
        file = flask.request.files["file"]
        return str(file.seek(0, 2) or file.tell())

    return app


def fastapi(folder: Path) -> None:
    """FastAPI on uvicorn with uvloop and httptools."""
    import uvicorn
    from fastapi import FastAPI, Request
    from fastapi.staticfiles import StaticFiles
    from fastapi.templating import Jinja2Templates

    app, templates = FastAPI(), Jinja2Templates(str(folder / "templates"))

    async def page(request: Request) -> Any:
        return templates.TemplateResponse(request, "page.html", {"title": "Rows", "rows": ROWS})

    page.__annotations__["request"] = Request
    app.get("/page")(page)
    app.mount("/static", StaticFiles(directory=folder / "static"))
    sock = socket.create_server(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[sock])


def main() -> None:
    """Serve what the arguments say."""
    logging.disable(logging.WARNING)
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "atilite":
        ours(folder)
    elif kind == "fastapi":
        fastapi(folder)
    else:
        on_waitress(bottle_app(folder) if kind == "bottle" else flask_app())


if __name__ == "__main__":
    main()
