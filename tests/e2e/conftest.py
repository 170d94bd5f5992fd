"""A served greenhouse and a browser to look at it with."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.require import require

ROOT = Path(__file__).parents[2]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
SERVED = re.compile(r"served at (http://\S+)")
START_SECONDS, STOP_SECONDS = 20.0, 10.0


@contextmanager
def served(folder: Path, *flags: str, program: str = "greenhouse.py") -> Iterator[str]:
    """Serve the greenhouse, or another program of this folder, with its data in `folder`; gives the address."""
    command = [sys.executable, str(ROOT / "tests/e2e" / program), str(folder), *flags]
    process = subprocess.Popen(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "TZ": "Europe/Berlin"},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    address: list[str] = []
    told, log = threading.Event(), []

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            log.append(line)
            found = SERVED.search(line)
            if found:
                address.append(found[1])
                told.set()
        told.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert told.wait(START_SECONDS), f"{program} did not start in time"
        assert address, "".join(log)
        yield address[0]
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            reader.join(STOP_SECONDS)


@pytest.fixture(scope="module")
def greenhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a greenhouse that asks nobody to sign in."""
    with served(tmp_path_factory.mktemp("greenhouse"), "--devel") as address:
        yield address


def chromium() -> str | None:
    """The path of the browser, None without one."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window.

    For one module only: playwright keeps an asyncio loop in the main thread for as long, where other tests wait.
    """
    require(importlib.util.find_spec("playwright"), "playwright is not installed")
    from playwright.sync_api import sync_playwright

    program = chromium()
    require(program, "chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def look(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page without scripts: `look(url, width=390)`; more options are those of the browser's context."""
    contexts = []

    def open_page(url: str, width: int = 390, **options: Any) -> Any:
        wait_until = options.pop("wait_until", "commit")
        given = {"java_script_enabled": False, "viewport": {"width": width, "height": 844}, **options}
        context = browser.new_context(**given)
        contexts.append(context)
        page = context.new_page()
        page.goto(url, wait_until=wait_until)
        return page

    yield open_page
    for context in contexts:
        context.close()
