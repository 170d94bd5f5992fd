"""Messages through mosquitto."""

from __future__ import annotations

import json
import os
import queue
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.config import Settings
from atilite.errors import ResourceError, SetupError, TaskTimeout
from atilite.resources import mqtt
from atilite.resources.aliases import PROTO_HTTP, PROTO_MQTT, PROTO_MQTTS, Aliases
from atilite.runtime.engine import Runtime
from atilite.site import Site
from tests.require import require
from tests.resources.authority import Authority

PATIENCE = 30.0


class Mosquitto:
    """A broker with a port of its own that can be stopped and started again."""

    def __init__(self, folder: Path, *lines: str) -> None:
        program = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
        require(program, "mosquitto (apt-get install mosquitto)")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._file = folder / "mosquitto.conf"
        told = [f"listener {self.port} 127.0.0.1", f"user {'root' if os.geteuid() == 0 else 'nobody'}", *lines]
        self._file.write_text("\n".join(told) + "\n")
        self._program = str(program)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Mosquitto:
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        tick = threading.Event()
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            tick.wait(0.05)
        raise AssertionError("mosquitto does not listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    pytest.importorskip("paho.mqtt.client")
    made = Mosquitto(tmp_path, "allow_anonymous true")
    yield made.start()
    made.stop()


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = Runtime()
    yield made
    made.stop(5)


@pytest.fixture
def connect(runtime: Runtime) -> Iterator[Callable[..., mqtt.Broker]]:
    opened: list[Aliases] = []

    def make(port: int, kind: str = PROTO_MQTT, user: str = "", **options: Any) -> mqtt.Broker:
        aliases = Aliases()
        aliases.add("@broker", kind, f"{user}127.0.0.1:{port}", **options)
        opened.append(aliases)
        return mqtt.broker(aliases, runtime, "@broker")

    yield make
    for aliases in opened:
        aliases.stop()


def ears(broker: mqtt.Broker, topic: str) -> queue.SimpleQueue[Any]:
    """Subscribe, and make sure that the broker knows it."""
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    broker.subscribe(topic, lambda *message: heard.put(message))
    probe = topic.replace("+", "probe").replace("#", "probe")
    tick = threading.Event()
    for _ in range(200):
        broker.publish(probe, b"probe").fetch()
        tick.wait(0.05)
        if not heard.empty():
            break
    while not heard.empty():
        heard.get()
    return heard


def test_a_message_reaches_those_who_want_its_topic(mosquitto: Mosquitto, connect: Callable[..., mqtt.Broker]) -> None:
    broker, other = connect(mosquitto.port), connect(mosquitto.port)
    heard, elsewhere = ears(broker, "garden/+/dry"), ears(broker, "house/#")
    other.publish("garden/north/dry", {"seconds": 5}).fetch()
    other.publish("garden/south/dry", "ä").fetch()
    other.publish("house/door", b"\x00").fetch()
    assert heard.get(timeout=PATIENCE) == ("garden/north/dry", b'{"seconds": 5}')
    assert heard.get(timeout=PATIENCE) == ("garden/south/dry", "ä".encode())
    assert elsewhere.get(timeout=PATIENCE) == ("house/door", b"\x00")
    assert broker.error is None


def test_after_a_broker_was_away_its_topics_are_subscribed_again(
    mosquitto: Mosquitto, connect: Callable[..., mqtt.Broker], caplog: pytest.LogCaptureFixture
) -> None:
    broker = connect(mosquitto.port)
    heard = ears(broker, "a/b")
    mosquitto.stop()
    waiting = broker.publish("a/b", "kept", timeout=PATIENCE)
    mosquitto.start()
    waiting.fetch()
    assert heard.get(timeout=PATIENCE) == ("a/b", b"kept")
    assert "lost" in caplog.text


def test_without_a_broker_a_task_ends_in_time_with_what_to_know(connect: Callable[..., mqtt.Broker]) -> None:
    pytest.importorskip("paho.mqtt.client")
    broker = connect(1)
    with pytest.raises(TaskTimeout):
        broker.publish("a", "b", timeout=0.2).fetch()
    with pytest.raises(ResourceError):
        broker.publish("a", "b", qos=0).fetch()
    assert broker.error


def test_user_password_and_tls(
    tmp_path: Path, connect: Callable[..., mqtt.Broker], tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("paho.mqtt.client")
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.certificate("IP:127.0.0.1")
    require(shutil.which("mosquitto_passwd"), "mosquitto_passwd")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "ana", "right"], check=True, timeout=20)
    office = Mosquitto(
        tmp_path, f"certfile {certificate}", f"keyfile {key}", "allow_anonymous false", f"password_file {passwords}"
    ).start()
    try:
        right = connect(office.port, PROTO_MQTTS, "ana:right@", ssl=authority.file)
        right.publish("a", "b", timeout=PATIENCE).fetch()
        wrong = connect(office.port, PROTO_MQTTS, "ana:wrong@", ssl=authority.file)
        with pytest.raises(TaskTimeout):
            wrong.publish("a", "b", timeout=1).fetch()
        assert "Not authorized" in str(wrong.error)
        unknown = connect(office.port, PROTO_MQTTS, "ana:right@")
        with pytest.raises(TaskTimeout):
            unknown.publish("a", "b", timeout=1).fetch()
    finally:
        office.stop()


def test_what_is_no_broker_is_said_so(runtime: Runtime) -> None:
    aliases = Aliases()
    aliases.add("@web", PROTO_HTTP, "127.0.0.1")
    aliases.add("@odd", PROTO_MQTT, "127.0.0.1:1", colour="red")
    with pytest.raises(SetupError, match="PROTO_MQTT"):
        mqtt.broker(aliases, runtime, "@web")
    with pytest.raises(SetupError, match="colour"):
        mqtt.broker(aliases, runtime, "@odd")


@pytest.mark.row("M19")
def test_a_message_runs_an_action_and_an_action_sends_one(mosquitto: Mosquitto, tmp_path: Path) -> None:
    app = Atilite("garden")
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @app.trigger(topic="garden/+/moisture", broker="@broker")
    @app.action(name="Water")
    def water(topic: str, value: float) -> Iterator[Any]:
        yield app.mqtt("@broker").publish("garden/valve", {"open": value < 0.2})

    site = Site(tmp_path)
    site.mount("/", app)
    site.aliases.add("@broker", PROTO_MQTT, f"127.0.0.1:{mosquitto.port}")
    site.open(Settings(db=f"sqlite:///{tmp_path}/data.db"))
    site.start()
    try:
        heard = ears(app.mqtt("@broker"), "garden/valve")
        app.journal.journal_updated.listen(done.put)
        app.mqtt("@broker").publish("garden/north/moisture", {"value": 0.1}).fetch()
        topic, payload = heard.get(timeout=PATIENCE)
        assert (topic, json.loads(payload)) == ("garden/valve", {"open": True})
        run = app.journal.headline(done.get(timeout=PATIENCE)).fetch()
        assert (run.operation, run.trigger) == ("Water", "message")
    finally:
        site.stop(5)
        site.close()
