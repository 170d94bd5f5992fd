"""The container recipe: read as a builder reads it, and its steps done on a small machine, without a network."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from atilite.config import load
from atilite.store.database import path_of
from tests.e2e.machine import PACKAGES, PYTHON, Machine, Unbootable, obstacle

ROOT = Path(__file__).parents[2]
KNOWN = {
    "FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "ENV", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT",
}  # fmt: skip
Step = tuple[str, str]


def steps() -> list[Step]:
    """The instructions with their arguments, one a line."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, argument.strip()) for name, _, argument in (line.partition(" ") for line in lines)]


def only(name: str) -> str:
    (argument,) = [argument for instruction, argument in steps() if instruction == name]
    return argument


def environment() -> dict[str, str]:
    pairs = [word for name, argument in steps() if name == "ENV" for word in shlex.split(argument)]
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.mark.row("B42")
def test_the_recipe_says_only_what_builders_know() -> None:
    assert steps()[0][0] == "FROM"
    assert {name for name, _ in steps()} <= KNOWN
    assert re.fullmatch(r"python:3\.1[1-3]-slim", only("FROM"))
    assert json.loads(only("ENTRYPOINT")) == ["python", "/opt/atilite/serve.py"], "as a list: signals reach Python"
    assert json.loads(only("HEALTHCHECK").partition("CMD ")[2])[0] == "python"


@pytest.mark.row("B42")
def test_its_data_is_in_the_volume_and_the_settings_are_known_ones() -> None:
    settings = load(environ=environment())

    assert settings.db == "sqlite:////data/data.db", "an absolute path: a relative one is lost with the container"
    assert path_of(settings.db).parent == Path(only("VOLUME"))
    assert [argument for name, argument in steps() if name == "WORKDIR"][-1] == only("VOLUME")
    assert str(settings.port) == only("EXPOSE")
    assert f"127.0.0.1:{settings.port}/healthz" in only("HEALTHCHECK")
    assert settings.host == "0.0.0.0", "nobody could connect to the container's own loopback address"
    assert int(only("USER").split(":")[0]) > 1000


@pytest.mark.row("B42")
def test_everything_that_serves_is_copied_and_nothing_else_reaches_the_builder() -> None:
    sources = [shlex.split(argument)[0] for name, argument in steps() if name == "COPY"]
    needed = {"atilite", "services", "templates", "static", "serve.py", "requirements.txt"}
    assert set(sources) == needed
    assert all((ROOT / source).exists() for source in sources)

    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "data.db and keys beside it stay out of images"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == needed
    assert fnmatch.fnmatch("atilite/cli/__pycache__", rules[-1])


class Container(Machine):
    """Does the steps in a machine; what is installed from the network is there already."""

    folder, user, environ = PurePosixPath("/"), "0:0", {"PATH": f"/opt/stub:{PYTHON}/bin:/usr/bin:/bin"}

    def build(self) -> None:
        stub = self.root / "opt/stub"
        stub.mkdir()
        (stub / "pip").write_text('#!/bin/sh\necho "$@" > /opt/stub/asked\n', encoding="ascii")
        (stub / "pip").chmod(0o755)
        (stub / "python").symlink_to(self.python)
        for name, argument in steps():
            getattr(self, f"do_{name.lower()}", lambda argument: None)(argument)

    def inside(self, path: str) -> Path:
        return self.root / str(self.folder / path).lstrip("/")

    def do_workdir(self, argument: str) -> None:
        self.folder = PurePosixPath(argument)
        self.inside("").mkdir(parents=True, exist_ok=True)

    def do_copy(self, argument: str) -> None:
        source, target = shlex.split(argument)
        if (ROOT / source).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, self.inside(target), ignore=ignore, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / source, self.inside(target))

    def do_run(self, argument: str) -> None:
        done = self.run(*self.words("sh", "-c", argument))
        assert done.returncode == 0, done.stderr

    def do_user(self, argument: str) -> None:
        self.user = argument

    def do_env(self, argument: str) -> None:
        pairs = dict(word.split("=", 1) for word in shlex.split(argument))
        self.environ = {**self.environ, **pairs}

    def words(self, *words: str) -> list[str]:
        """A command as the container would run it."""
        user, group = self.user.split(":")
        given = [f"{name}={value}" for name, value in {**self.environ, "PYTHONPATH": str(PACKAGES)}.items()]
        become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        return ["env", "-i", "-C", str(self.folder), *given, *become, *words]

    def serve(self, *words: str) -> list[str]:
        return self.words(*json.loads(only("ENTRYPOINT")), *words)


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    reason = obstacle()
    if reason:
        pytest.skip(reason)
    made = Container(tmp_path_factory.mktemp("container"))
    try:
        made.boot()
        made.build()
        yield made
    except Unbootable as error:
        pytest.skip(f"no machine can be booted in this one: {error}")
    finally:
        made.close()


@pytest.mark.row("B42")
def test_its_steps_make_a_program_that_asks_for_an_account_then_serves_and_keeps_its_data(container: Container) -> None:
    asked = (container.root / "opt/stub/asked").read_text(encoding="ascii")
    assert asked.split() == ["install", "--no-cache-dir", "-r", "requirements.txt"]

    refused = container.run(*container.serve())
    assert refused.returncode == 2
    assert "there is no account (python serve.py user add NAME --role admin)" in refused.stderr

    made = container.run(*container.serve("user", "add", "ana", "--role", "admin"), stdin="correct horse\n")
    assert made.returncode == 0, made.stderr
    token = container.run(*container.serve("token", "add", "robot", "--role", "admin")).stdout.split()[-1]
    for wanted in ("1", "2"):  # the second container has the data of the first
        process = subprocess.Popen(container.command(*container.serve()), stderr=subprocess.PIPE, text=True)
        try:
            until_healthy(container)
            url = "http://127.0.0.1:8080/internal/kv/default/starts/incr?by=1"
            counted = container.run("curl", "-s", "-X", "POST", "-H", f"Authorization: Bearer {token}", url)
            assert counted.stdout == wanted
            memo = container.run(
                "curl", "-s", "-H", f"Authorization: Bearer {token}", "-d", '{"title": "hello"}',
                "-H", "Content-Type: application/json", "http://127.0.0.1:8080/internal/action/Write%20a%20memo",
            )  # fmt: skip
            assert json.loads(memo.stdout)["status"] == "succeeded"
            (pid,) = container.run("pgrep", "-f", "^python /opt/atilite/serve.py$").stdout.split()
            container.run("kill", pid)
            _, log = process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 0, log
        assert "Traceback" not in log
    assert (container.root / "data/inbox/hello-1.txt").exists()
    owners = {path.name: path.lstat().st_uid for path in (container.root / "opt/atilite").iterdir()}
    assert 10001 not in owners.values(), "it writes nothing but the volume"


def until_healthy(container: Container) -> None:
    """Wait until the recipe's own health check says yes."""
    check = container.words(*json.loads(only("HEALTHCHECK").partition("CMD ")[2]))
    end = time.monotonic() + 30
    while (done := container.run(*check)).returncode:
        assert time.monotonic() < end, done.stderr
        time.sleep(0.1)
