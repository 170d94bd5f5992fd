"""The samples of the Atila manual from "Cookie" to "Message Box", and those on tokens, as they are printed.

With `atilite` in place of `skitai` and of `atila.was`. These typing errors of the print are corrected: the missing
colon after `def make_jwt (was)`, `def verify_jwt (was)` and `def password_reset (was)`; `calims`; `request.args
('username')` called as a function; `reset_password`, which is not printed, is the second half of its sample;
the page takes all messages, for `get ("notice", "news")` asks for an extra; a hook is not decorated alone, so
`@app.before_request` stands over `@app.csrf_verification_required`.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from atilite import Atilite
from atilite.testing.client import Client
from tests.packages import write

SECUREKEY = "ds8fdsflksdjf9879dsf;?<>Asda"

COOKIE = """
    @app.route ("/")
    def hello_world (was):
        if "user_id" not in was.cookie:
            was.request.cookie.set ("user_id", "hansroh")
            # or
            was.request.cookie ["user_id"] = "hansroh"
        return was.cookie ["user_id"]
"""

SESSION = """
    @app.route ("/session")
    def hello_world (was, **form):
        if "login" not in was.session:
            was.session.set ("user_id", form.get ("hansroh"))
            # or
            was.session ["user_id"] = form.get ("hansroh")
        return was.session ["user_id"]
"""

NAMESPACED = """
    @app.route("/")
    def index (was):
        was.session.mount ("ADMIN", path = '/admin')
        was.session.set ("login", True)
        was.session.mount () # resore to default session
        return str ("login" in was.session)
"""

MESSAGES = """
    @app.route ("/msg")
    def msg (was):
        was.mbox.send ("This is Flash Message", "flash")
        was.mbox.send ("This is Alert Message Kept by 60 seconds on every request", "alram", valid = 60)
        return was.redirect (was.urlfor (showmsg, "Hans Roh"), status = "302 Object Moved")

    @app.route ("/showmsg")
    def showmsg (was, name):
        return was.render ("msg.htm", name=name)
"""

MESSAGE_PAGE = """
    <h1>{{ name }}</h1>
    <ul>
    {% for mid, category, created, valid, msg, extra in was.mbox.get () %}
      <li class="{{category}}"> {{ msg }}</li>
    {% endfor %}
    </ul>
"""

FORM = """
    <form>
    {{ was.csrf_token_input }}
    ...
    </form>
"""

VERIFIED = """
    @app.before_request
    def before_request (was):
        if was.request.args.get ("username"):
            if not was.verify_csrf ():
                return was.response ("400 Bad Request")
"""

DECORATED = """
    @app.before_request
    @app.csrf_verification_required
    def before_request (was):
        ...
"""

WITH_FORM = """
    @app.route ("/form")
    def form (was, username = None):
        return was.render ("form.htm")
"""

JWT = """
    @app.route ('/make_jwt')
    def make_jwt (was):
        t = was.encode_jwt ({'iss': 'example.com', 'exp': time.time () + 3600})
        return t

    @app.route ('/verify_token')
    def verify_jwt (was):
        claims = was.request.JWT
        if "err" in claims:
            return claims ["err"]
        return claims ["iss"]
"""

OTP = """
    def check_otp (was):
        if not was.verify_otp (was.request.get_header ('x-otp')):
            raise was.Error ('403 Unauthorized')

    @app.route ('/admin-task')
    @app.testpass_required (check_otp)
    def task (was):
        return "done"
"""

OTP_CLIENT = """
    from atilite import generate_otp
    code = generate_otp (secret_key)
"""

OTT = """
    @app.route ('/password-reset')
    def password_reset (was, username = None, token = None):
        if was.request.args ['username']:
            username = "hans"
            token = was.encode_ott (username, 3600, "pwrset") # valid within 1 hour
            pw_reset_url = was.urlfor ('password_reset', token = token)
            # send email
            return pw_reset_url
        if was.request.args ['token']:
            username = was.decode_ott (was.request.args ['token'])
            if not username:
                return was.response ('400 Bad Request')
            # processing password reset
            was.revoke_ott (was.request.args ['token'])
            return username
"""


def made(sample: str, folder: Path | None = None) -> Client:
    """A client of an app to which a sample was added."""
    app = Atilite("sample")
    app.securekey = SECUREKEY
    if folder is not None:
        write(folder, {"msg.htm": MESSAGE_PAGE, "form.htm": FORM})
        app.use_templates([folder], reload=False)
    exec(dedent(sample), {"app": app, "time": time})
    return Client(app)


@pytest.mark.row("A114")
def test_a_cookie_is_set() -> None:
    client = made(COOKIE)

    assert [client.get("/").text, client.get("/").text, client.cookies] == [
        "hansroh",
        "hansroh",
        {"user_id": "hansroh"},
    ]
    assert client.get("/").all_headers("Set-Cookie") == []


@pytest.mark.row("A115")
def test_a_session_is_set() -> None:
    client = made(SESSION)

    assert client.get("/session?hansroh=Hans").text == "Hans"
    assert list(client.cookies) == ["ATLSES_DEFAULT"]


@pytest.mark.row("A118")
def test_a_session_with_a_namespace_is_set() -> None:
    client = made(NAMESPACED)

    answer = client.get("/")

    assert answer.text == "False"
    assert [text.partition("=")[0] for text in answer.all_headers("Set-Cookie")] == ["ATLSES_ADMIN"]


@pytest.mark.row("A119", "A120")
def test_messages_are_shown_by_the_next_page(tmp_path: Path) -> None:
    client = made(MESSAGES, tmp_path)

    led = client.get("/msg")
    assert (led.status, led.header("Location")) == ("302 Object Moved", "/showmsg?name=Hans+Roh")
    first, second = (client.get(led.header("Location") or "").text for _ in range(2))

    assert "<h1>Hans Roh</h1>" in first
    assert re.findall('<li class="(.+?)"> (.+?)</li>', first) == [
        ("flash", "This is Flash Message"),
        ("alram", "This is Alert Message Kept by 60 seconds on every request"),
    ]
    assert "Flash" not in second
    assert "Kept by 60 seconds" in second


@pytest.mark.row("A179")
@pytest.mark.parametrize("sample", [VERIFIED, DECORATED])
def test_a_form_without_its_token_is_refused(tmp_path: Path, sample: str) -> None:
    client = made(dedent(WITH_FORM) + dedent(sample), tmp_path)

    found = re.search(r'name="(\w+)" value="(.+?)"', client.get("/form").text)
    assert found is not None

    assert client.post("/form", form={"username": "hans"}).status_code == 400
    assert client.post("/form", form={"username": "hans", found[1]: found[2]}).status_code == 200


@pytest.mark.row("A180")
def test_a_jwt_is_made_and_verified() -> None:
    client = made(JWT)

    headers = {"Authorization": f"Bearer {client.get('/make_jwt').text}"}

    assert client.get("/verify_token", headers=headers).text == "example.com"
    assert client.get("/verify_token").text == "no bearer token"


@pytest.mark.row("A181")
def test_a_task_is_done_with_a_one_time_password() -> None:
    client, names = made(OTP), dict[str, Any](secret_key=SECUREKEY)
    exec(dedent(OTP_CLIENT), names)

    assert client.get("/admin-task").status == "403 Unauthorized"
    assert client.get("/admin-task", headers={"X-OTP": names["code"]}).text == "done"


@pytest.mark.row("A182")
def test_a_password_is_reset_once() -> None:
    client = made(OTT)

    url = client.get("/password-reset?username=hans").text

    assert made(OTT).get(url).status_code == 400
    assert client.get(url).text == "hans"
    assert client.get(url).status_code == 400
