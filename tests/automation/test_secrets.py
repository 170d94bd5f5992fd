from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atilite.automation.engine import Automation
from atilite.automation.secrets import Secrets, find_secret
from atilite.errors import ConfigError, RunFailed, SetupError
from atilite.logs import JsonFormatter

PASSWORD = "s3cr3t-of-the-pump"


@pytest.fixture
def given() -> dict[str, str]:
    return {"pump": PASSWORD}


@pytest.fixture
def app(make: Callable[..., Automation], given: dict[str, str]) -> Automation:
    return make("app", secret=Secrets(given.get))


@pytest.mark.row("M18")
def test_a_secret_is_looked_up_once_and_may_have_a_default(given: dict[str, str]):
    secrets = Secrets(given.get)
    assert secrets("pump") == PASSWORD
    given.clear()

    assert secrets("pump") == PASSWORD
    assert secrets("valve", None) is None
    assert secrets("valve", "") == ""


@pytest.mark.row("M18")
def test_a_missing_secret_says_how_to_give_it():
    with pytest.raises(ConfigError) as caught:
        Secrets({}.get)("smtp-password")

    assert str(caught.value) == (
        "secret 'smtp-password' is missing (set ATILITE_SECRET_SMTP_PASSWORD, or ATILITE_SECRET_SMTP_PASSWORD_FILE to "
        "the file that holds it, or put the file at /run/secrets/smtp-password, or write "
        "LoadCredential=smtp-password:FILE into the systemd unit)"
    )


@pytest.mark.row("M18")
def test_a_program_does_not_start_without_the_secrets_that_it_requires(app: Automation):
    app.secret.require("pump", "mail", "sms")

    with pytest.raises(ConfigError, match="secrets 'mail', 'sms' are missing"):
        app.freeze()


@pytest.mark.parametrize("name", ["", "../etc/passwd", "a b", "/x", None])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(SetupError, match="cannot be called"):
        Secrets({}.get)(name)


@pytest.mark.row("M18", "reliability-30")
def test_a_secret_is_in_nothing_that_is_stored(
    app: Automation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    @app.action(name="pump")
    def pump(note: str):
        password = app.secret("pump")
        print("logging in with", password)
        logging.getLogger("pump").warning("sent %s", password)
        app.journal.record(f"used {password}", header={password: [password]})
        app.journal.labels("night")
        if note == "fail":
            raise ValueError(f"refused {password}")
        return {"token": password}

    assert app.action.invoke("pump", note="ok").fetch() == {"token": PASSWORD}
    with pytest.raises(ValueError, match="refused"):
        app.action.invoke("pump", note="fail").fetch()
    # From now on it is known, whoever says it.
    app.action.invoke("pump", note=f"again {PASSWORD}").fetch()

    newest = app.journal.history().fetch()[0]
    assert newest.parameters == {"note": "again \u2022\u2022\u2022\u2022"}
    assert newest.result == {"token": "\u2022\u2022\u2022\u2022"}
    app.storage.database.checkpoint()
    assert PASSWORD.encode() not in (tmp_path / "data.db").read_bytes()
    assert PASSWORD not in capsys.readouterr().out


@pytest.mark.row("M18", "reliability-30")
def test_the_error_of_a_service_shows_no_secret(app: Automation):
    crashed = threading.Event()
    app.service.service_changed.listen(lambda info: crashed.set() if info.error else None)

    @app.service(name="poll", restart=False)
    def poll():
        raise ValueError(f"refused {app.secret('pump')}")

    app.start()
    assert crashed.wait(20)
    info = app.service.get("poll")
    assert info.error == "ValueError: refused \u2022\u2022\u2022\u2022"
    assert PASSWORD not in str(info.traceback)


@pytest.mark.row("M18")
def test_a_secret_of_several_lines_is_masked_line_by_line(make: Callable[..., Automation]):
    key = "-----BEGIN KEY-----\nMIIEvgIBADANBgkqhkiG9w0\nabc\n-----END KEY-----"
    app = make("app", secret=Secrets({"key": key}.get))

    @app.action(name="sign")
    def sign():
        print(app.secret("key"))

    app.action.invoke("sign").fetch()
    (run,) = app.journal.history().fetch()
    stored = [record.message for record in app.journal.get(run.id).fetch().records]
    assert "MIIEvgIBADANBgkqhkiG9w0" not in "".join(stored)


def test_a_very_short_secret_is_not_masked():
    secrets = Secrets({"pin": "1"}.get)
    secrets("pin")

    assert secrets.values() == ()


@pytest.fixture(params=[logging.Formatter("%(message)s"), JsonFormatter()])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request.param)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.row("M18", "reliability-30")
def test_a_secret_is_masked_in_the_log_and_its_tracebacks(app: Automation, log: io.StringIO):
    app.freeze()
    password = app.secret("pump")
    logging.getLogger("pump").warning("connecting with %s as %s", password, "ana")
    try:
        raise RunFailed(f"refused {password}", 1, "failed")
    except RunFailed:
        logging.getLogger("pump").exception("failed")

    written = log.getvalue()
    assert "as ana" in written
    assert "Traceback" in written
    assert "refused" in written
    assert PASSWORD not in written
    app.secret.close()
    logging.getLogger("pump").warning(json.dumps([password]))
    assert PASSWORD in log.getvalue()


# -- where they are


@pytest.mark.row("M18")
def test_a_secret_is_found_in_a_variable_a_named_file_the_credentials_and_the_folder(tmp_path: Path) -> None:
    folder, credentials = tmp_path / "run", tmp_path / "credentials"
    folder.mkdir()
    credentials.mkdir()
    environ: dict[str, str] = {}
    found = []
    (folder / "smtp.password").write_text("from the folder\n")
    found.append(find_secret("smtp.password", environ, folder))
    (credentials / "smtp.password").write_text("from systemd\r\n")
    environ["CREDENTIALS_DIRECTORY"] = str(credentials)
    found.append(find_secret("smtp.password", environ, folder))
    (tmp_path / "named").write_text("  from a file\n\n")
    environ["ATILITE_SECRET_SMTP_PASSWORD_FILE"] = str(tmp_path / "named")
    found.append(find_secret("smtp.password", environ, folder))
    environ["ATILITE_SECRET_SMTP_PASSWORD"] = "from a variable"
    found.append(find_secret("smtp.password", environ, folder))

    assert found == ["from the folder", "from systemd", "  from a file", "from a variable"]
    assert find_secret("other", environ, folder) is None


@pytest.mark.row("M18")
def test_an_empty_secret_is_none_and_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    assert find_secret("empty", {"ATILITE_SECRET_EMPTY": ""}, tmp_path) is None
    for name, environ in (("binary", {}), ("x", {"ATILITE_SECRET_X_FILE": str(tmp_path / "none")})):
        with pytest.raises(ConfigError, match="cannot be read"):
            find_secret(name, environ, tmp_path)
