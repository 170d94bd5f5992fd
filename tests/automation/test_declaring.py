"""What is declared about actions, and actions that are made from a list."""

from __future__ import annotations

import pytest

from atilite.automation.engine import Automation
from atilite.errors import DuplicateName, ParameterError, SetupError

PATIENCE = 20.0


def test_each_item_of_a_list_is_an_action_of_its_own(automation: Automation) -> None:
    @automation.action(name="Restart {host}", each=["web", "db"], label="{host}", confirm="Restart {host} now?")
    def restart(host: str, hard: bool = False):
        """Restart the machine {host}."""
        return host, hard

    web, db = automation.action.actions
    assert (web.name, web.description, web.confirm, web.labels) == (
        "Restart web", "Restart the machine web.", "Restart web now?", ("web",),
    )  # fmt: skip
    assert [field.name for field in db.fields] == ["hard"]
    assert automation.action.invoke("Restart db", hard="true").fetch(PATIENCE) == ("db", True)
    with pytest.raises(ParameterError):
        automation.action.invoke("Restart db", host="web")
    assert restart("x") == ("x", False)
    with pytest.raises(SetupError, match=r"several actions \(Restart web, Restart db\)"):
        automation.action.of(restart)


def test_names_may_stand_for_other_values_and_every_kind_of_function_works(automation: Automation) -> None:
    @automation.action(each={"north": 1, "south": 2})
    async def water(was, valve: int, seconds: int = 5):
        return valve * seconds

    names = automation.action.names
    assert [name.rpartition(".")[2] for name in names] == ["water north", "water south"]
    assert automation.action.invoke(names[1], seconds=3).fetch(PATIENCE) == 6
    assert automation.action.get(names[0]).kind == "async"


@pytest.mark.parametrize("name", ["Restart", "Restart {machine}", "{host} {port}"])
def test_the_name_has_to_say_which_parameter_an_item_is(automation: Automation, name: str) -> None:
    with pytest.raises(SetupError, match="says one parameter in braces"):

        @automation.action(name=name, each=["web"])
        def restart(host: str, port: int = 1): ...


def test_an_item_that_comes_twice_is_refused(automation: Automation) -> None:
    with pytest.raises(DuplicateName):
        automation.action(name="{text}", each=["a", "a"])(_echo)


def _echo(text: str) -> str:
    return text


def test_an_action_knows_whether_it_can_be_tried_dry(automation: Automation) -> None:
    @automation.action(name="real")
    def real(dry_run: bool = False): ...

    @automation.action(name="other")
    def other(dry_run: str = ""): ...

    assert automation.action.get("real").dry
    assert not automation.action.get("other").dry
