"""Plays scripts on the original engine and prints what happened, one JSON object a script. See `original`.

    PYTHON original_player.py PLANS.json LIMIT FOLDER

It is run by the interpreter that has the original, not by ours, and looks at it from outside: classes are wrapped,
nothing of it is changed.
"""

from __future__ import annotations

import collections.abc  # noqa: F401  # the original uses it without importing it
import functools
import json
import re
import sys
from pathlib import Path
from typing import Any

from ioflo.aid.consoling import getConsole  # type: ignore[import-not-found]
from ioflo.base import acting, framing, globaling, needing, skedding, storing  # type: ignore[import-not-found]

console = getConsole()
STARTED = re.compile(r"To: (\w+)<\S* at [\d.]+\n\Z")
MOVED = re.compile(r"To: (\w+)<(\S+) at \S+ Via: (\w+) \((.*)\) From: (\S*) after (\S+)\n\Z")
SUSPENDED = re.compile(r"To: (\w+) in (\w+)<\S+ at \S+ Via: (\w+) \((.*)\) From: \S* after (\S+)\n\Z")
STOPPED = re.compile(r"\s*Stopping Framer '(\w+)'")
ABORTED = re.compile(r"\s*Aborting (\w+) in ")


class Enough(BaseException):
    """So many turns were asked for."""


class Recorder:
    """The history of one script."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.turns: list[list[Any]] = []
        self.events: list[str] = []
        self.last = ""
        self.store: Any = None
        self.recording = False
        self.said: list[str] = []

    def begin(self, store: Any, stamp: float) -> None:
        self.end()
        if len(self.turns) >= self.limit:
            raise Enough
        self.store, self.stamp, self.events, self.last, self.recording = store, stamp, [], "", True

    def end(self) -> None:
        if self.recording:
            shares = {"." + path: shown(share) for path, share in leaves(self.store.shares)}
            self.turns.append([round(self.stamp, 6), "; ".join(self.events), shares])
        self.recording = False

    def step(self, framer: str, step: str) -> None:
        if self.last == framer:
            self.events[-1] += f" {step}"
        else:
            self.events.append(f"{framer}: {step}")
        self.last = framer

    def told(self, event: str) -> None:
        self.events.append(event)
        self.last = ""

    def heard(self, text: str) -> None:
        """What the original says on its console is where it tells what it does."""
        if not self.recording:
            self.said.append(text)
            return
        if text.startswith("Total elapsed"):
            self.end()
        started = STARTED.match(text)
        if started and framing.Framer.Names[started[1]].schedule == globaling.AUX:
            return None  # its frame's entry says it
        for pattern, form in (
            (STARTED, "<START {0}>"), (STOPPED, "<STOPP {0}>"), (ABORTED, "<ABORT {0}>"),
            (SUSPENDED, "<SUSPEND {0} in {1} by {2} ({3}) after {4}>"),
        ):  # fmt: skip
            found = pattern.match(text)
            if found:
                return self.told(form.format(*found.groups()))
        found = MOVED.match(text)
        if found:
            framer, far, near, cause, old, _ = found.groups()
            self.told(f"<TRANS {framer} {outline(old)} => {outline(far)} by {near} ({cause})>")
        return None


def outline(text: str) -> str:
    return re.sub(r"[<>]+", "/", text).strip("/")


def leaves(node: Any, head: str = "") -> Any:
    for name, one in node.items():
        path = f"{head}.{name}" if head else name
        if isinstance(one, storing.Share):
            yield path, one
        else:
            yield from leaves(one, path)


def shown(share: Any) -> Any:
    fields = dict(share.items())
    return fields["value"] if fields.keys() == {"value"} else fields


def wrapped(recorders: list[Recorder]) -> None:
    for name in ("enter", "recur", "exit", "renter", "rexit"):
        original = getattr(framing.Frame, name)

        def call(self: Any, *, original: Any = original, name: str = name) -> Any:
            if recorders[-1].recording:
                recorders[-1].step(self.framer.name, f"{name}:{self.name}")
            return original(self)

        setattr(framing.Frame, name, functools.wraps(original)(call))
    printed, stamped = acting.Printer.action, storing.Store.changeStamp

    def print_(self: Any, message: str, **given: Any) -> Any:
        if recorders[-1].recording:
            text = message.replace('"', "")
            recorders[-1].told(f'<print "{text}">')
        return printed(self, message, **given)

    def change_stamp(self: Any, stamp: float) -> Any:
        done = stamped(self, stamp)
        if self.house is not None:
            recorders[-1].begin(self, stamp)
        return done

    acting.Printer.action, storing.Store.changeStamp = print_, change_stamp
    for name in ("terse", "concise", "profuse", "verbose"):
        setattr(console, name, lambda text, *rest: recorders[-1].heard(text))


def decided() -> None:
    """Let what is updated be counted, which is a decision of ours: whatever is written behind the mark counts."""
    written, marked, update = {}, {}, storing.Share.update

    def count(self: Any, *given: Any, **more: Any) -> Any:
        done = update(self, *given, **more)
        if self.store.stamp is not None:
            written[id(self)] = written.get(id(self), 0) + 1
        return done

    def mark(self: Any, share: Any, marker: str, **rest: Any) -> None:
        marked[id(share), marker] = written.get(id(share), 0)

    def need(self: Any, share: Any, marker: str, **rest: Any) -> bool:
        return written.get(id(share), 0) > marked.get((id(share), marker), 0)

    storing.Share.update = count
    acting.MarkerUpdate.action, needing.NeedUpdate.action = mark, need


def play(script: str, recorder: Recorder, folder: Path) -> dict[str, Any]:
    file = folder / "plan.flo"
    file.write_text(script)
    skedder = skedding.Skedder(name="play", period=0.125, real=False, filepath=str(file))
    try:
        if not skedder.build():
            return {"problem": "".join(recorder.said[-6:])}
        skedder.run()
    except Enough:
        return {"turns": recorder.turns}
    except Exception as error:
        recorder.recording = False
        return {"problem": f"{type(error).__name__}: {error}", "turns": recorder.turns}
    return {"turns": recorder.turns}


def main() -> None:
    scripts, limit, folder = json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]), Path(sys.argv[3])
    recorders: list[Recorder] = [Recorder(limit)]
    wrapped(recorders)
    decided()
    for script in scripts:
        recorders.append(Recorder(limit))
        print(json.dumps(play(script, recorders[-1], folder), default=repr), flush=True)


if __name__ == "__main__":
    main()
