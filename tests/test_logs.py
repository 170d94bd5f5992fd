"""What the log tells of errors, and that it can be told."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from datetime import datetime
from pathlib import Path

import pytest

from atilite.logs import raised_by_user
from atilite.pod import Pod


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("import json\njson.nothing\n", 'File "{}", line 2, in <module>\n'),
        ("import nothing_here\n", 'File "{}", line 1, in <module>\n'),
        ("x = 1\ndef f(:\n", 'File "{}", line 2\n'),
        ("class Bean:\n    def __init__(self, context):\n        raise ValueError(3)\n"
         "    async def __call__(self): ...\n", 'File "{}", line 3, in __init__\n'),
    ],
)  # fmt: skip
def test_what_a_users_module_raises_is_shown_from_its_own_lines_on(
    code: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plot_of_beans.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "plot_of_beans", raising=False)

    raised = raised_by_user(refusal("plot_of_beans.Bean"))

    assert raised is not None
    told = "".join(traceback.format_exception(raised))
    first = next(line for line in told.splitlines(keepends=True) if line.lstrip().startswith("File "))
    assert first.lstrip() == shown.format(tmp_path / "plot_of_beans.py")


@pytest.mark.parametrize("core", ["json.dumpz", "no_such_module.f", "json", "json.decoder.NaN", "json.JSONDecodeError"])
def test_what_atilite_itself_refuses_has_no_traceback(core: str) -> None:
    assert raised_by_user(refusal(core)) is None


SERVED = """
import logging, sys
from atilite.logs import configure

configure("info", "text")
for stream in (sys.stdout, sys.stderr, sys.__stderr__):
    stream.close()
print("still told")
logging.getLogger("atilite").error("the log, too")
"""


def test_what_runs_in_a_process_closes_neither_its_output_nor_its_log() -> None:
    ended = subprocess.run([sys.executable, "-c", SERVED], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, "still told\n")
    assert ended.stderr.endswith("ERROR atilite: the log, too\n")


def test_the_log_can_be_an_object_of_json_a_line() -> None:
    program = (
        "import logging\nfrom atilite.logs import configure\nconfigure('info', 'json')\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.getLogger('atilite.pump').exception('it is\\ndry')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    (told,) = map(json.loads, ended.stderr.splitlines())
    assert (told["level"], told["logger"], told["message"]) == ("error", "atilite.pump", "it is\ndry")
    assert told["traceback"].endswith("ZeroDivisionError: division by zero")
    assert datetime.fromisoformat(told["time"]).tzinfo is not None


def refusal(core: str) -> Exception:
    """Why a pod does not take a bean."""
    pod = Pod()
    try:
        pod.add_bean(core)
    except Exception as error:
        return error
    finally:
        pod.stop()
    raise AssertionError(f"{core} was taken")
