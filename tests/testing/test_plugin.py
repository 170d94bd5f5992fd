from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PROGRAM = """
import atilite

app = atilite.Atilite(__name__)

@app.get("/hello/<name>")
def hello(was, name):
    app.kv.incr("greetings").commit()
    return {"hello": name}

@app.get("/greetings")
def greetings(was):
    return {"n": app.kv.get("greetings").fetch()}

if __name__ == "__main__":
    atilite.mount("/", app)
    atilite.run(port=5000, name="tried")
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project, and a pytest that loads our plugin as an installed one."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "")
    pytester.makefile(".py", serve=PROGRAM)
    return pytester


def run(project: pytest.Pytester, *words: str, plugin: bool = True) -> pytest.RunResult:
    loaded = ("-p", "atilite.testing.plugin") if plugin else ()
    return project.runpytest_subprocess(*loaded, "-p", "no:cacheprovider", *words, timeout=60)


@pytest.mark.row("A191")
def test_client_is_of_the_serve_py_which_is_started_once(project: pytest.Pytester):
    project.makepyfile(
        test_a="""
        def test_one(client):
            assert client.get("/hello/ana").json() == {"hello": "ana"}
            client.cookies["a"] = "1"

        def test_two(client):
            assert client.get("/greetings").json() == {"n": 1}
            assert client.cookies == {}
        """
    )
    run(project).assert_outcomes(passed=2)
    assert not list(project.path.glob("data.db*"))


@pytest.mark.row("A192")
def test_client_is_of_the_fixture_app_in_the_process(project: pytest.Pytester):
    project.makepyfile(
        test_a="""
        import os
        import pytest
        from serve import app as served

        @pytest.fixture
        def app():
            return served

        def test_one(client):
            assert client.get("/hello/ana").json() == {"hello": "ana"}
            assert served.kv.get("greetings").fetch() == 1

        def test_two(client, app):
            assert client.get("/greetings").json() == {"n": 1}
        """
    )
    run(project).assert_outcomes(passed=2)


@pytest.mark.row("A191", "A192")
def test_site_launch_and_clock_are_closed_after_the_test(project: pytest.Pytester):
    project.makepyfile(
        test_a="""
        import pytest
        from atilite import Atilite, test_client
        kept = []

        def test_site(site, clock):
            app = Atilite("mine")
            app.schedule(every="1m")(app.action(name="tick")(lambda: 1))
            opened = site(app, clock=clock)
            assert [run.operation for run in opened.advance(120)] == ["tick", "tick"]
            kept.append(opened)

        def test_site_is_closed(site):
            assert not kept[0].database.path.exists()

        def test_launch(launch):
            client = launch("serve.py", devel=True)
            assert client.get("/hello/x").status_code == 200
            kept.append(client)

        def test_launched_has_ended():
            assert kept[1].process.returncode == 0
        """
    )
    run(project).assert_outcomes(passed=4)


def test_without_app_and_serve_py_it_says_what_to_do(project: pytest.Pytester):
    (project.path / "serve.py").unlink()
    project.makepyfile("def test_one(client): pass")
    result = run(project)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no fixture app and no *serve.py (define one of them)*"])


@pytest.mark.row("A193")
def test_slow_tests_wait_for_run_slow_where_the_hooks_are_imported(project: pytest.Pytester):
    project.makepyfile(
        """
        import pytest
        @pytest.mark.slow
        def test_slow(): pass
        def test_quick(): pass
        """
    )
    run(project, "--strict-markers").assert_outcomes(passed=2)

    project.makeconftest("from atilite.pytest_hooks import *")
    run(project).assert_outcomes(passed=1, skipped=1)
    run(project, "--run-slow").assert_outcomes(passed=2)
    run(project, plugin=False).assert_outcomes(passed=1, skipped=1)
    run(project, "--run-slow", plugin=False).assert_outcomes(passed=2)


def test_options_and_fixtures_of_others_stay_theirs(project: pytest.Pytester):
    project.makepyfile(
        other="""
        import pytest
        @pytest.fixture
        def client(): return "other"
        """
    )
    project.makeconftest(
        """
        def pytest_addoption(parser):
            parser.addoption("--docs", action="store", default="mine")
            parser.addoption("--run-slow", action="store_true")
        """
    )
    project.makepyfile(
        test_a="""
        import pytest
        @pytest.mark.slow
        def test_one(client, clock, pytestconfig):
            assert (client, pytestconfig.getoption("docs")) == ("other", "yours")
        """
    )
    run(project, "--docs", "yours", "-p", "other").assert_outcomes(passed=1)
    run(project, "--docs", "yours", "-p", "other", "--run-slow").assert_outcomes(passed=1)


def test_a_test_that_uses_nothing_of_it_loads_nothing(project: pytest.Pytester):
    project.makepyfile(
        """
        import sys
        def test_one(clock):
            assert not {"gevent", "bottle", "peewee", "atilite.app", "http.client"} & set(sys.modules)
        """
    )
    (project.path / "serve.py").unlink()
    run(project).assert_outcomes(passed=1)


def test_test_client_is_no_test(project: pytest.Pytester):
    project.makepyfile("from atilite import test_client\ndef test_one(): assert test_client")
    run(project).assert_outcomes(passed=1)


@pytest.mark.row("A193")
def test_the_manual_s_conftest_works_with_only_the_names_changed(project: pytest.Pytester):
    (project.path / "tests").mkdir()
    (project.path / "tests" / "conftest.py").write_text(
        "from functools import partial\n"
        "import pytest\n"
        "from atilite.pytest_hooks import *\n"
        "import atilite\n\n"
        "@pytest.fixture\n"
        "def launch():\n"
        "    return partial(atilite.test_client, silent=False)\n\n"
        '@pytest.fixture(scope="module")\n'
        "def client():\n"
        '    with atilite.test_client("../serve.py", devel=True) as server:\n'
        "        _client = atilite.test_client(port=server.port)\n"
        "        yield _client\n"
        "        _client.stop()\n"
    )
    (project.path / "tests" / "test_app.py").write_text(
        "def test_app(client):\n"
        "    resp = client.get('/hello/ana')\n"
        "    assert resp.status_code == 200\n\n"
        "def test_launched(launch):\n"
        "    with launch('../serve.py', devel=True) as client:\n"
        "        resp = client.get('/hello/ana')\n"
        "        assert resp.status_code == 200\n"
    )
    project.chdir()
    Path(project.path / "tests").joinpath("pytest.ini").unlink(missing_ok=True)
    run(project, "tests", "--docs").assert_outcomes(passed=2)

    assert "## hello" in (project.path / "docs/api/index.md").read_text()
