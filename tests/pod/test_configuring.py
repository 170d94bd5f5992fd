"""Where a pod's configuration comes from, what it may say, and how a mistake in it is told."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from atilite.errors import ConfigError
from atilite.pod.configuring import Config, bean_of, merged, read, specs


def written(folder: Path, text: str, name: str = "config.py") -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def refusal(*args: Any, **keys: Any) -> str:
    """What `read` says, which is always one line."""
    with pytest.raises(ConfigError) as raised:
        specs(read(*args, **keys))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.row("P14")
def test_a_config_file_is_executed_and_its_names_in_capitals_are_kept(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        import json
        from pathlib import Path as HOME

        RATES = {day: day * 2 for day in range(3)}
        MQTT_2 = json.dumps([HOME(__file__).name])
        lower = 1
        Mixed = 2
        _HIDDEN = 3
        """,
    )

    config = read(file)

    assert config.RATES == {0: 0, 1: 2, 2: 4}
    assert config.MQTT_2 == '["config.py"]'
    for name in ("lower", "Mixed", "_HIDDEN", "json"):
        assert not hasattr(config, name)
    with pytest.raises(AttributeError, match=r"the configuration has no RATE; there are BEANS, DEBUG, .*RATES"):
        _ = config.RATE


@pytest.mark.row("P15")
def test_the_reserved_keys_have_defaults(tmp_path: Path) -> None:
    config = read()

    assert (config.LOG_LEVEL, config.LOOP_TYPE, config.DEBUG, config.STOP_WAIT_TIME, config.BEANS) == (
        "info", "auto", False, 20.0, (),
    )  # fmt: skip
    assert Config({}).STOP_WAIT_TIME == 20.0


@pytest.mark.row("P15", "P12")
def test_the_reserved_keys_are_read_from_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "LOG_LEVEL = 'DEBUG'\nLOOP_TYPE = 'gevent'\nDEBUG = True\nSTOP_WAIT_TIME = 0\n")

    config = read(file)

    assert (config.LOG_LEVEL, config.LOOP_TYPE, config.DEBUG, config.STOP_WAIT_TIME) == ("debug", "gevent", True, 0.0)


@pytest.mark.row("P12", "P15")
def test_no_stop_wait_time_is_the_default_and_not_for_ever(tmp_path: Path) -> None:
    assert read(written(tmp_path, "STOP_WAIT_TIME = None\n")).STOP_WAIT_TIME == 20.0


@pytest.mark.row("P15")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("LOG_LEVEL = 'loud'", "LOG_LEVEL cannot be 'loud' (it is one of critical, error, warning, info, debug)"),
        ("LOG_LEVEL = 3", "LOG_LEVEL cannot be 3 (it is one of critical, error, warning, info, debug)"),
        ("LOOP_TYPE = 'trio'", "LOOP_TYPE cannot be 'trio' (it is one of auto, gevent, asyncio, uvloop)"),
        ("DEBUG = 'perhaps'", "DEBUG cannot be 'perhaps' (it is true or false)"),
        ("STOP_WAIT_TIME = -1", "STOP_WAIT_TIME cannot be -1 (it is a number, at least 0)"),
        ("STOP_WAIT_TIME = 'soon'", "STOP_WAIT_TIME cannot be 'soon' (it is a number, at least 0)"),
        ("STOP_WAIT_TIME = float('nan')", "STOP_WAIT_TIME cannot be nan (it is a number, at least 0)"),
        ("STOP_WAIT_TIME = float('inf')", "STOP_WAIT_TIME cannot be inf (it is a number, at least 0)"),
        ("BEANS = 'a.b'", "BEANS cannot be 'a.b' (it is a list of tables, each with a core)"),
        ("BEANS = ['a.b']", "BEANS, number 1, cannot be 'a.b' (it is a table with a core)"),
        ("BEANS = [{'label': 'x'}]", "BEANS, number 1, has no core (name what to run: 'module.function')"),
    ],
)
def test_a_value_that_is_not_allowed_is_told_in_one_line_with_file_key_and_what_is(
    line: str, said: str, tmp_path: Path
) -> None:
    file = written(tmp_path, line + "\n")

    assert refusal(file) == f"{file}: {said}"


@pytest.mark.row("P15")
@pytest.mark.parametrize("line", ["'processes': 0", "'restart': 'perhaps'", "'stop_timeout': 'long'", "'needs': 3"])
def test_a_bean_key_that_is_not_allowed_names_the_bean(line: str, tmp_path: Path) -> None:
    file = written(tmp_path, f"BEANS = [{{'core': 'a.b'}}, {{'core': 'c.d', {line}}}]\n")

    said = refusal(file)

    assert said.startswith("BEANS, number 2 (c.d): ")
    assert line.split("'")[1] in said


@pytest.mark.row("P16")
def test_flags_win_over_the_file_and_the_file_over_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, "LOG_LEVEL = 'error'\nSTOP_WAIT_TIME = 5\n")
    environ = {"ATILITE_LOG_LEVEL": "debug", "ATILITE_STOP_WAIT_TIME": "7", "ATILITE_DEBUG": "true"}

    config = read(file, flags={"LOG_LEVEL": "critical", "STOP_WAIT_TIME": None}, environ=environ)

    assert (config.LOG_LEVEL, config.STOP_WAIT_TIME, config.DEBUG) == ("critical", 5.0, True)
    assert read(environ=environ).STOP_WAIT_TIME == 7.0


@pytest.mark.row("P16")
def test_the_environment_may_name_beans_and_is_checked_like_a_file() -> None:
    config = read(environ={"ATILITE_BEANS": '[{"core": "a.b", "port": 1}]', "ATILITE_LOOP_TYPE": ""})

    assert config.BEANS == ({"core": "a.b", "port": 1},)
    assert config.LOOP_TYPE == "auto"
    assert refusal(environ={"ATILITE_BEANS": "a.b"}).startswith("environment: ATILITE_BEANS is no JSON: ")
    assert refusal(environ={"ATILITE_STOP_WAIT_TIME": "x"}) == (
        "environment: STOP_WAIT_TIME cannot be 'x' (it is a number, at least 0)"
    )


@pytest.mark.row("P14")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A = 1\nB = A / 0\n", ":2: ZeroDivisionError: division by zero (correct it)"),
        ("A = 1\n\nB = (\n", ":3: '(' was never closed (correct it)"),
        ("import nowhere_to_be_found\n", ":1: ModuleNotFoundError: No module named 'nowhere_to_be_found' (correct it)"),
        ("raise SystemExit('enough')\n", ":1: SystemExit: enough (correct it)"),
        ("def f():\n    return 1 + 'x'\n\nA = f()\n", ":2: TypeError: unsupported operand"),
    ],
)
def test_a_config_file_that_fails_is_told_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)

    assert refusal(file).startswith(f"{file}{said}")


@pytest.mark.row("P14")
def test_a_config_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "none.py"

    assert refusal(missing) == (
        f"{missing}: cannot be read: No such file or directory (give the path of a file of Python)"
    )


@pytest.mark.row("P17", "pod-defect-8")
def test_a_bean_may_have_a_file_of_its_own_whose_names_win_and_the_others_stay(tmp_path: Path) -> None:
    own = written(tmp_path, "import os\nport = 9\nHOST = 'b'\n_secret = 1\n", "own.py")
    file = written(
        tmp_path,
        f"""
        BEANS = [
            {{"core": "a.first", "port": 1, "depth": 2, "config_file": {str(own)!r}}},
            {{"core": "a.second", "port": 3}},
        ]
        """,
    )

    first, second = specs(read(file))

    assert (first.core, dict(first.kwargs)) == ("a.first", {"port": 9, "depth": 2, "HOST": "b"})
    assert (second.core, dict(second.kwargs)) == ("a.second", {"port": 3})


@pytest.mark.row("P17")
def test_a_file_of_a_bean_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    own = written(tmp_path, "port = 9\nhost = nobody\n", "own.py")
    file = written(tmp_path, f"BEANS = [{{'core': 'a.first', 'config_file': {str(own)!r}}}]\n")

    assert refusal(file) == f"{own}:2: NameError: name 'nobody' is not defined (correct it)"
    with pytest.raises(ConfigError, match="config_file cannot be 3"):
        merged({"core": "a.b", "config_file": 3})


@pytest.mark.row("P19")
@pytest.mark.parametrize(
    ("text", "bean"),
    [
        ("a.b", {"core": "a.b"}),
        ("a.b:", {"core": "a.b"}),
        ("a.b:hi=Ozzy", {"core": "a.b", "hi": "Ozzy"}),
        ("a.b:k1=1,k2=v2,", {"core": "a.b", "k1": "1", "k2": "v2"}),
        (r"a.b:k=1\,2,m=x\=y", {"core": "a.b", "k": "1,2", "m": "x=y"}),
        (r"a.b:a\=b=c", {"core": "a.b", "a=b": "c"}),
        ("a.b:url=http://h:1/?q=2", {"core": "a.b", "url": "http://h:1/?q=2"}),
        (r"a.b:path=C:\temp", {"core": "a.b", "path": r"C:\temp"}),
        ("a.b:empty=", {"core": "a.b", "empty": ""}),
        ("a.b:label=x,core=c.d", {"core": "a.b", "label": "x"}),
        (
            r"a.b:restart=on_failure,max_restarts=5,restart_delay=0.5,optional=yes,critical=no,needs=x\,y,processes=2",
            {
                "core": "a.b", "restart": "on_failure", "max_restarts": 5, "restart_delay": 0.5, "optional": True,
                "critical": False, "needs": ("x", "y"), "processes": 2,
            },
        ),
        ("a.b:restart=true", {"core": "a.b", "restart": True}),
    ],
)  # fmt: skip
def test_a_bean_of_the_command_line_is_read_with_its_escapes(text: str, bean: dict[str, Any]) -> None:
    assert bean_of(text) == bean


@pytest.mark.row("P19")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.b:hi", "bean a.b: 'hi' is not key=value (a comma in a value is \\,)"),
        ("a.b:=1", "bean a.b: '=1' is not key=value (a comma in a value is \\,)"),
        (":a=1", "':a=1' names no bean (write module.function:key=value,key=value)"),
        ("a.b:processes=two", "bean a.b: processes cannot be 'two' (it is a whole number)"),
        ("a.b:optional=maybe", "bean a.b: optional cannot be 'maybe' (it is true or false)"),
        ("a.b:within=long", "bean a.b: within cannot be 'long' (it is a number of seconds)"),
    ],
)
def test_a_bean_of_the_command_line_that_cannot_be_read_is_told(text: str, said: str) -> None:
    assert refusal(beans=[text]) == f"command line: {said}"


@pytest.mark.row("P19")
def test_beans_of_the_command_line_come_behind_those_of_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "BEANS = [{'core': 'a.first', 'label': 'one'}]\n")

    config = read(file, beans=["a.second:label=two,x=1", "a.third"])

    assert [(spec.core, spec.label, dict(spec.kwargs)) for spec in specs(config)] == [
        ("a.first", "one", {}), ("a.second", "two", {"x": "1"}), ("a.third", None, {}),
    ]  # fmt: skip


@pytest.mark.row("P21")
def test_the_whole_configuration_can_be_shown_as_json(tmp_path: Path) -> None:
    file = written(tmp_path, "from pathlib import Path\nHOMES = {Path('/x')}\nBEANS = [{'core': 'a.b'}]\n")

    shown = json.loads(read(file).as_json())

    assert shown == {
        "LOG_LEVEL": "info", "LOOP_TYPE": "auto", "DEBUG": False, "STOP_WAIT_TIME": 20.0,
        "BEANS": [{"core": "a.b"}], "HOMES": [repr(Path("/x"))],
    }  # fmt: skip


@pytest.mark.row("P15")
def test_the_faults_of_a_bean_stand_apart_in_the_one_line_that_tells_them() -> None:
    config = Config({"BEANS": ({"core": "garden.hello", "processes": 0, "within": "long"},)})

    with pytest.raises(ConfigError) as refused:
        specs(config)

    assert str(refused.value) == (
        "BEANS, number 1 (garden.hello): processes cannot be 0 (it is a number of processes, 1 or more); "
        "within cannot be 'long' (it is a number of seconds above 0)"
    )
