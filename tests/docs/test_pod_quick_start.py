"""The samples of os-aio-pod's manual in "Quick start", "Custom coroutine", "Context" and "Configure", as printed.

Only the import of `pass_context` differs, and the name of the command. The samples of one chapter are one module, since
the later ones leave out what the first one imports.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.installed import installed

EXAMPLE = """\
# example.py
import asyncio

async def helloworld(**kwargs):
    await asyncio.sleep(1)
    print("hello world!", kwargs)
"""

COROUTINES = """\
import asyncio

async def hello_world(**kwargs):
    print('hello world!')
    await asyncio.sleep(1)

hello = hello_world()
"""

A_CLASS = """\
class HelloWorld(object):

    def __init__(self, context):
        self.context = context
        
    async def __call__(self, **kwargs):
        print('hello world!')
        await asyncio.sleep(1)
"""  # noqa: W293

CONTEXT = """\
from atilite.pod import pass_context

@pass_context
async def hello_world(context, **kwargs):
    print(context, kwargs)
"""

CONFIG = """\
BEANS = [
    {
        'core' : 'hello_world.HelloWorld',
        'label': 'first-bean',
        'key1' : 'value1',
    }
]

LOG_LEVEL      = 'debug'
LOOP_TYPE      = 'asyncio'
DEBUG          = False
STOP_WAIT_TIME = 10
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "example.py": EXAMPLE, "hello_world.py": f"{COROUTINES}\n{A_CLASS}", "context.py": CONTEXT, "config.py": CONFIG,
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.row("P3", "P4", "P5", "P8", "P9", "P13", "P14", "P18", "P19")
@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ('run example.helloworld:hi="Ozzy"', ["hello world! {'hi': 'Ozzy'}"]),
        ("run hello_world.hello", ["hello world!"]),
        ("run hello_world.hello_world", ["hello world!"]),
        ("run context.hello_world:k=v", ["<Context of bean 1 (context.hello_world)> {'k': 'v'}"]),
        ("run -c config.py", ["hello world!"]),
        (
            "run example.helloworld:k1=v1,k2=v2 example.helloworld:k3=v3,k4=v4",
            ["hello world! {'k1': 'v1', 'k2': 'v2'}", "hello world! {'k3': 'v3', 'k4': 'v4'}"],
        ),
    ],
)
def test_the_quick_start_of_the_manual_runs_as_printed(typed: str, lines: list[str], folder: Path) -> None:
    done = subprocess.run(
        [installed(folder), "pod", *shlex.split(typed)],
        cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, lines), done.stderr
