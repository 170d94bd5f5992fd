"""Beans in a site: beside the services on every page, with runs of their own, and ended before the data closes."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite import Atilite
from atilite.automation.services import Info
from atilite.config import Settings, load
from atilite.errors import ConfigError, Frozen, SetupError, TaskError
from atilite.pod import Context, pass_context
from atilite.runtime.promise import Promise
from atilite.site import Site
from atilite.store.runs import Filter
from atilite.testing.client import Client

WAIT = 20.0  # seconds; only to tell what hangs from what is slow


class Board:
    """A site with one app: `app` is set up first, then `start` serves it."""

    def __init__(self, folder: Path) -> None:
        self.site, self.app = Site(folder), Atilite("garden")
        self.site.mount("/", self.app, name="garden")
        self.client = Client(self.site)
        self._changes: list[Info] = []
        self._wanted: list[tuple[Callable[[], bool], Promise[None]]] = []

    def start(self, **settings: Any) -> Board:
        self.site.open(Settings(**{"devel": True, "db": f"sqlite:///{self.site.root}/data.db", **settings}))
        self.site.catalogue.service_changed.listen(self._heard)
        self.site.start()
        return self

    def _heard(self, info: Info) -> None:
        self._changes.append(info)
        for wanted, promise in self._wanted:
            if wanted():
                promise.set(None)

    def wait_for(self, name: str, status: str, times: int = 1) -> None:
        """Wait until the service has come to `status` so many times."""

        def wanted() -> bool:
            return sum((one.name, one.status) == (name, status) for one in self._changes) >= times

        promise: Promise[None] = Promise()
        self._wanted.append((wanted, promise))
        if not wanted():
            promise.wait(WAIT)

    def info(self, name: str) -> dict[str, Any]:
        """The service as the API tells of it."""
        (found,) = [one for one in self.client.get("/internal/services/").json() if one["name"] == name]
        return dict(found)

    def log(self, name: str, lines: int = 1, words: str = "") -> list[str]:
        """What its last run has said, once so many lines have these words: they come a moment behind the function."""
        journals, told = self.site.catalogue.journals, queue.SimpleQueue[int]()
        unsubscribe = journals.recorded.listen(told.put)
        while True:
            said = [record.message for record in journals.records(self.info(name)["run"])]
            if sum(words in line for line in said) >= lines:
                break
            told.get(timeout=WAIT)
        unsubscribe()
        return said


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    yield made
    made.site.stop(2.0)
    made.site.close()


@pytest.mark.row("pod-promise-8")
def test_a_bean_is_a_service_of_its_kind_with_a_run_and_a_log(board: Board) -> None:
    @board.app.bean(label="valve", zone="north")
    @pass_context
    async def valve(context: Context, zone: str) -> None:
        """Opens and closes."""
        print("the valve of", zone, "is", context.id)
        context.ready()
        await asyncio.Event().wait()

    board.start()
    board.wait_for("valve", "running")

    found = board.info("valve")
    assert (found["kind"], found["status"], found["description"]) == ("bean", "running", "Opens and closes.")
    assert (found["restart"], found["error"], found["health"]) == (False, None, None)
    assert board.log("valve") == ["the valve of north is 1"]
    run = board.site.catalogue.journals.headline(found["run"])
    assert run is not None
    assert (run.operation, run.kind, run.trigger, run.status) == ("valve", "bean", "start", "running")


@pytest.mark.row("pod-promise-8")
def test_a_bean_is_stopped_started_and_restarted_through_the_api(board: Board) -> None:
    @board.app.bean(label="pump")
    def pump(context: Context) -> None:
        context.wait()
        print("the pump rests")

    board.start()
    board.wait_for("pump", "running")
    path = "/internal/service/pump"

    assert board.client.put(path, json={"running": False}).status_code == 200
    board.wait_for("pump", "stopped")
    assert board.log("pump") == ["the pump rests"]
    assert board.client.put(path, json={"running": True}).status_code == 200
    board.wait_for("pump", "running", times=2)
    assert board.client.put(path, json={"running": True, "restart": True}).status_code == 200
    board.wait_for("pump", "running", times=3)
    board.site.database().writer.flush()
    runs = board.site.catalogue.journals.search(Filter(operation="pump"))
    assert [run.trigger for run in runs] == ["service", "service", "start"]
    assert board.client.put("/internal/service/none", json={"running": True}).status_code == 404


@pytest.mark.row("pod-promise-2", "pod-promise-8", "pod-defect-1")
def test_one_that_fails_is_told_with_its_error_and_started_again_as_it_says(board: Board) -> None:
    @board.app.bean(label="probe", restart="on_failure", restart_delay=0, max_restarts=1)
    async def probe() -> None:
        raise OSError("no answer")

    board.start()
    board.wait_for("probe", "failed")

    found = board.info("probe")
    assert (found["status"], found["restarts"], found["error"]) == ("failed", 1, "OSError: no answer")
    page = board.client.get("/console/services", headers={"Accept": "text/html"}).text
    assert "probe" in page
    assert "OSError: no answer" in page


@pytest.mark.row("pod-promise-8")
def test_a_critical_bean_that_does_not_run_makes_the_process_unwell_and_ends_nothing(board: Board) -> None:
    go = threading.Event()

    @board.app.bean(label="heart", critical=True)
    def heart() -> None:
        go.wait(WAIT)
        raise OSError("out of beat")

    @board.app.bean(label="other")
    def other(context: Context) -> None:
        context.wait()

    board.start()
    board.wait_for("heart", "running")
    board.wait_for("other", "running")
    assert board.client.get("/healthz").status_code == 200

    go.set()
    board.wait_for("heart", "failed")

    answer = board.client.get("/healthz")
    assert answer.status_code == 503
    assert "service heart: failed: failed: OSError: out of beat" in answer.text
    assert board.info("other")["status"] == "running"


@pytest.mark.row("P5", "P8")
def test_a_class_and_a_dotted_path_are_beans_and_see_the_configuration_of_the_app(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shed.py").write_text(
        "def tidy(context, place):\n    'Puts things back.'\n    print('tidy', place)\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    board.app.config.ZONE = "south"

    @board.app.bean
    class Lamp:
        def __init__(self, context: Context) -> None:
            self.context = context

        async def __call__(self) -> None:
            print("lamp of", self.context.config.ZONE)

    assert board.app.bean("shed.tidy", place="here") == "shed.tidy"
    name = f"{__name__}.{Lamp.__qualname__}"
    board.start()
    board.wait_for(name, "stopped")
    board.wait_for("shed.tidy", "stopped")

    assert board.log(name) == ["lamp of south"]
    assert board.log("shed.tidy") == ["tidy here"]
    assert (board.info("shed.tidy")["description"], board.info("shed.tidy")["source"]) == (
        "Puts things back.", "shed.tidy",
    )  # fmt: skip
    sys.modules.pop("shed")


@pytest.mark.row("pod-promise-1", "pod-promise-6")
def test_beans_end_with_the_site_in_reverse_and_before_the_data_closes(board: Board) -> None:
    ended: list[str] = []

    @board.app.bean(label="well")
    def well(context: Context) -> None:
        context.wait()
        ended.append("well")
        print("the well ends")

    @board.app.bean(label="pump", needs="well")
    def pump(context: Context) -> None:
        context.wait()
        ended.append("pump")

    board.start()
    board.wait_for("pump", "running")
    run = board.info("well")["run"]

    board.site.stop(10.0)

    assert ended == ["pump", "well"]
    board.site.database().writer.flush()
    assert [record.message for record in board.site.catalogue.journals.records(run)] == ["the well ends"]
    headline = board.site.catalogue.journals.headline(run)
    assert headline is not None
    assert headline.status == "succeeded"


@pytest.mark.row("pod-defect-5", "pod-promise-6")
def test_a_bean_that_does_not_end_is_left_behind_in_time(board: Board) -> None:
    go = threading.Event()

    @board.app.bean(label="deaf", stop_timeout=600)
    def deaf() -> None:
        go.wait()

    board.start()
    board.wait_for("deaf", "running")
    others = board.app.automation.service.others
    assert others is not None

    assert others.stop_all(0.2).wait(WAIT) == ["bean 1 (deaf)"]
    assert board.info("deaf")["status"] == "failed"
    go.set()


@pytest.mark.row("P21", "pod-promise-8")
def test_what_the_processes_of_a_bean_say_is_in_its_journal_also_after_a_restart(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mill.py").write_text(
        "import os\n\n\ndef grind(once):\n    print('grinding', os.path.exists(once), flush=True)\n"
        "    if not os.path.exists(once):\n        open(once, 'w').close()\n        os._exit(3)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    board.app.bean(
        "mill.grind", label="mill", processes=2, restart="on_failure", restart_delay=0, once=str(tmp_path / "once")
    )

    board.start()
    board.wait_for("mill", "stopped")

    # Two, and at least one of them once more.
    assert any(line.endswith("grinding False") for line in board.log("mill", 3, ": grinding "))
    sys.modules.pop("mill", None)


def test_a_coroutine_object_is_a_bean_too(board: Board) -> None:
    async def once() -> None:
        print("once and for all")

    board.app.bean(once(), label="once")
    board.start()
    board.wait_for("once", "stopped")

    assert board.log("once") == ["once and for all"]


def test_a_bean_of_the_script_is_called_the_same_whether_that_is_run_or_imported(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/srv/garden/serve.py", raising=False)

    async def pump() -> None:
        raise AssertionError

    pump.__module__, pump.__qualname__ = "__main__", "pump"
    board.app.bean(pump)

    assert [info.name for info in board.app.service.services] == ["serve.pump"]


@pytest.mark.row("P7")
def test_beans_of_one_label_have_names_of_their_own(board: Board) -> None:
    for _ in range(2):

        @board.app.bean(label="twin")
        def twin(context: Context) -> None:
            context.wait()

    board.start()
    board.wait_for("twin", "running")
    board.wait_for("twin 2", "running")

    assert [info.name for info in board.site.catalogue.services] == ["twin", "twin 2"]


def test_what_a_bean_cannot_be_is_refused_when_it_is_said(board: Board) -> None:
    with pytest.raises(SetupError, match=r"bean shed\.tidy: processes cannot be 0"):
        board.app.bean("shed.tidy", processes=0)
    with pytest.raises(SetupError, match=r"takes was, which no bean gets: write context"):
        board.app.bean(lambda was: None)
    board.app.bean("shed.tidy", label="tidy")
    board.app.service(name="tidy")(lambda: None)
    with pytest.raises(SetupError, match="bean 'tidy' has the name of a service"):
        board.app.freeze()


@pytest.mark.row("pod-defect-2")
def test_a_bean_that_cannot_be_loaded_keeps_the_site_from_starting_and_an_optional_one_does_not(board: Board) -> None:
    board.app.bean("nowhere.bean", label="spare", optional=True)
    board.start()
    spare = board.info("spare")
    assert (spare["status"], spare["run"]) == ("failed", None)
    assert spare["error"] == "SetupError: nowhere.bean: there is no module nowhere (is its folder on the path?)"
    assert board.site.catalogue.service("spare").info.traceback is None  # it would be of atilite's own lines
    with pytest.raises(TaskError, match=r"bean 'spare' has not been loaded: SetupError: nowhere\.bean: there is no"):
        board.site.catalogue.start_service("spare").fetch()
    with pytest.raises(Frozen):
        board.app.bean("nowhere.other")

    board.site.stop(1.0)
    other = Atilite("other")
    other.bean("nowhere.bean", label="spare")
    with pytest.raises(SetupError, match=r"bean spare: nowhere\.bean: there is no module nowhere"):
        other.start()


class Choosy:
    """A bean whose class says no more than a number."""

    def __init__(self, context: Context) -> None:
        raise KeyError(3)

    async def __call__(self) -> None:
        raise AssertionError


@pytest.mark.row("pod-defect-2")
def test_of_a_class_that_raises_the_kind_of_the_error_is_told(board: Board) -> None:
    board.app.bean(Choosy, label="choosy")

    with pytest.raises(SetupError, match="bean choosy: KeyError: 3"):
        board.start()


@pytest.mark.row("pod-promise-8")
def test_a_bean_of_a_site_adds_others_which_run_and_have_no_line_of_their_own(board: Board) -> None:
    begun: Promise[str] = Promise()

    def bulb(context: Context) -> None:
        begun.set(str(context.bean))
        context.wait()

    @board.app.bean(label="lamp")
    def lamp(context: Context) -> None:
        context.pod.add_bean(bulb, label="bulb")
        context.wait()

    board.start()

    assert begun.wait(WAIT) == "bean 2 (bulb)"
    assert [one["name"] for one in board.client.get("/internal/services/").json()] == ["lamp"]
    board.site.stop(WAIT)
    assert {(one.name, one.status) for one in board._changes[-1:]} == {("lamp", "stopped")}


@pytest.mark.row("pod-promise-8")
def test_the_site_has_beans_of_its_own_in_its_toml(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cellar.py").write_text(
        "from atilite.pod import pass_context\n\n\n@pass_context\nasync def press(context, kind):\n"
        "    print(kind, 'of', context.config.PLACE)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "atilite.toml").write_text(
        '[config]\nPLACE = "cellar"\n\n[[BEANS]]\ncore = "cellar.press"\nlabel = "press"\nkind = "wine"\n',
        encoding="utf-8",
    )
    settings = load(toml=tmp_path / "atilite.toml")

    board.start(config=settings.config, beans=settings.beans)
    board.wait_for("press", "stopped")

    assert board.info("press")["kind"] == "bean"
    assert board.log("press") == ["wine of cellar"]
    sys.modules.pop("cellar")


@pytest.mark.row("P15")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BEANS = 3", "BEANS is no list of tables"),
        ("BEANS = ['a.b']", "BEANS is no list of tables"),
        ("[[BEANS]]\nlabel = 'x'", "BEANS, number 1: bean None: core is missing"),
        ("[[BEANS]]\ncore = 'a.b'\nneeds = 3", "BEANS, number 1: bean a.b: needs cannot be 3"),
    ],
)
def test_a_mistake_in_the_beans_of_the_toml_is_told(text: str, said: str, board: Board, tmp_path: Path) -> None:
    (tmp_path / "atilite.toml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=said):
        board.site.open(load(toml=tmp_path / "atilite.toml"))


def test_without_beans_nothing_of_them_is_loaded(board: Board) -> None:
    assert board.app.automation.service.others is None


@pytest.mark.row("P15")
@pytest.mark.parametrize(("said", "taken"), [(None, "asyncio"), ("uvloop", "uvloop"), ("GEVENT", "gevent")])
def test_the_asyncio_loop_of_a_site_is_another_one_only_if_somebody_says_so(
    said: str | None, taken: str, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types: list[str] = []
    monkeypatch.setattr("atilite.pod.pod.choose", lambda kind, aio: types.append(kind))
    if said is not None:
        board.app.config.LOOP_TYPE = said
    board.app.bean(asyncio.sleep, delay=0)
    config = "" if said is None else f"[config]\nLOOP_TYPE = '{said}'\n"
    (tmp_path / "atilite.toml").write_text(f"{config}[[BEANS]]\ncore = 'asyncio.sleep'\ndelay = 0\n")
    settings = load(toml=tmp_path / "atilite.toml")

    board.start(config=settings.config, beans=settings.beans)

    assert types == [taken, taken]


def test_a_loop_that_there_is_not_keeps_the_site_from_starting(board: Board) -> None:
    board.app.config.LOOP_TYPE = "trio"
    board.app.bean(asyncio.sleep, delay=0)

    with pytest.raises(ConfigError, match="configuration of the site: LOOP_TYPE cannot be 'trio'"):
        board.start()
