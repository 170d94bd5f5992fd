"""Settings: one table, four sources, and errors that say what to write instead."""

from __future__ import annotations

import argparse
import dataclasses
import tomllib
from pathlib import Path

import pytest

from atilite.config import SETTINGS, Settings, add_flags, as_flags, given_flags, load, sample_toml
from atilite.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "atilite.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_source_the_table_gives_the_values() -> None:
    settings = load()

    assert settings == Settings()
    assert (settings.host, settings.port, settings.db) == ("127.0.0.1", 5000, "sqlite:///data.db")
    assert settings.loopback


def test_flags_win_over_environment_over_file_over_the_program(tmp_path: Path) -> None:
    toml = written(tmp_path, 'port = 3\nthreads = 3\nname = "file"\nconnections = 3\n')

    environ = {"ATILITE_PORT": "2", "ATILITE_THREADS": "2"}
    settings = load({"port": "1"}, environ, toml, {"port": 9, "log_level": "debug"})

    assert settings.port == 1
    assert settings.threads == 2
    assert settings.connections == 3
    assert settings.name == "file"
    assert settings.log_level == "debug"


def test_a_flag_that_was_not_given_hides_nothing() -> None:
    assert load({"port": None}, {"ATILITE_PORT": "8"}).port == 8


@pytest.mark.row("B38")
def test_the_environment_of_a_binp_program_is_understood() -> None:
    assert load(environ={"DB_URL": "sqlite:////srv/data.db"}).db == "sqlite:////srv/data.db"
    assert load(environ={"DB_URL": "", "DEV": "false"}) == Settings()
    assert load(environ={"DEV": "1"}) == Settings()
    assert load(environ={"DEV": "true"}).origins[1] == "http://localhost:8000"
    assert load(environ={"DEV": "true"}).no_console
    assert not load(environ={"DEV": "true", "ATILITE_NO_CONSOLE": "false"}).no_console
    assert load(environ={"DB_URL": "sqlite:///a.db", "ATILITE_DB": "sqlite:///b.db"}).db == "sqlite:///b.db"


@pytest.mark.parametrize(
    "load_it",
    [
        lambda folder: load(environ={"ATILITE_PROT": "1"}),
        lambda folder: load(toml=written(folder, "prot = 1")),
        lambda folder: load(defaults={"prot": 1}),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_and_the_known(load_it, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_it(tmp_path)

    text = str(caught.value)
    assert "'prot'" in text
    assert "did you mean port?" in text
    assert "allowed_host" in text
    assert "\n" not in text


def test_the_switch_of_the_test_suite_is_not_taken_for_a_setting() -> None:
    assert load(environ={"ATILITE_REQUIRE": "all"}) == Settings()


@pytest.mark.parametrize(
    ("name", "raw", "allowed"),
    [
        ("port", "http", "a whole number from 0 to 65535"),
        ("port", "65536", "from 0 to 65535"),
        ("port", True, "a whole number"),
        ("threads", "0", "from 1 to"),
        ("log_level", "loud", "one of debug, info, warning, error"),
        ("devel", "perhaps", "true or false"),
        ("console_path", "console", "/console"),
        ("console_path", "/internal", "/console"),
        ("console_path", "/healthz", "/console"),
        ("behind_proxy", "proxy.example", "127.0.0.1"),
        ("db", "data.db", "sqlite:///"),
        ("allowed_host", ["a", 1], "text such as board.local"),
        ("name", "../x", "text"),
        ("host", "", "text such as 0.0.0.0"),
    ],
)
def test_a_bad_value_says_which_setting_and_what_is_allowed(name: str, raw: object, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(defaults={name: raw})

    assert name in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("console_path", "/internally"), ("console_path", "/board/console"), ("behind_proxy", "unix"),
        ("behind_proxy", "172.17.0.1"), ("behind_proxy", "::1"), ("behind_proxy", "fe80::1:2"),
    ],
)  # fmt: skip
def test_what_looks_much_like_a_bad_value_is_taken(name: str, raw: str) -> None:
    assert getattr(load(defaults={name: raw}), name) == raw


def test_lists_come_as_repeated_flags_as_commas_and_as_an_array(tmp_path: Path) -> None:
    toml = written(tmp_path, 'allowed_host = ["a.example", "b.example"]')

    assert load(toml=toml).allowed_host == ("a.example", "b.example")
    assert load(environ={"ATILITE_ALLOWED_HOST": "c.example, d.example"}).allowed_host == ("c.example", "d.example")
    assert load({"allowed_host": ["e.example"]}).allowed_host == ("e.example",)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"atilite\.toml.*not valid TOML"):
        load(toml=written(tmp_path, "port = "))


def test_values_of_the_program_stand_below_config(tmp_path: Path) -> None:
    settings = load(toml=written(tmp_path, '[config]\nRATES_URL = "http://127.0.0.1:1/"\n'))

    assert settings.config["RATES_URL"] == "http://127.0.0.1:1/"
    with pytest.raises(TypeError):
        settings.config["other"] = 1  # type: ignore[index]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_every_setting_is_a_flag_and_a_line_of_the_sample() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)

    shown = parser.format_help()
    sample = sample_toml()
    uncommented = "\n".join(line.removeprefix("# ") for line in sample.splitlines() if " = " in line)

    for row in SETTINGS:
        assert row.flag in shown
        assert row.variable == row.flag.replace("--", "ATILITE_").replace("-", "_").upper()
    assert tomllib.loads(sample) == {}
    assert set(tomllib.loads(uncommented)) == {row.name for row in SETTINGS}


def test_the_sample_with_its_comments_taken_away_changes_nothing(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in sample_toml().splitlines() if " = " in line and '= ""' not in line]

    assert load(toml=written(tmp_path, "\n".join(lines))) == Settings()


def test_flags_that_were_used_are_told_apart_from_those_that_were_not() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)

    given = given_flags(parser.parse_args(["--devel", "--allowed-host", "a", "--allowed-host", "b", "--port", "0"]))

    assert given == {"devel": True, "allowed_host": ["a", "b"], "port": "0"}
    assert as_flags(given) == ["--devel", "--port", "0", "--allowed-host", "a", "--allowed-host", "b"]
    assert given_flags(parser.parse_args(as_flags(given))) == given


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_a_loopback_address_is_known_as_one(host: str) -> None:
    assert load({"host": host}).loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "127.example.org", "board.local"])
def test_every_other_address_is_not(host: str) -> None:
    assert not load({"host": host}).loopback
    assert load({"host": host, "unix": "/run/a.sock"}).loopback


def test_the_variable_of_a_secret_is_no_setting() -> None:
    assert load(environ={"ATILITE_SECRET_SMTP_PASSWORD": "x", "ATILITE_SECRET_KEY_FILE": "/x"}) == load()


@pytest.mark.row("P16")
def test_what_tells_a_pod_how_to_run_does_not_keep_a_site_in_a_bean_from_reading_its_settings() -> None:
    environ = {
        "ATILITE_LOG_LEVEL": "critical", "ATILITE_STOP_WAIT_TIME": "5", "ATILITE_LOOP_TYPE": "gevent",
        "ATILITE_DEBUG": "true", "ATILITE_BEANS": "[]", "ATILITE_PORT": "5001",
    }  # fmt: skip

    settings = load(environ=environ)

    assert (settings.log_level, settings.port) == ("critical", 5001)
