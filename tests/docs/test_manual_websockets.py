"""The samples of the Atila manual's chapter "Websocket", as they are printed.

With `atilite` in place of `skitai`. The address in the first sample is that of a server of this test. Two
handlers of the print have the same address: each is served by an app of its own.
"""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

import atilite
from atilite import Atilite
from tests.websockets.peer import served

COROUTINE = """
    @app.route ("/echo_coroutine")
    @app.websocket (atilite.WS_COROUTINE, 60)
    def echo_coroutine (was):
        while 1:
            msg = yield was.Input ()
            if not msg:
                break
            with was.stub (ADDRESS) as stub:
                task = yield stub.get ("/")
            yield task.fetch ()
"""

CHANNEL = """
    def onopen (was):
        was.request.session.set ("WS_ID", was.websocket.client_id)
        print ('websocket opened with', was.request.ARGS ["options"])

    def onclose (was):
        was.request.session.remove ("WS_ID")

    @app.route ("/websocket")
    @app.websocket (atilite.WS_CHANNEL | atilite.WS_THREAD, 1200, onopen, onclose)
    def websocket (was, message, **options):
        app.websocket_send (
            was.request.session.get ("WS_ID"),
            "Item In Stock!"
        )
        return 'you said: ' + message + str (options)

    @app.route ("/item_in_stock")
    def item_in_stock (was):
        app.websocket_send (
            was.request.session.get ("WS_ID"),
            "Item In Stock!"
        )
"""

NOTHREAD = """
    def onopen (was):
        print ('websocket opened with', was.request.ARGS ["options"])

    @app.route ("/websocket")
    @app.websocket (atilite.WS_CHANNEL | atilite.WS_NOTHREAD, 60, onopen)
    def websocket (was, message):
        return 'you said: ' + message
"""


def app_of(sample: str, **names: Any) -> Atilite:
    """An app that the sample is executed for."""
    app = Atilite("manual")
    app.securekey = "ds8fdsflksdjf9879dsf;?<>Asda"
    exec(compile(dedent(sample), "manual", "exec"), {"app": app, "atilite": atilite, **names})
    return app


@pytest.mark.row("A184")
def test_a_coroutine_talks_until_a_blank_message() -> None:
    backend = Atilite("backend")
    backend.route("/")(lambda was: "from the backend")

    with served(backend) as behind, served(app_of(COROUTINE, ADDRESS=f"http://127.0.0.1:{behind.port}")) as site:
        with site.open("/echo_coroutine") as peer:
            assert peer.ask("hello") == peer.ask("again") == "from the backend"
            peer.send("")
            assert peer.closing() == (1000, "")


@pytest.mark.row("A185", "A189", "A190")
def test_a_channel_keeps_its_id_in_the_session(capsys: pytest.CaptureFixture[str]) -> None:
    with served(app_of(CHANNEL)) as site, site.open("/websocket?options=all") as peer:
        assert "websocket opened with all" in capsys.readouterr().out
        peer.send("hi")
        assert {peer.receive(), peer.receive()} == {"Item In Stock!", "you said: hi{'options': 'all'}"}
        cookie = next(value for name, value in peer.headers if name == "set-cookie").partition(";")[0]
        # As printed the handler returns nothing, which is an error of its own; the message is sent before.
        site.local.get("/item_in_stock", headers={"Cookie": cookie})
        assert peer.receive() == "Item In Stock!"


@pytest.mark.row("A186")
def test_a_channel_without_threads(capsys: pytest.CaptureFixture[str]) -> None:
    app = app_of(NOTHREAD.replace("(was, message)", "(was, message, options)"))  # a handler takes what it is given

    with served(app) as site, site.open("/websocket?options=x") as peer:
        assert peer.ask("hi") == "you said: hi"
        assert "websocket opened with x" in capsys.readouterr().out
