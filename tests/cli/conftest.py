"""Commands under test: in this process, with a folder of their own and without the developer's environment."""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.app import Atilite
from atilite.cli.call import Call, Program
from atilite.cli.main import main
from atilite.config import load
from atilite.site import Site

Make = Callable[..., Call]


@pytest.fixture
def call(tmp_path: Path) -> Make:
    """Make a Call: `call(options={"json": True}, port="0")`; settings are given as flags."""

    def make(options: dict[str, Any] | None = None, site: Site | None = None, **flags: Any) -> Call:
        script = tmp_path / "serve.py"
        given = {"db": f"sqlite:///{tmp_path}/data.db", **flags}
        defaults = {"json": False, "only_print": False, "user": "", "device": []}
        namespace = argparse.Namespace(**{**defaults, **(options or {})})
        return Call(Program(tmp_path, script), site or Site(tmp_path), load(given), namespace, given)

    return make


class Shell:
    """Types commands for a program whose serve.py mounts one app; `out` and `err` are what the last one printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._capsys, self._monkeypatch = folder, capsys, monkeypatch
        self.declare: Callable[[Atilite], object] = lambda app: None
        self.defaults: dict[str, object] = {}
        self.out = self.err = ""

    def __call__(self, *words: str, stdin: str | io.StringIO = "") -> int:
        """Run one command as `python serve.py WORDS` would; returns the exit code."""
        app = Atilite("garden")
        self.declare(app)
        site = Site(self.folder)
        site.mount("/", app)
        self._monkeypatch.setattr("sys.argv", [str(self.folder / "serve.py"), *words])
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin) if isinstance(stdin, str) else stdin)
        self._monkeypatch.chdir(self.folder)
        try:
            code = main(site=site, defaults=self.defaults)
        except SystemExit as ended:
            code = int(ended.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path, capsys, monkeypatch)
