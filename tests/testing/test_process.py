from __future__ import annotations

import gc
import socket
from pathlib import Path
from textwrap import dedent

import pytest

import atilite
from atilite.errors import ConfigError
from atilite.testing.process import Launched, ServerDied

PROGRAM = """
    import os
    import atilite

    app = atilite.Atilite(__name__)

    @app.get("/hello/<name>")
    def hello(was, name):
        print("greeting", name)
        return {"hello": name}

    @app.get("/stream")
    def stream(was):
        yield was.Sleep(0.01)
        yield "one "
        yield "two"

    @app.route("/cookie", methods=["GET"])
    def cookie(was):
        was.request.cookie["seen"] = "yes"
        return str(was.request.get_header("Cookie"))

    @app.put("/echo")
    def echo(was, **data):
        return data

    @app.post("/file")
    def file(was, file):
        return {"name": file.name, "size": len(file.read())}

    @app.get("/where")
    def where(was):
        return {"folder": os.getcwd(), "devel": app.debug, "database": str(app.site.database().path)}

    @app.get("/die")
    def die(was):
        print("the pump burst")
        os._exit(3)

    if __name__ == "__main__":
        atilite.mount("/", app)
        atilite.run(port=1, host="0.0.0.0", name="tried")
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "serve.py"
    path.write_text(dedent(PROGRAM))
    return path


@pytest.mark.row("A191")
def test_a_script_is_served_by_a_process_until_the_block_ends(script: Path):
    with atilite.test_client(script) as client:
        assert client.get("/hello/ana b").json() == {"hello": "ana b"}
        assert client.get("/stream").text == "one two"
        assert client.put("/echo", json={"a": 1}).json() == {"a": 1}
        assert client.upload("/file", {"file": ("a.txt", b"12345")}).json() == {"name": "a.txt", "size": 5}
        assert client.head("/hello/x").data == b""
        assert client.options("/hello/x").status_code in (200, 204, 405)
        client.get("/cookie")
        assert client.get("/cookie").text == "seen=yes"
        assert client.api.hello("bo").get().json() == {"hello": "bo"}
        assert client.get("/nothing").status_code == 404
        assert isinstance(client, Launched)
        assert "greeting ana b" in client.output
        process = client.process

    assert process.returncode == 0
    with pytest.raises(ConnectionError):
        atilite.test_client(port=client.port)


@pytest.mark.row("A191")
def test_the_server_has_a_database_of_its_own_and_starts_in_its_folder(script: Path):
    client = atilite.test_client(str(script), devel=True)
    found = client.get("/where").json()
    client.stop()
    client.stop()

    assert (found["folder"], found["devel"]) == (str(script.parent), True)
    assert script.parent not in Path(found["database"]).parents
    assert not Path(found["database"]).exists()
    assert [path.name for path in script.parent.iterdir() if path.suffix == ".db"] == []


@pytest.mark.row("A191")
def test_port_and_settings_may_be_given(script: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with atilite.test_client(
        script, port, silent=False, db=f"sqlite:///{tmp_path}/mine.db", no_console=True
    ) as client:
        assert client.port == port
        assert client.get("/console/").status_code == 404
        client.get("/hello/ana")

    assert (tmp_path / "mine.db").exists()
    assert "greeting ana" in capfd.readouterr().err


@pytest.mark.row("A191")
def test_a_script_that_does_not_serve_shows_what_it_wrote(tmp_path: Path):
    (tmp_path / "serve.py").write_text("print('no pump here')\nraise SystemExit(7)\n")

    with pytest.raises(ServerDied, match=r"(?s)ended with code 7.*no pump here"):
        atilite.test_client(tmp_path / "serve.py")


@pytest.mark.row("A191")
def test_a_script_that_hangs_is_ended(tmp_path: Path):
    hanging = "import threading\nprint('waiting for the pump')\nthreading.Event().wait()\n"
    (tmp_path / "serve.py").write_text(hanging)

    with pytest.raises(ServerDied, match=r"(?s)did not serve within 0.5 s.*waiting for the pump"):
        atilite.test_client(tmp_path / "serve.py", timeout=0.5)


@pytest.mark.row("A191")
def test_a_server_that_dies_shows_what_it_wrote(script: Path):
    told = r"(?s)code 3 before .*/die.*pump burst"
    with atilite.test_client(script) as client, pytest.raises(ServerDied, match=told):
        client.get("/die")


@pytest.mark.row("A202")
def test_a_client_attaches_to_a_server_that_runs_and_leaves_it_running(script: Path):
    with atilite.test_client(script) as launched:
        with atilite.test_client(port=launched.port) as client:
            assert client.get("/hello/ana").json() == {"hello": "ana"}
        client.stop()

        assert launched.get("/hello/bo").status_code == 200


@pytest.mark.row("A202")
def test_where_nothing_listens_it_says_how_to_start_it():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(ConnectionError, match=rf"no server answers .* --port {port}\)"):
        atilite.test_client(port=port)


def test_a_client_that_nobody_stops_leaves_no_process(script: Path):
    client = atilite.test_client(script)
    assert isinstance(client, Launched)
    process = client.process
    del client
    gc.collect()

    assert process.returncode is not None


def test_a_relative_script_is_looked_for_beside_the_caller_too(script: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(script.parent)
    with atilite.test_client("serve.py") as client:
        assert client.get("/hello/a").status_code == 200
    with pytest.raises(FileNotFoundError, match=r"there is no nothing\.py"):
        atilite.test_client("nothing.py")
    # This file stands where the caller looks, and is no program.
    with pytest.raises(ServerDied, match="ended with code"):
        atilite.test_client("test_process.py")


def test_an_app_in_a_module_is_served_too(script: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(script.parent)
    with atilite.test_client("serve:app") as client:
        assert client.get("/hello/a").json() == {"hello": "a"}


@pytest.mark.parametrize("options", [{"prot": 1}, {"log_level": "error"}, {"unix": "/x"}, {"threads": "many"}])
def test_options_that_cannot_be_are_refused(
    script: Path, options: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ConfigError):
        atilite.test_client(script, **options)
    with pytest.raises(ConfigError, match="has its settings"):
        atilite.test_client(port=1, threads=2)
    assert list(tmp_path.iterdir()) == []


def test_a_program_with_a_certificate_is_tested_without_it(tmp_path: Path):
    (tmp_path / "serve.py").write_text("import atilite\natilite.mount('/', atilite.Atilite('board'))\natilite.run()\n")
    (tmp_path / "atilite.toml").write_text('tls_cert = "/etc/board/board.pem"\ntls_key = "/etc/board/board.key"\n')
    with atilite.test_client(tmp_path / "serve.py") as client:
        assert client.get("/healthz").status_code == 200
    with pytest.raises(ConfigError, match="without TLS"):
        atilite.test_client(tmp_path / "serve.py", tls_cert="a.pem", tls_key="a.key")
