from __future__ import annotations

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from atilite.testing.recorder import page_name

pytest_plugins = ["pytester"]

PROGRAM = '''
import atilite

app = atilite.Atilite(__name__)

@app.get("/tickers/<int:code>")
def tickers(was, code, limit: int = 3):
    """What a share costs."""
    if code == 9:
        raise was.Error("410 Gone", "sold")
    return {"instock": code}

@app.get("/list")
def listed(was):
    """Everything."""
    return [1, 2]

@app.post("/orders", role="run")
def order(was, share: str, amount: int, password: atilite.Secret = None):
    """Buy."""
    return {"share": share}

@app.get("/untested")
def untested(was):
    return {}

if __name__ == "__main__":
    atilite.mount("/", app)
    atilite.run(port=5000, name="shares")
'''

TESTS = """
def test_tickers(client):
    assert client.get("/tickers/7?limit=1").json() == {"instock": 7}
    assert client.get("/tickers/9").status_code == 410
    assert client.get("/list").json() == [1, 2]
    assert client.get("/nothing/here").status_code == 404
    sent = {"share": "X", "amount": 2, "password": "s3cret"}
    assert client.axios.post("/orders", sent).json() == {"share": "X"}
"""

APP = """
import pytest
from serve import app

@pytest.fixture(scope="module")
def client():
    with app.test_client() as site:
        yield site.client("run")
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makefile(".py", serve=PROGRAM)
    pytester.mkdir("tests")
    pytester.makefile(".ini", pytest="[pytest]\n")
    (pytester.path / "tests" / "test_shares.py").write_text(TESTS)
    return pytester


def run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "atilite.testing.plugin", "-p", "no:cacheprovider", *words, timeout=60)


@pytest.mark.row("A193")
@pytest.mark.parametrize("kind", ["a --devel server", "a site in the process"])
def test_docs_are_written_when_all_tests_have_passed(project: pytest.Pytester, kind: str):
    if kind == "a site in the process":
        (project.path / "tests" / "conftest.py").write_text(APP)
    result = run(project, "--docs")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["docs: wrote docs/api/index.md, docs/api/openapi.json"])
    text = (project.path / "docs/api/index.md").read_text()
    for part in (
        "## Table of Content", "What a share costs.", "Everything.", "**URL Parameters**: `code`", "`limit`",
        "**Authorization Required**: YES", "**Authorization Required**: NO", "#### `GET` `/tickers/", '"instock": 7',
        "`410 Gone`", "**Error Response Example**", '"password": "***"', "#### `POST` `/orders`",
    ):  # fmt: skip
        assert part in text, part
    assert "untested" not in text
    assert "s3cret" not in text

    found = json.loads((project.path / "docs/api/openapi.json").read_text())
    validate(found)
    tickers = found["paths"]["/tickers/{code}"]["get"]["responses"]
    assert tickers["200"]["content"]["application/json"]["example"] == {"instock": 7}
    assert "410" in tickers
    assert "/untested" in found["paths"]
    assert "s3cret" not in str(found)


@pytest.mark.row("A193")
def test_nothing_is_written_when_a_test_fails(project: pytest.Pytester):
    (project.path / "tests" / "test_bad.py").write_text("def test_bad(): assert False")
    result = run(project, "--docs")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["docs: wrote nothing: not all tests have passed"])
    assert not (project.path / "docs").exists()


@pytest.mark.row("A193")
def test_a_chosen_folder_has_a_page_of_its_name(project: pytest.Pytester):
    (project.path / "tests" / "account").mkdir()
    (project.path / "tests" / "account" / "test_list.py").write_text(
        "def test_list(client): assert client.get('/list').status_code == 200"
    )
    result = run(project, "tests/account", "--docs")

    result.stdout.fnmatch_lines(["docs: wrote docs/api/account.md, docs/api/openapi.json"])
    text = (project.path / "docs/api/account.md").read_text()
    assert ("Everything." in text, "tickers" in text) == (True, False)


def test_without_docs_nothing_is_written(project: pytest.Pytester):
    run(project).assert_outcomes(passed=1)

    assert not (project.path / "docs").exists()


def test_tests_that_ask_nothing_are_told_so(project: pytest.Pytester):
    (project.path / "tests" / "test_shares.py").write_text("def test_one(): pass")

    result = run(project, "--docs")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["docs: wrote nothing: no test asked a route*"])
    assert not (project.path / "docs").exists()


@pytest.mark.row("A193")
def test_an_app_without_a_site_is_documented_too(project: pytest.Pytester):
    (project.path / "tests" / "test_shares.py").write_text(
        "from serve import app\n"
        "from atilite.testing.client import Client\n"
        "def test_one(): assert Client(app).get('/tickers/7').status_code == 200\n"
    )
    run(project, "--docs").assert_outcomes(passed=1)

    assert "What a share costs." in (project.path / "docs/api/index.md").read_text()
    validate(json.loads((project.path / "docs/api/openapi.json").read_text()))


def test_a_server_that_is_not_for_developers_tells_nothing(project: pytest.Pytester):
    (project.path / "tests" / "test_shares.py").write_text(
        "def test_one(launch): assert launch('../serve.py').get('/tickers/7').json() == {'instock': 7}"
    )

    result = run(project, "--docs")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["docs: wrote nothing: no test asked a route*--devel*"])
    assert not (project.path / "docs").exists()


def test_pages_are_named_by_the_chosen_folders(tmp_path: Path):
    tests = tmp_path / "tests"
    for name in ("account", "account/deep"):
        (tests / name).mkdir(parents=True)
    test = tests / "account" / "deep" / "test_a.py"
    whole = ("tests", "test")

    assert page_name(test, [], whole) == "index"
    assert page_name(test, [tmp_path], whole) == "index"
    assert page_name(test, [tests], whole) == "index"
    assert page_name(test, [tests / "account"], whole) == "account"
    assert page_name(test, [tests / "account" / "deep", tests], whole) == "deep"
    assert page_name(tests / "test_b.py", [tests / "account"], whole) == "index"
    assert page_name(test, [test], whole) == "index"
