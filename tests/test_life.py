"""Events of an app and of its life: who hears them, in which order, how often."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from atilite import Atilite
from atilite.config import Settings
from atilite.life import LIFECYCLE, is_reload_of
from atilite.reload import Reloader
from atilite.site import Site
from atilite.testing.client import Client
from tests.packages import package
from tests.test_reload import Reloaded

LIVING = """
    import tests.test_life as test

    def __setup__ (app):
        for name in test.LIFECYCLE:
            app.on (name) (lambda was, name = name: test.told.append (name))

    def __mount__ (app):
        test.told.append ('__mount__')
        app.route ('/') (lambda: 'VERSION')

    def __umount__ (app):
        test.told.append ('__umount__')
"""

told: list[str] = []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop(1.0)
    made.close()


def opened(site: Site, **settings: Any) -> Client:
    site.open(Settings(db=f"sqlite:///{site.root}/data.db", **settings))
    return Client(site)


@pytest.mark.row("A11", "A28", "D2")
def test_the_seven_events_of_a_life_come_once_each_and_in_order(site: Site, tmp_path: Path) -> None:
    assert len(set(LIFECYCLE)) == 7
    told.clear()
    with package(tmp_path, "living", {"living/__init__.py": LIVING}) as living:
        site.mount("/", living)
        opened(site, devel=True)
        assert told == ["before_mount", "__mount__", "mounted", "mounted_or_reloaded"]

        told.clear()
        reloader = Reloader(site)
        source = Path(str(living.__file__))
        source.write_text(source.read_text().replace("VERSION", "second"))
        assert reloader.look()
        assert told == [
            *("before_reload", "before_mount", "__mount__"),
            *("before_umount", "__umount__", "umounted"),
            *("reloaded", "mounted_or_reloaded"),
        ]
        assert Client(site).get("/").text == "second"

        told.clear()
        site.stop(1.0)
        site.stop(1.0)
        assert told == ["before_umount", "__umount__", "umounted"]


@pytest.mark.row("A11")
def test_whatever_fails_at_the_end_the_rest_still_ends(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {
        "ending/__init__.py": """
            told = []

            def __setup__ (app):
                from . import part
                app.mount ('/part', part)
                app.before_umount (lambda was: 1 / 0)
                app.before_umount (lambda was: told.append ('before_umount'))
                app.umounted (lambda was: told.append ('umounted'))

            def __umount__ (app):
                told.append ('__umount__')
            """,
        "ending/part.py": """
            def __mount__ (app):
                pass

            def __umount__ (app):
                raise OSError ('the pump is stuck')
            """,
    }
    with package(tmp_path, "ending", files) as ending:
        site.mount("/", ending)
        opened(site)
        with caplog.at_level(logging.ERROR, "atilite"):
            site.stop(1.0)
        assert ending.told == ["before_umount", "__umount__", "umounted"]
        assert "ZeroDivisionError" in caplog.text
        assert "__umount__ of ending.part failed" in caplog.text


@pytest.mark.row("A11", "A12")
def test_a_mount_that_was_left_out_is_not_unmounted(site: Site, tmp_path: Path) -> None:
    files = {
        "partial/__init__.py": """
            told = []

            def __setup__ (app):
                from . import tools
                app.mount ('/tools', tools, debug_only = True)
            """,
        "partial/tools.py": """
            def __mount__ (app):
                pass

            def __umount__ (app):
                from . import told
                told.append ('umount of tools')
            """,
    }
    with package(tmp_path, "partial", files) as partial:
        site.mount("/", partial)
        opened(site)
        site.stop(1.0)
        assert partial.told == []


@pytest.mark.row("A29")
@pytest.mark.parametrize("name", LIFECYCLE)
def test_each_event_of_its_life_is_also_a_decorator(name: str) -> None:
    app = Atilite("decorated")
    seen: list[Any] = []

    @getattr(app, name)  # type: ignore[untyped-decorator]
    def handler(was: Any) -> None:
        seen.append((name, was.app))

    app.announce(name)
    assert seen == [(name, app)]
    assert handler.__name__ == "handler"


def loaded_again(function: Any) -> Any:
    """The same function as a later load of its module would make it."""
    again = FunctionType(function.__code__, dict(function.__globals__), function.__name__, closure=function.__closure__)
    again.__qualname__, again.__module__ = function.__qualname__, function.__module__
    return again


@pytest.mark.row("A30")
@pytest.mark.parametrize("event", ["custom", "mounted", "finish_request"])
def test_a_handler_that_is_loaded_anew_takes_the_place_of_its_earlier_self(event: str) -> None:
    app = Atilite("again")
    seen: queue.SimpleQueue[str] = queue.SimpleQueue()

    def handler(was: Any) -> None:
        seen.put("handler")

    app.route("/")(lambda: "index")
    app.on(event)(handler)
    app.on(event)(loaded_again(handler))
    app.on(event, "last")(lambda was: seen.put("last"))
    if event == "mounted":
        app.announce(event)
    elif event == "custom":
        app.emit(event)
    else:
        Client(app).get("/")
    heard = sorted(seen.get(timeout=10) for _ in range(2))
    app.emit("last")
    assert [*heard, seen.get(timeout=10)] == ["handler", "last", "last"]
    app.stop(1.0)


@pytest.mark.row("A30")
def test_handlers_of_one_name_that_a_loop_makes_are_several() -> None:
    app = Atilite("loop")
    seen: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(3):

        def handler(was: Any, number: int = number) -> None:
            seen.put(number)

        app.on("custom")(handler)
        assert not is_reload_of(handler, handler)
    app.emit("custom")
    assert sorted(seen.get(timeout=10) for _ in range(3)) == [0, 1, 2]
    app.stop(1.0)


RELAYED = """
    import tests.test_life as test

    def __setup__ (app):
        @app.on ('news')
        def heard (was, text):
            test.heard.put (text)

    def __mount__ (app):
        pass
"""

heard: queue.SimpleQueue[str] = queue.SimpleQueue()


@pytest.mark.row("A30", "A46")
def test_after_reloads_every_subscriber_hears_another_app_once(tmp_path: Path) -> None:
    provider, bystander = Atilite("provider"), Atilite("bystander")
    bystander.on("news")(lambda was, text: heard.put(text))
    with package(tmp_path, "changing", {"changing/__init__.py": RELAYED}) as changing:
        made = Reloaded(tmp_path, changing)
        made.site.close()
        made.site = Site(tmp_path)
        made.site.mount("/", changing, subscribe=["provider"])
        made.site.mount("/provider", provider)
        made.site.mount("/bystander", bystander, subscribe=["provider"])
        made.client = opened(made.site, devel=True)
        made.reloader = Reloader(made.site)
        for _ in range(2):
            assert made.save(RELAYED, "changing/__init__.py")
        provider.emit("news", "once")
        provider.emit("news", "end")
        assert sorted(heard.get(timeout=10) for _ in range(4)) == ["end", "end", "once", "once"]
        made.site.stop(1.0)
        assert heard.empty()
        made.site.close()


@pytest.mark.row("A27")
def test_a_broadcast_is_heard_by_every_app_that_asked_for_broadcasts(site: Site) -> None:
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    one, two = Atilite("one"), Atilite("two")
    for app in (one, two):
        app.on_broadcast("model-reloaded")(lambda was, name: seen.put((was.app.import_name, name)))
        app.on("model-reloaded")(lambda was, name: seen.put("an event of one app"))

    @one.route("/tell")
    def tell(was: Any) -> str:
        was.broadcast("model-reloaded", "m1")
        return "told"

    site.mount("/one", one)
    site.mount("/two", two)
    assert opened(site).get("/one/tell").text == "told"
    assert sorted(seen.get(timeout=10) for _ in range(2)) == [("one", "m1"), ("two", "m1")]
    assert seen.empty()


@pytest.mark.row("A27")
def test_emit_after_tells_when_a_handler_has_ended_well() -> None:
    app = Atilite("after")
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    order: list[str] = []

    @app.on("done")
    def done(was: Any) -> None:
        seen.put((was.app is app, list(order)))

    @app.route("/plain")
    @app.emit_after("done")
    def plain() -> str:
        order.append("plain")
        return "plain"

    @app.route("/coroutine")
    @app.emit_after("done")
    def coroutine(was: Any) -> Any:
        yield was.Mask(1)
        order.append("coroutine")
        return "coroutine"

    @app.route("/bad")
    @app.emit_after("done")
    def bad(was: Any) -> str:
        raise was.Error(400)

    client = Client(app)
    assert [client.get(path).status_code for path in ("/bad", "/plain", "/coroutine")] == [400, 200, 200]
    assert [seen.get(timeout=10) for _ in range(2)][-1] == (True, ["plain", "coroutine"])
    assert seen.empty()
    app.stop(1.0)


@pytest.mark.row("A49")
def test_an_event_handler_gets_was_by_its_name_and_one_of_its_own_each_time() -> None:
    app = Atilite("named")
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    app.on("e")(lambda was, detail: seen.put((was, detail)))
    app.on("e")(lambda detail, was: seen.put((was, detail)))
    app.on("e")(lambda detail, *, was: seen.put((was, detail)))
    app.on("e")(lambda detail: seen.put((None, detail)))

    for detail in ("a", "b"):
        app.emit("e", detail)
    got = [seen.get(timeout=10) for _ in range(8)]
    helpers = [was for was, _ in got if was is not None]
    assert sorted(detail for _, detail in got) == ["a"] * 4 + ["b"] * 4
    assert [was.app for was in helpers] == [app] * 6
    assert len({id(was) for was in helpers}) == 6
    app.stop(1.0)


@pytest.mark.row("A47")
def test_an_app_without_a_site_is_alone_among_the_apps() -> None:
    app = Atilite("alone")
    assert app._was_for_run(None).apps == {"alone": app}
