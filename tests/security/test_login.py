"""Signing in over HTTP, with the real store and the real hashes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from atilite.testing.client import Answer, Client
from atilite.web.auth import SESSION_COOKIE
from tests.api.conftest import PASSWORD, World, sample
from tests.running import PATH

LOGIN = "/console/login"
pytestmark = pytest.mark.usefixtures("dear_passwords")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    gate = threading.Event()
    made = World(tmp_path, sample(gate), gate)
    made.accounts.add("ana", PASSWORD, "admin")
    yield made
    made.close()


@pytest.fixture
def browser(world: World) -> Client:
    return Client(world.site, headers={"Accept": "text/html", "Origin": "http://localhost"})


def field(page: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, page.text
    return found[1]


def sign_in(browser: Client, password: str = PASSWORD, name: str = "ana", target: str = "") -> Answer:
    page = browser.get(LOGIN + (f"?next={target}" if target else ""))
    form = {"user": name, "password": password, "csrf": field(page, "csrf")}
    if target:
        form["next"] = target
    return browser.post(LOGIN, form=form)


@pytest.mark.row("reliability-26")
def test_a_login_leads_in_with_a_new_session_each_time_and_a_logout_ends_it(world: World, browser: Client) -> None:
    assert browser.get("/console/runs").status_code == 303
    assert sign_in(browser).status_code == 303
    first = browser.cookies[SESSION_COOKIE]
    page = browser.get("/console/runs")
    assert page.status_code == 200
    assert browser.post("/console/logout", form={"csrf": field(page, "csrf")}).status_code == 303
    assert SESSION_COOKIE not in browser.cookies
    browser.cookies[SESSION_COOKIE] = first
    assert browser.get("/console/runs").status_code == 303
    sign_in(browser)
    assert browser.cookies[SESSION_COOKIE] != first


@pytest.mark.row("reliability-25")
@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("/console/runs", "/console/runs"),
        ("//evil.example", "/console/"),
        ("/%5Cevil.example", "/console/"),
        ("http://evil.example/", "/console/"),
        ("/console%0d%0aSet-Cookie:%20a=b", "/console/"),
    ],
)
def test_a_login_leads_to_pages_of_this_server_only(browser: Client, target: str, place: str) -> None:
    answer = sign_in(browser, target=target)
    assert answer.header("Location") == place
    assert len(answer.all_headers("Set-Cookie")) <= 2


@pytest.mark.row("reliability-24")
def test_a_login_form_of_another_site_or_without_its_token_signs_nobody_in(world: World, browser: Client) -> None:
    form = {"user": "ana", "password": PASSWORD}
    assert browser.post(LOGIN, form=form).status_code == 403
    token = field(browser.get(LOGIN), "csrf")
    answer = browser.post(LOGIN, form={**form, "csrf": token}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert SESSION_COOKIE not in browser.cookies


@pytest.mark.row("reliability-27")
def test_wrong_passwords_and_wrong_names_are_told_alike_until_there_were_too_many(browser: Client) -> None:
    answers = [sign_in(browser, "wrong"), *(sign_in(browser, "wrong", "zoe") for _ in range(5))]
    assert {answer.status_code for answer in answers} == {401}
    assert all("wrong name or password" in answer.text.lower() for answer in answers)
    late = sign_in(browser, "wrong", "zoe")
    assert late.status_code == 429
    assert int(late.header("Retry-After") or 0) > 0
    assert sign_in(browser).status_code == 303


CROWD = """
import threading
from pathlib import Path
from atilite.config import load
from atilite.errors import Error
from atilite.site import Site
from atilite.upkeep import share_arenas

folder = Path.cwd()
share_arenas()  # as a server with many threads does
access = Site(folder).open(load({}, {}, folder / "atilite.toml", {})).access
outcomes, most, done, begin = [], [0], threading.Event(), threading.Barrier(201)

def resident():
    # statm is counted late, by megabytes where many threads are busy.
    return int(Path("/proc/self/smaps_rollup").read_text(encoding="ascii").split("Rss:")[1].split()[0]) / 1024

def try_once(number):
    begin.wait(60)
    try:
        access.login(f"name{number}", "wrong", "10.0.0.1")
    except Error as error:
        outcomes.append(error.status_code)

def watch():
    while not done.wait(0.01):
        most[0] = max(most[0], resident())

# All are there before anything is measured: their stacks are the test's own.
threads = [threading.Thread(target=try_once, args=(number,)) for number in range(200)]
watcher = threading.Thread(target=watch)
for thread in threads:
    thread.start()
before = resident()
watcher.start()
begin.wait(60)
for thread in threads:
    thread.join(60)
done.set()
watcher.join(10)
print(most[0] - before, len(outcomes), *sorted(set(outcomes)))
"""


@pytest.mark.row("reliability-27")
def test_two_hundred_logins_at_once_take_the_memory_of_two(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CROWD], cwd=tmp_path, env=os.environ | {"PYTHONPATH": PATH},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    growth, tries, *answers = (float(word) for word in done.stdout.split())
    assert tries == 200
    assert set(answers) <= {401, 503}
    assert 15 < growth <= 40, "MiB"


@pytest.mark.row("reliability-26")
def test_sessions_are_on_the_disk_only_as_digests(world: World, tmp_path: Path) -> None:
    cookie = world.site.access.login("ana", PASSWORD, "10.0.0.1")
    world.site.database().writer.call(lambda connection: None)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("data.db*"))
    assert b"ana" in stored
    for secret in (cookie.partition(".")[0], world.tokens["admin"], PASSWORD):
        assert secret.encode() not in stored


@pytest.mark.row("reliability-26")
@pytest.mark.parametrize("change", [{"role": "view"}, {"role": "admin"}, {"password": "another good one"}])
def test_other_rights_or_another_password_need_a_new_session(
    world: World, browser: Client, change: dict[str, str]
) -> None:
    world.accounts.add("ben", PASSWORD, "run")
    sign_in(browser, name="ben")
    first = browser.cookies[SESSION_COOKIE]
    assert browser.get("/console/runs").status_code == 200

    world.accounts.change("ben", **change)

    assert browser.get("/console/runs").status_code == 303
    assert browser.get("/internal/journals/").status_code == 401
    assert sign_in(browser, change.get("password", PASSWORD), name="ben").status_code == 303
    assert browser.cookies[SESSION_COOKIE] != first
    identity = world.site.access.identify({"HTTP_COOKIE": f"{SESSION_COOKIE}={browser.cookies[SESSION_COOKIE]}"})
    assert identity.role == change.get("role", "run")


@pytest.mark.row("reliability-26")
def test_an_account_that_is_gone_ends_its_sessions(world: World) -> None:
    access = world.site.access
    cookie = {"HTTP_COOKIE": f"{SESSION_COOKIE}={access.login('ana', PASSWORD, '10.0.0.1')}"}
    assert access.identify(cookie).role == "admin"
    world.accounts.remove("ana")
    assert access.identify(cookie).role is None
