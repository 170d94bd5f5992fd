"""MQTT brokers: publish as tasks, and call functions with the messages of topics. Needs the extra `mqtt`.

A connection has a thread of its own that connects again by itself, later each time, and subscribes again.
"""

from __future__ import annotations

import importlib
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from ..errors import ResourceError, SetupError
from ..runtime.engine import Runtime
from ..runtime.promise import Promise
from ..runtime.task import Task
from .aliases import PROTO_MQTT, PROTO_MQTTS, Alias, Aliases

Receive = Callable[[str, bytes], None]

PORT, SECURE_PORT = 1883, 8883
KEEPALIVE = 30  # seconds without a word after which either side asks whether the other is there
LONGEST_PAUSE = 60  # seconds between two attempts to connect
WAITING = 10_000  # messages that wait for a connection; a further one is refused

log = logging.getLogger("atilite.mqtt")


class Broker:
    """One broker. Any thread; nothing blocks. Options of its alias: `client_id`, `keepalive`.

    With a `client_id` the broker keeps the messages of subscribed topics while this program is away.
    """

    def __init__(self, alias: Alias, runtime: Runtime) -> None:
        paho = _paho(alias.name)
        member, options = alias.members[0], dict(alias.options)
        client_id, self._keepalive = options.pop("client_id", ""), int(options.pop("keepalive", KEEPALIVE))
        if options:
            raise SetupError(f"{alias.name}: no such option: {', '.join(options)}; known: client_id, keepalive")
        self.name, self._runtime = alias.name, runtime
        self._lock = threading.RLock()
        self._topics: dict[str, list[Receive]] = {}
        self._publishing: dict[int, Promise[None]] = {}
        self._error: str | None = "not connected yet"
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=not client_id)
        self._client.max_queued_messages_set(WAITING)
        self._client.reconnect_delay_set(1, LONGEST_PAUSE)
        if member.user:
            self._client.username_pw_set(member.user, member.password)
        secure = alias.kind == PROTO_MQTTS
        if secure:
            self._client.tls_set(ca_certs=alias.ssl if isinstance(alias.ssl, str) else None)
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        self._client.on_connect_fail = lambda *args: self._away("the broker cannot be reached")
        self._client.on_message, self._client.on_publish = self._received, self._published
        self._client.connect_async(member.host, member.port or (SECURE_PORT if secure else PORT), self._keepalive)
        self._client.loop_start()

    @property
    def error(self) -> str | None:
        """Why there is no connection just now, None if there is one."""
        return self._error

    def publish(
        self, topic: str, payload: Any = b"", *, qos: int = 1, retain: bool = False, timeout: float = 10.0
    ) -> Task:
        """Send a message: bytes or text as they are, anything else as JSON. The task ends when the broker has it.

        Without a connection it waits for one, for `timeout` seconds as far as the task is concerned; it is sent
        later all the same. `qos=0` ends when it is on its way.
        """
        body = payload if isinstance(payload, (bytes, str)) else json.dumps(payload, ensure_ascii=False)
        sent: Promise[None] = Promise()
        with self._lock:
            message = self._client.publish(topic, body, qos, retain)
            waits = message.rc == 0 or (message.rc == _NO_CONNECTION and qos > 0)
            if waits:
                self._publishing[message.mid] = sent
        if not waits:
            reason = self._error if message.rc == _NO_CONNECTION else f"{WAITING} messages wait already"
            sent.fail(ResourceError(self.name, str(reason)))
        elif message.rc == 0 and message.is_published():
            self._settle(message.mid)
        return self._runtime.task(sent, timeout=timeout)

    def subscribe(self, topic: str, receive: Receive, qos: int = 1) -> Callable[[], None]:
        """Call `receive(topic, payload)` for each message of a topic (`+` and `#` stand for others).

        It is called in the connection's thread and must be quick. Returns what ends it.
        """
        with self._lock:
            first = topic not in self._topics
            self._topics.setdefault(topic, []).append(receive)
        if first and self._client.is_connected():
            self._client.subscribe(topic, qos)

        def end() -> None:
            with self._lock:
                self._topics[topic].remove(receive)
                if self._topics[topic]:
                    return
                del self._topics[topic]
            self._client.unsubscribe(topic)

        return end

    def stop(self, timeout: float = 5.0) -> None:
        """Say goodbye and end the thread. Blocks."""
        self._client.disconnect()
        self._client.loop_stop()
        with self._lock:
            waiting, self._publishing = list(self._publishing.values()), {}
        for promise in waiting:
            promise.fail(ResourceError(self.name, "the connection was closed before the broker had it"))

    # -- in the connection's thread

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._away(f"the broker refuses: {reason}")
            return
        self._error = None
        log.info("%s: connected", self.name)
        with self._lock:
            topics = list(self._topics)
        for topic in topics:
            client.subscribe(topic, 1)

    def _disconnected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure and self._error is None:  # else it has been said why there is none
            self._away(f"the connection was lost: {reason}")

    def _away(self, reason: str) -> None:
        if self._error != reason:
            log.warning("%s: %s; it is tried again", self.name, reason)
        self._error = reason

    def _received(self, client: Any, data: Any, message: Any) -> None:
        matches = _paho(self.name).topic_matches_sub
        with self._lock:
            wanted = [
                one for topic, several in self._topics.items() if matches(topic, message.topic) for one in several
            ]
        for receive in wanted:
            try:
                receive(message.topic, bytes(message.payload))
            except Exception:
                # The connection stays, and so do the others who want this message.
                log.exception("%s: a message to %s was not taken", self.name, message.topic)

    def _published(self, client: Any, data: Any, number: int, reason: Any, properties: Any) -> None:
        self._settle(number)

    def _settle(self, number: int) -> None:
        with self._lock:
            promise = self._publishing.pop(number, None)
        if promise is not None:
            promise.set(None)


_NO_CONNECTION = 4  # paho's code for a message that waits for a connection


def _paho(name: str) -> Any:
    try:
        return importlib.import_module("paho.mqtt.client")
    except ImportError as error:
        raise ResourceError(name, 'MQTT needs paho-mqtt (pip install "atilite[mqtt]")') from error


def broker(aliases: Aliases, runtime: Runtime, name: str) -> Broker:
    """The broker behind an alias, connected once in a process. Raises AliasError, SetupError, ResourceError."""
    if aliases.get(name).kind not in (PROTO_MQTT, PROTO_MQTTS):
        raise SetupError(f"{name} is no MQTT broker (declare it with PROTO_MQTT or PROTO_MQTTS)")
    return aliases.opened(name, lambda alias: Broker(alias, runtime))
