"""What an app's triggers take from outside: folders below its root, and messages of MQTT brokers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .automation.engine import Automation
from .automation.triggers import Receive
from .lazily import LazyModule
from .resources.aliases import Aliases
from .runtime.engine import Runtime

if TYPE_CHECKING:
    from .resources import mqtt as brokers
else:
    # Loaded with the first broker.
    brokers = LazyModule("atilite.resources.mqtt")


class Triggering:
    """The part of an app that something outside starts. `begin_triggering` is called when the app is made."""

    automation: Automation
    runtime: Runtime
    site: Any

    trigger = property(lambda self: self.automation.trigger, doc="`@app.trigger(...)`: what starts an action.")

    def begin_triggering(self, aliases: Callable[[], Aliases]) -> None:
        """Show the triggers the way out. `aliases` gives those of the process."""
        self._broker_aliases = aliases
        self.automation.trigger.subscribe, self.automation.trigger.place = self._hear_topic, self._place_of_files

    def mqtt(self, name: str) -> brokers.Broker:
        """The MQTT broker of an alias: `app.mqtt("@broker").publish("garden/valve", {"open": True})` is a task.

        Any thread. Raises AliasError, SetupError, and ResourceError where paho-mqtt is missing.
        """
        return brokers.broker(self._broker_aliases(), self.runtime, name)

    def _hear_topic(self, broker: str, topic: str, receive: Receive) -> Callable[[], None]:
        return self.mqtt(broker).subscribe(topic, receive)

    def _place_of_files(self, pattern: str) -> str:
        root = self.site.root if self.site is not None else Path.cwd()
        return os.path.join(root, os.path.expanduser(pattern))
