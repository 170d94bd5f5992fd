"""docs/beans-running.md is true: its files are written, its commands typed, and its site is served."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from atilite.pod.configuring import BEAN_KEYS, KEYS, read, specs
from atilite.pod.spec import RULES
from tests.docs.test_state_pages import DOCS, blocks
from tests.installed import installed
from tests.running import Running

PAGE = "beans-running.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page."""
    for _, name, text in blocks(PAGE):
        if name:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    programs = [installed(tmp_path).parent, Path(sys.executable).parent]
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, programs), os.environ["PATH"]]))
    return tmp_path


def typed_in(folder: Path, text: str) -> tuple[str, str]:
    """What a terminal shows for the commands of a block, and the block; each … stands for anything."""
    shown = []
    for line in text.splitlines():
        if line.startswith("$ "):
            done = subprocess.run(
                ["sh", "-c", f"exec 2>&1; {line[2:]}"],
                cwd=folder, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            shown.append(f"{line}\n{done.stdout}".rstrip("\n"))
    return "\n".join(shown), ".*".join(re.escape(part) for part in text.split("…"))


@pytest.mark.row("P14", "P15", "P16", "P18", "P19", "P21", "pod-defect-1", "pod-defect-2")
def test_the_commands_of_the_page_about_running_beans_say_what_it_shows(folder: Path) -> None:
    told = [typed_in(folder, text) for language, _, text in blocks(PAGE) if language == "console"]

    for shown, said in told:
        assert re.fullmatch(said, shown), shown
    assert len(told) == 6


@pytest.mark.row("P14", "P17")
def test_the_configuration_file_of_the_page_is_one(folder: Path) -> None:
    config = read(Path("config.py"))
    greeter, water = specs(config)

    assert (config.LOG_LEVEL, config.STOP_WAIT_TIME, config.MQTT) == ("warning", 10.0, "mqtt://127.0.0.1")
    assert (greeter.label, greeter.kwargs) == ("greeter", {"year": 2026})
    assert (water.restart, water.optional, water.kwargs) == ("always", True, {"zone": "south"})


@pytest.mark.row("pod-promise-8")
def test_the_site_of_the_page_has_its_beans_among_the_services(folder: Path) -> None:
    running = Running(folder, (folder / "serve.py").read_text(encoding="utf-8"), "--devel")
    try:
        running.start()
        services = {one["name"]: one for one in running.json("/internal/services/")}
    finally:
        running.close()

    assert {name: one["kind"] for name, one in services.items()} == dict.fromkeys(
        ("valve", "sprinkler", "greeter"), "bean"
    )
    assert services["valve"]["description"] == "Opens when the soil is dry."


def test_the_page_names_every_flag_and_key_of_the_command() -> None:
    text = (DOCS / PAGE).read_text(encoding="utf-8")

    for row in KEYS:
        assert f"`--{row.name.lower().replace('_', '-')}` | `{row.name}`" in text
        assert [choice for choice in row.choices if f"`{choice}`" not in text] == []
    assert BEAN_KEYS.keys() <= RULES.keys()
