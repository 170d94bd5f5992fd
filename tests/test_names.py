"""The names of the package: there without a further import, loaded when they are first used."""

from __future__ import annotations

import subprocess
import sys


def test_plans_and_beans_are_there_with_the_package_and_cost_nothing_before_they_are_used() -> None:
    program = """
import sys
import atilite
assert not {"atilite.flow", "atilite.pod"} & set(sys.modules)
print(atilite.flow.behavior.__name__, atilite.pod.pass_context.__name__)
try:
    atilite.nothing
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["behavior pass_context", "module 'atilite' has no attribute 'nothing'"]
    assert done.stderr == ""
