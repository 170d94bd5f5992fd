"""Signed requests of other programs."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client
from atilite.web import webhooks


class Hooked:
    """A site with hooks, and somebody who knows the secrets."""

    def __init__(self, folder: Path) -> None:
        self.gate = threading.Event()
        self.app = app = Atilite("hooked")
        self.got: list[Any] = []

        @app.action(name="Deploy", hook=True)
        def deploy(branch: str, force: bool = False) -> None:
            self.got.append((branch, force))

        @app.action(name="Push", hook="github")  # type: ignore[call-overload]
        def push(payload: dict[str, Any]) -> None:
            self.got.append(payload)

        @app.action(name="Once", hook=True, overlap="skip")
        def once() -> None:
            self.gate.wait(20)

        @app.action(name="Private")
        def private() -> None:
            self.got.append("never")

        self.folder = folder
        self.open()

    def open(self) -> None:
        self.site = Site(self.folder)
        self.site.mount("/", self.app)
        self.site.open(Settings(db=f"sqlite:///{self.folder}/data.db"))
        self.site.start()
        self.client = Client(self.site)

    def secret(self, name: str) -> str:
        return webhooks.secret_text(self.site.keys.secret(f"hook:{name}"))

    def send(self, name: str, body: bytes, kind: str = "application/json", **headers: str) -> Any:
        return self.client.post(f"/internal/hook/{name}", data=body, headers={"Content-Type": kind, **headers})

    def signed(self, name: str, value: object, at: float | None = None, **headers: str) -> Any:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        now = self.site.database().clock.time() if at is None else at
        return self.send(name, body, **{"X-Signature": webhooks.sign(self.secret(name), body, now), **headers})

    def finished(self, answer: Any) -> Any:
        run = answer.json()["run"]
        with self.app.journal.journal_updated.subscribe() as updates:
            while (found := self.app.journal.headline(run).fetch()).pending:
                updates.get(20)
        return found

    def close(self) -> None:
        self.gate.set()
        self.site.stop(5)
        self.site.close()


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[Hooked]:
    made = Hooked(tmp_path)
    yield made
    made.close()


def test_a_signed_request_starts_the_action_with_its_parameters_and_says_so_in_the_run(hooked: Hooked) -> None:
    answer = hooked.signed("Deploy", {"branch": "main", "force": True})
    assert answer.status_code == 202
    run = hooked.finished(answer)
    assert (run.trigger, run.who, run.status) == ("hook", None, "succeeded")
    assert hooked.got == [("main", True)]


def test_a_form_is_understood_as_well(hooked: Hooked) -> None:
    body = b"branch=main&force=on"
    header = webhooks.sign(hooked.secret("Deploy"), body, hooked.site.database().clock.time())
    answer = hooked.send("Deploy", body, "application/x-www-form-urlencoded", **{"X-Signature": header})
    hooked.finished(answer)
    assert hooked.got == [("main", True)]


@pytest.mark.parametrize("header", [{}, {"X-Signature": "t=1,v1=00"}, {"X-Signature": "nonsense"}])
def test_without_a_right_signature_nothing_runs(hooked: Hooked, header: dict[str, str]) -> None:
    answer = hooked.send("Deploy", b'{"branch": "main"}', **header)
    assert answer.status_code == 401
    assert hooked.got == []


def test_the_secret_of_one_hook_does_not_open_another(hooked: Hooked) -> None:
    now = hooked.site.database().clock.time()
    header = webhooks.sign(hooked.secret("Once"), b'{"branch": "main"}', now)
    assert hooked.send("Deploy", b'{"branch": "main"}', **{"X-Signature": header}).status_code == 401


def test_strangers_do_not_learn_which_actions_there_are(hooked: Hooked) -> None:
    told = {name: hooked.signed(name, {}, at=5.0) for name in ("Private", "Nothing")}
    texts = [(answer.status_code, answer.json()["detail"]) for answer in told.values()]
    assert texts == [(401, webhooks.WRONG)] * 2
    for header in ({"X-Signature": "t=5,v1=" + "0" * 64}, {"X-Signature": "nonsense"}, {}):
        wrong = hooked.send("Deploy", b"{}", **header)
        assert (wrong.status_code, wrong.json()["detail"]) == texts[0]


def test_an_old_request_is_refused(hooked: Hooked) -> None:
    now = hooked.site.database().clock.time()
    for offset in (-301, 302):
        answer = hooked.signed("Deploy", {"branch": "main"}, at=now + offset)
        assert answer.status_code == 401
        assert "300 s" in answer.json()["detail"]


def test_the_same_request_counts_once_even_after_a_restart(hooked: Hooked) -> None:
    now = hooked.site.database().clock.time()
    first = hooked.signed("Deploy", {"branch": "main"}, at=now)
    hooked.finished(first)
    assert hooked.signed("Deploy", {"branch": "main"}, at=now).status_code == 409
    hooked.site.stop(5)
    hooked.site.close()
    again = Hooked(hooked.folder)
    try:
        assert again.signed("Deploy", {"branch": "main"}, at=now).status_code == 409
        assert again.got == []
    finally:
        again.close()


def test_of_requests_that_come_at_once_one_counts(hooked: Hooked) -> None:
    now = hooked.site.database().clock.time()
    secret, body = hooked.secret("Deploy"), b'{"branch": "main"}'
    headers = {"X-Signature": webhooks.sign(secret, body, now)}
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(hooked.send("Deploy", body, **headers).status_code))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found) == [202, 409, 409, 409, 409, 409]


def test_wrong_parameters_are_told_by_field(hooked: Hooked) -> None:
    answer = hooked.signed("Deploy", {"force": "perhaps", "more": 1})
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"branch", "force", "more"}
    assert hooked.signed("Deploy", [1]).status_code == 400
    assert hooked.signed("Deploy", b"{").status_code == 400
    assert hooked.signed("Deploy", b"").status_code == 400


def test_a_run_that_skips_others_names_the_one_that_goes_on(hooked: Hooked) -> None:
    first = hooked.signed("Once", {})
    second = hooked.signed("Once", {}, at=hooked.site.database().clock.time() - 1)
    assert second.status_code == 409
    assert second.json()["run"] == first.json()["run"]


def test_a_large_body_is_refused(hooked: Hooked) -> None:
    assert hooked.send("Deploy", b" " * (1 << 20) + b"x").status_code == 413


def test_github_signs_in_its_own_way_where_the_action_says_so(hooked: Hooked) -> None:
    body = json.dumps({"ref": "refs/heads/main", "commits": []}).encode()
    digests = {
        name: hmac.new(hooked.secret(name).encode(), body, hashlib.sha256).hexdigest() for name in ("Push", "Deploy")
    }
    answer = hooked.send("Push", body, **{"X-Hub-Signature-256": f"sha256={digests['Push']}"})
    hooked.finished(answer)
    assert hooked.got == [{"ref": "refs/heads/main", "commits": []}]
    assert hooked.send("Push", body, **{"X-Hub-Signature-256": f"sha256={digests['Push']}"}).status_code == 409
    # Its signature has no time, so it is not taken where nobody asked for it.
    assert hooked.send("Deploy", body, **{"X-Hub-Signature-256": f"sha256={digests['Deploy']}"}).status_code == 401
