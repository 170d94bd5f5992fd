"""A stand-in for MongoDB, for want of a server: it speaks enough of the wire protocol for pymongo, and keeps lists.

It knows equality in filters, `$gt`, `$set` and `$inc`; what it answers has the shapes of MongoDB's documentation.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


class MongoStandIn:
    """Collections by name; every connection is a thread."""

    def __init__(self) -> None:
        self.collections: dict[str, list[dict[str, Any]]] = {}
        self.connections = 0
        self.slow = threading.Event()  # set: a find is never answered
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            line.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self._lines.append(line)
            self.connections += 1
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        import bson

        try:
            with line, line.makefile("rb") as words:
                while header := words.read(16):
                    length, number, _, code = struct.unpack("<iiii", header)
                    body = words.read(length - 16)
                    command, documents = _command(code, body)
                    answer = self._answer(command, documents)
                    if answer is None:
                        continue
                    data = bson.encode(answer)
                    if code == OP_QUERY:
                        reply = struct.pack("<iqii", 8, 0, 0, 1) + data
                        kind = OP_REPLY
                    else:
                        reply, kind = struct.pack("<iB", 0, 0) + data, OP_MSG
                    line.sendall(struct.pack("<iiii", 16 + len(reply), 0, number, kind) + reply)
        except OSError:
            return

    def _answer(self, command: dict[str, Any], documents: list[dict[str, Any]]) -> dict[str, Any] | None:
        name, value = next(iter(command.items()))
        known = getattr(self, f"_{name.lower()}", None)
        if known is None:
            return {"ok": 0, "errmsg": f"no such command: '{name}'", "code": 59}
        with self._lock:
            answer: dict[str, Any] | None = known(command, documents, value)
            return answer

    def _hello(self, *_: Any) -> dict[str, Any]:
        return {"ok": 1, "isWritablePrimary": True, "ismaster": True, "helloOk": True, "minWireVersion": 0,
                "maxWireVersion": 21, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000,
                "maxWriteBatchSize": 100000}  # fmt: skip

    _ismaster = _hello

    def _ping(self, *_: Any) -> dict[str, Any]:
        return {"ok": 1}

    _endsessions = _ping

    def _stored(self, command: dict[str, Any], collection: Any) -> list[dict[str, Any]]:
        return self.collections.setdefault(f"{command['$db']}.{collection}", [])

    def _insert(self, command: dict[str, Any], documents: list[dict[str, Any]], collection: Any) -> dict[str, Any]:
        stored = self._stored(command, collection)
        for place, document in enumerate(documents):
            if any(one["_id"] == document["_id"] for one in stored):
                fault = {"index": place, "code": 11000, "errmsg": "E11000 duplicate key error"}
                return {"ok": 1, "n": place, "writeErrors": [fault]}
            stored.append(document)
        return {"ok": 1, "n": len(documents)}

    def _find(self, command: dict[str, Any], _: Any, collection: Any) -> dict[str, Any] | None:
        if self.slow.is_set():
            return None
        found = [one for one in self._stored(command, collection) if _fits(one, command.get("filter", {}))]
        found = found[: command.get("limit") or None]
        return {"ok": 1, "cursor": {"id": 0, "ns": f"{command['$db']}.{collection}", "firstBatch": found}}

    def _update(self, command: dict[str, Any], updates: list[dict[str, Any]], collection: Any) -> dict[str, Any]:
        changed = 0
        for update in updates:
            for one in self._stored(command, collection):
                if _fits(one, update["q"]):
                    one.update(update["u"].get("$set", {}))
                    for name, step in update["u"].get("$inc", {}).items():
                        one[name] = one.get(name, 0) + step
                    changed += 1
                    if not update.get("multi"):
                        break
        return {"ok": 1, "n": changed, "nModified": changed}

    def _delete(self, command: dict[str, Any], deletes: list[dict[str, Any]], collection: Any) -> dict[str, Any]:
        stored = self._stored(command, collection)
        before = len(stored)
        stored[:] = [one for one in stored if not any(_fits(one, delete["q"]) for delete in deletes)]
        return {"ok": 1, "n": before - len(stored)}


def _fits(document: dict[str, Any], wanted: dict[str, Any]) -> bool:
    for name, value in wanted.items():
        if isinstance(value, dict) and "$gt" in value:
            if not document.get(name, 0) > value["$gt"]:
                return False
        elif document.get(name) != value:
            return False
    return True


def _command(code: int, body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The command of a message, and the documents that came in a section of their own."""
    import bson

    if code == OP_QUERY:
        start = body.index(b"\0", 4) + 1 + 8
        return bson.decode(body[start:]), []
    flags, at = struct.unpack_from("<I", body)[0], 4
    end = len(body) - (4 if flags & 1 else 0)
    command: dict[str, Any] = {}
    documents: list[dict[str, Any]] = []
    while at < end:
        kind, size = body[at], struct.unpack_from("<i", body, at + 1)[0]
        section = body[at + 1 : at + 1 + size]
        if kind == 0:
            command = bson.decode(section)
        else:
            documents += bson.decode_all(section[section.index(b"\0", 4) + 1 :])
        at += 1 + size
    for name in ("documents", "updates", "deletes"):
        documents += command.get(name, [])
    return command, documents


@contextmanager
def mongo_stand_in() -> Iterator[MongoStandIn]:
    """One for a test."""
    server = MongoStandIn()
    try:
        yield server
    finally:
        server.close()
