"""Django's admin below /admin of a site, with its own accounts in its own SQLite file, beside an app of ours."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.packages import write
from tests.running import Running

PAGE = Path(__file__).parents[2] / "docs/mounts.md"
PASSWORD = "a long password"
SITE = {
    "shop/__init__.py": "",
    "shop/settings.py": """
        SECRET_KEY = "a key of its own, for this test"
        ALLOWED_HOSTS = ["127.0.0.1"]
        ROOT_URLCONF = "shop.urls"
        INSTALLED_APPS = [
            "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
            "django.contrib.messages", "django.contrib.staticfiles", "shop",
        ]
        MIDDLEWARE = [
            "django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ]
        TEMPLATES = [{
            "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
            "OPTIONS": {"context_processors": [
                "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]},
        }]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.sqlite3"}}
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        USE_TZ = True
        STATIC_URL, STATIC_ROOT = "/admin/static/", "collected"
        """,
    "shop/models.py": """
        from django.db import models

        class Plant(models.Model):
            name = models.CharField(max_length=32)
            bed = models.IntegerField(default=1)
            photo = models.FileField(upload_to="photos", blank=True)

            def __str__(self):
                return self.name
        """,
    "shop/admin.py": """
        from django.contrib import admin
        from . import models

        admin.site.register(models.Plant)
        """,
    "shop/urls.py": """
        from django.contrib import admin
        from django.http import StreamingHttpResponse
        from django.urls import path

        def stream(request):
            return StreamingHttpResponse(f"{number}\\n" for number in range(1000))

        def bug(request):
            raise ValueError("the secret of a bug")

        urlpatterns = [path("stream", stream), path("bug", bug), path("", admin.site.urls)]
        """,
}


def serve() -> str:
    """The serve.py that docs/mounts.md shows."""
    found = re.search(r"^```python file=shop/serve.py\n(.+?)\n```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("django")
    write(folder, SITE)
    running = Running(folder, serve())
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PYTHONPATH": str(folder),
    }
    for command in (
        ["migrate", "--run-syncdb"],
        ["collectstatic", "--noinput"],
        ["createsuperuser", "--noinput", "--username", "ana", "--email", "ana@example.org"],
    ):
        words = [sys.executable, "-m", "django", *command]
        subprocess.run(words, cwd=folder, env=environ, check=True, timeout=60, stdout=subprocess.DEVNULL)
    try:
        yield running.start()
    finally:
        running.close()


class Person:
    """A plain HTTP client with cookies, which fills in Django's forms."""

    def __init__(self, program: Running) -> None:
        self._program, self.cookies = program, dict[str, str]()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        connection = self._program.connect()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, {"Cookie": cookies, **headers})
        answer: Any = connection.getresponse()
        answer.text = answer.read().decode()
        for text in answer.headers.get_all("Set-Cookie", []):
            name, _, value = text.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def send(self, path: str, form: dict[str, str], parts: bool = False) -> http.client.HTTPResponse:
        """Load the form at `path` and send it, as a browser does; `parts` as multipart/form-data."""
        page = self.get(path)
        assert page.status == 200, page.text
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert found
        form = {"csrfmiddlewaretoken": found[1], **form}
        kind, body = "application/x-www-form-urlencoded", urlencode(form).encode()
        if parts:
            kind = "multipart/form-data; boundary=frontier"
            body = "".join(
                f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in form.items()
            ).encode() + (
                b'--frontier\r\nContent-Disposition: form-data; name="photo"; filename="a.txt"\r\n'
                b"Content-Type: text/plain\r\n\r\nno photo\r\n--frontier--\r\n"
            )
        origin = f"http://127.0.0.1:{self._program.port}"
        answer: http.client.HTTPResponse = self.ask("POST", path, body, **{"Content-Type": kind, "Origin": origin})
        return answer


@pytest.fixture
def ana(program: Running) -> Person:
    person = Person(program)
    answer = person.send("/admin/login/?next=/admin/", {"username": "ana", "password": PASSWORD})
    assert (answer.status, answer.headers["Location"]) == (302, "/admin/")
    return person


@pytest.mark.row("A199")
def test_a_row_is_added_changed_and_deleted_after_a_login(ana: Person) -> None:
    assert ana.send("/admin/shop/plant/add/", {"name": "Rose", "bed": "3"}).status == 302
    listed = ana.get("/admin/shop/plant/")
    found = re.search(r'href="(/admin/shop/plant/(\d+)/change/)">Rose<', listed.text)
    assert found, listed.text
    assert "added successfully" in listed.text
    assert ana.send(found[1], {"name": "Rosa canina", "bed": "4"}, parts=True).status == 302
    assert re.search(r'name="bed" value="4"', ana.get(found[1]).text)
    assert "a.txt" in ana.get(found[1]).text
    refused = ana.send(found[1], {"name": "", "bed": "x"})
    assert refused.status == 200
    assert ana.send(f"/admin/shop/plant/{found[2]}/delete/", {"post": "yes"}).status == 302
    assert "Rosa canina" not in ana.get("/admin/shop/plant/?q=").text.partition('id="changelist"')[2]
    assert ana.get(found[1]).status == 302


@pytest.mark.row("A199")
def test_who_has_not_signed_in_there_or_has_signed_out_is_sent_to_its_login(program: Running, ana: Person) -> None:
    asked = Person(program).get("/admin/shop/plant/")
    assert (asked.status, asked.headers["Location"]) == (302, "/admin/login/?next=/admin/shop/plant/")
    wrong = Person(program).send("/admin/login/", {"username": "ana", "password": "wrong"})
    assert (wrong.status, "sessionid" in (wrong.headers["Set-Cookie"] or "")) == (200, False)

    page = ana.get("/admin/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    body = urlencode({"csrfmiddlewaretoken": token[1]}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ana.ask("POST", "/admin/logout/", body, **kind).status == 200
    assert ana.get("/admin/shop/plant/").status == 302


@pytest.mark.row("A199")
def test_its_own_check_of_forms_works_and_ours_does_not_stand_in_its_way(ana: Person) -> None:
    body, kind = urlencode({"name": "Weed", "bed": "1"}).encode(), "application/x-www-form-urlencoded"
    forged = ana.ask("POST", "/admin/shop/plant/add/", body, **{"Content-Type": kind, "Origin": "http://evil.example"})

    assert forged.status == 403
    assert "CSRF" in forged.text
    assert "Weed" not in ana.get("/admin/shop/plant/").text


@pytest.mark.row("A199")
def test_its_pages_carry_their_own_headers_and_their_files_are_there(ana: Person) -> None:
    page = ana.get("/admin/")
    assert page.headers.get_all("X-Frame-Options") == ["DENY"]
    assert page.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert "default-src" not in page.headers["Content-Security-Policy"]
    links = set(re.findall(r'(?:href|src)="(/admin/static/[^"]+)"', page.text))
    assert len(links) > 3
    assert {ana.get(link).status for link in links} == {200}


@pytest.mark.row("A199")
def test_its_cookies_and_ours_live_side_by_side(ana: Person) -> None:
    assert [ana.get("/").text for _ in range(2)] == ["1", "2"]
    assert {"sessionid", "csrftoken", "ATLSES_DEFAULT"} <= ana.cookies.keys()
    assert ana.get("/admin/").status == 200
    assert ana.get("/").text == "3"


@pytest.mark.row("A199")
def test_it_streams_and_its_bugs_are_answered_by_its_own_page_and_stand_in_the_log(
    program: Running, ana: Person
) -> None:
    streamed = ana.get("/admin/stream")
    assert streamed.headers["Transfer-Encoding"] == "chunked"
    assert streamed.text == "".join(f"{number}\n" for number in range(1000))
    assert ana.get("/admin/bug").status == 500
    assert "the secret of a bug" not in ana.get("/admin/bug").text
    assert "the secret of a bug" in program.log.read_text()
    assert ana.get("/admin/").status == 200


@pytest.mark.row("A199")
def test_a_browser_with_scripts_off_clicks_through_it(program: Running, look: Callable[..., Any]) -> None:
    base = f"http://127.0.0.1:{program.port}/admin"
    page = look(f"{base}/", 1280)
    page.fill("#id_username", "ana")
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator("#content a[href='/admin/shop/plant/add/']").click()
    page.fill("#id_name", "Mint")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Mint").first.click()
    page.fill("#id_name", "Peppermint")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#result_list").get_by_role("link", name="Peppermint").click()
    # The style sheets did come: without them a link has the colour that the browser gives it.
    header = page.evaluate("getComputedStyle(document.querySelector('#header')).backgroundColor")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name=re.compile("Yes")).click()
    page.wait_for_url(f"{base}/shop/plant/")
    assert page.locator("#result_list").count() == 0
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{base}/logout/")

    assert header not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
    page.goto(f"{base}/shop/plant/")
    assert "/admin/login/" in page.url
