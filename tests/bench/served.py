"""The servers under load, for a process of their own: `python -m tests.bench.served atilite|waitress`.

Both serve the same Bottle application. Prints the port, and ends when its input is closed.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import bottle


def application() -> bottle.Bottle:
    """Return an application with one plain text."""
    app = bottle.Bottle()

    @app.get("/text")
    def text() -> str:
        bottle.response.content_type = "text/plain"
        return "Hello, world!"

    return app


def stock() -> int:
    """Serve by waitress as it is; return the port."""
    import waitress

    server = waitress.create_server(application(), host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    return int(server.effective_port)


def ours(start: str) -> int:
    """Serve by atilite's server; return the port. `/later` is parked for one second."""
    from atilite.runtime.loop import process_loop
    from atilite.server.server import Server
    from atilite.web.exchange import Park, RequestPolicy

    app, loop = application(), process_loop()
    loop.adopt()

    def finish(exchange: Any) -> None:
        exchange.start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        exchange.write(b"later")
        exchange.finish()

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/later":
            raise Park(lambda exchange: loop.call_later(1.0, finish, exchange))
        return app(environ, start_response)

    policy = (lambda method, path: RequestPolicy(start="hub")) if start == "hub" else None
    server = Server(serve, loop=loop, listeners=["127.0.0.1:0"], threads=4, connections=12_000, policy=policy)
    server.bind()
    server.start()
    return int(server.addresses[0].rpartition(":")[2])


def main() -> None:
    logging.disable(logging.WARNING)  # waitress tells of every full queue
    kind = sys.argv[1]
    port = stock() if kind == "waitress" else ours(kind)
    print(port, flush=True)
    if kind == "waitress":
        sys.stdin.read()
        return
    from atilite.runtime.loop import process_loop

    loop = process_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.stop()), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
