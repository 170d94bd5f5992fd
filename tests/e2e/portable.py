"""An app that uses what does not depend on the server, for a process of its own: `portable.py atilite|wsgiref`.

gunicorn takes `portable:app`. Each server tells in its output where it listens.
"""

from __future__ import annotations

import operator
import sys
import time
from typing import Any

import atilite
from atilite import Atilite

atilite.alias("@lite", atilite.DB_SQLITE3, ["lite.db"])
app = Atilite(__name__)
app.securekey = "a key for the tests of servers"
cleaned: list[str] = []


def broken() -> None:
    raise ValueError("inside")


# -- handlers of every kind, and tasks of every kind

app.route("/text")(lambda was: "text")
app.route("/away")(lambda was: was.redirect("/text"))
app.route("/delete", methods=["DELETE"])(lambda was: was.API(deleted=True))


@app.route("/async")
async def awaited(was: Any) -> Any:
    return {"got": await was.Thread(operator.add, 2, 4)}


@app.route("/tasks")
def tasks(was: Any) -> Any:
    return [
        was.Thread(operator.add, 2, 3).fetch(),
        was.Process(operator.mul, 2, 3, timeout=60).fetch(),
        was.Subprocess(["echo", "seven"]).fetch().strip(),
        was.Tasks(a=was.Mask(8), b=was.Sleep(0.001)).fetch(),
        was.Mask([9]).one(),
    ]


def steps(was: Any) -> Any:
    first = yield was.Thread(operator.add, 2, 3)
    both = yield was.Tasks(was.Mask(6), was.Sleep(0.001))
    return {"got": [first.fetch(), *both.fetch()]}


app.route("/coroutine")(steps)
app.route("/coroutine-hub", start="hub", coroutine=True)(steps)
app.route("/coroutine-thread", coroutine="thread")(steps)


@app.route("/stage/<stage>/<kind>", coroutine=True)
def staged(was: Any, stage: str, kind: str) -> Any:
    def here(name: str) -> None:
        if stage == name:
            raise was.Error("409 Conflict", "here") if kind == "http" else ValueError("a bug")

    here("before")
    yield was.Sleep(0.001)
    here("between")
    yield was.Mask(1)
    here("after")
    return "fine"


@app.route("/late", coroutine=True)
def late(was: Any) -> Any:
    task = yield was.Thread(time.sleep, 0.5, timeout=0.02)
    return task.fetch()


@app.route("/own")
def own(was: Any) -> Any:
    task = yield was.get(f"http://{was.request.get_header('Host')}/text")
    return {"got": task.fetch()}


# -- streams


@app.route("/stream")
def stream(was: Any) -> Any:
    yield "a"
    yield b"b"


@app.route("/stream-coroutine", coroutine=True)
def streamed(was: Any) -> Any:
    yield "a"
    task = yield was.Sleep(0.001)
    yield f"{task.done}"


@app.route("/echo", methods=["POST"], input_stream=True, coroutine=True)
def echo(was: Any) -> Any:
    while True:
        data = yield was.Input(5)
        if not data:
            break
        yield b":" + data


@app.route("/endless", coroutine=True)
def endless(was: Any) -> Any:
    try:
        while True:
            yield was.Sleep(0)
            yield b"x" * 10_000
    finally:
        cleaned.append("coroutine")


def produce(queue: Any) -> None:
    try:
        while True:
            queue.put(b"x" * 10_000)
    finally:
        cleaned.append("queue")


app.route("/endless-queue")(lambda was: was.Queue(produce, wait_timeout=None))
app.route("/cleaned")(lambda was: list(cleaned))
app.route("/queue")(lambda was: was.Queue(lambda queue: [queue.put(item) for item in ("a", b"b", None)]))


# -- answers that come later


def answered(was: Any, task: Any) -> Any:
    return was.API(result=task.fetch(), a=task.meta.get("a"))


app.route("/then")(lambda was: was.Thread(operator.add, 2, 3, meta={"a": 1}).then(answered))
app.route("/then-late")(lambda was: was.Thread(time.sleep, 0.5, timeout=0.02).then(answered))
app.route("/map")(lambda was: was.Map("201 Created", x=was.Mask(1), y__one=was.Mask([2]), z=was.Thread(str, 3), c=4))
app.route("/map-none")(lambda was: was.Map(x__one=was.Mask([])))
app.route("/mapped")(lambda was: was.Mapped(was.Tasks(a=was.Mask(1), b=was.Sleep(0.001))))
app.route("/pass")(
    lambda was: was.ThreadPass(lambda was, number: was.API(path=was.request.path, number=number), args=(7,))
)
app.route("/failed")(lambda was: was.Thread(broken).then(answered))
app.route("/failed-map")(lambda was: was.Map(x=was.Thread(broken)))
app.route("/failed-pass")(lambda was: was.ThreadPass(broken))


# -- what is sent, and what is kept


@app.route("/form", methods=["POST"])
def form(was: Any, name: str, file: Any = None) -> Any:
    return was.API(name=name, size=file.size if file else None)


@app.route("/session")
def session(was: Any) -> Any:
    was.session["count"] = was.session.get("count", 0) + 1
    return was.API(count=was.session["count"])


@app.route("/rows")
def rows(was: Any) -> Any:
    with was.db("@lite") as db:
        db.execute("create table if not exists sensors (name text)").commit()
        db.insert("sensors").set(name="greenhouse").execute().commit()
        found = yield db.select("sensors").get("name").limit(1).execute()
    return was.API(name=found.one().name)


@app.action(name="double")
def double(number: int) -> int:
    app.journal.record("doubling", number=number)
    return 2 * number


@app.route("/run")
def run(was: Any) -> Any:
    was.kv.set(last=4).commit()
    got = app.action.invoke("double", number=was.kv.get("last").fetch()).fetch()
    return {"got": got, "runs": [[run.operation, run.status] for run in app.journal.history().fetch()]}


# -- calls, and what needs our own server

app.route("/math/add")(lambda was, a, b: a + b)
app.route("/math/slow")(lambda was, a: was.Thread(operator.neg, a).then(lambda was, task: task.fetch()))


@app.route("/talk")
@app.websocket()
def talk(was: Any, message: str) -> str:
    return message


def with_wsgiref() -> None:
    """Serve with the standard library, a thread for each request."""
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    class Threading(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    server = make_server("127.0.0.1", 0, app, server_class=Threading)
    print(f"at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv.pop(1) == "wsgiref":
        with_wsgiref()
    atilite.mount("/", app)
    atilite.run()
