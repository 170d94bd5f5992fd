"""The samples of ioflo's slides beside the mission, which tests/flow/test_mission.py plays: statements, and a deed.

The statements are as printed, in frames that the slides do not print; the deed differs in its import alone. `console`
and the server that it closes are the test's, as both belong to other libraries.
"""

from __future__ import annotations

import sys
from textwrap import dedent
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from atilite.cli.flow import behaviors_of
from tests.flow.playing import play

STATEMENTS = """
    house slides
    init myapp.setup with blue 7
    framer create at 0.5 be active first build
      frame setup
      frame build in setup
        set elapsed to 1.0
        set speed to 5
        put name sam eyes blue into .person.detail
        put name sam eyes blue into detail of frame start
        put true into good of framer
        go foobar if elapsed >= goal
      frame start
      frame foobar
        set speed by blue in myapp.setup
        done
        bid stop me
"""

DEED = '''
    from collections import OrderedDict as odict
    from atilite.flow import doify

    @doify('IoserveServerClose', ioinits=odict(valet=""))
    def ioserveServerClose(self, **kwa):
        """
        Close server in valet

        Ioinit attributes:
            valet is a Valet instance

        Context: exit

        Example:
            do ioserve server close at exit
        """
        if self.valet.value:
            self.valet.value.servant.close()

            console.concise("Closed server '{0}' at '{1}'\\n".format(
                self.valet.name,
                self.valet.value.servant.eha))

    @doify('IoserveServerOpen', ioinits=odict(valet=""))
    def ioserveServerOpen(self, **kwa):
        self.valet.value = valet
'''

SERVING = """
    house ioserve
    framer server be active first serving via .ioserve
      frame serving
        do ioserve server open at enter
        do ioserve server close at exit
        repeat 2
      frame stopped
        bid stop me
"""


@pytest.mark.row("I4", "I16", "I17", "I31", "I32")
def test_the_statements_of_the_slides_do_what_they_say() -> None:
    played = play(dedent(STATEMENTS))

    assert played.moves() == [(1.0, "foobar")]
    first, last = played.turns[0].shares, played.turns[-1].shares
    assert first[".person.detail"] == {"name": "sam", "eyes": "blue"}
    assert first[".framer.create.frame.start.detail"] == {"name": "sam", "eyes": "blue"}
    assert first[".framer.create.good"] is True
    assert (first[".goal.speed"], last[".goal.speed"]) == (5, 7)


@pytest.mark.row("I36", "I37")
def test_a_deed_by_the_decorator_of_the_slides_is_done_at_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    servant = SimpleNamespace(close=lambda: told.append("closed"), eha=("127.0.0.1", 8080))
    module = ModuleType("ioserve")
    names: dict[str, Any] = {"console": SimpleNamespace(concise=told.append), "valet": SimpleNamespace(servant=servant)}
    vars(module).update(names)
    exec(dedent(DEED), vars(module))
    monkeypatch.setitem(sys.modules, "ioserve", module)

    play(dedent(SERVING), behaviors_of(["ioserve"]))

    assert told == ["closed", "Closed server 'ioserve.valet' at '('127.0.0.1', 8080)'\n"]
