"""Commands under test: in this process, with a folder of their own and without the developer's environment."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atilite.cli.call import Call, Program
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
