"""What pytest loads where atilite is installed: options, and fixtures that load the rest when a test asks for them.

Installing atilite must not change other projects: options that somebody else has, and fixtures that another plugin
has, stay theirs. What changes how tests run comes with `from atilite.pytest_hooks import *` in a conftest.py.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from . import fixtures

DOCS, SLOW = "atilite_docs", "atilite_run_slow"
RECORDER, FIXTURES = "atilite-docs", "atilite-fixtures"


@pytest.hookimpl(trylast=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """After the conftest.py files have been read: what they call their own is theirs."""
    add_options(parser)


def add_options(parser: pytest.Parser) -> None:
    """Offer the options that are not taken."""
    group = parser.getgroup("atilite")
    _offer(parser, group, "--docs", DOCS, "write docs/api/*.md and an OpenAPI document from what the tests asked")
    _offer(parser, group, "--run-slow", SLOW, "run tests that are marked slow, too (with atilite.pytest_hooks)")


def pytest_configure(config: pytest.Config) -> None:
    """Mark the markers; begin to record when documentation is wanted."""
    config.addinivalue_line("markers", "slow: a test that only runs with --run-slow (with atilite.pytest_hooks)")
    manager = config.pluginmanager
    if manager.has_plugin(FIXTURES):
        return
    manager.register(_untaken(manager), FIXTURES)
    if config.getoption(DOCS, False) and not hasattr(config, "workerinput"):
        from .recorder import Recorder

        manager.register(Recorder(config), RECORDER)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(name: str, obj: object) -> list[Any] | None:
    """`from atilite import test_client` brings in no test."""
    mine = name == "test_client" and str(getattr(obj, "__module__", "")).startswith("atilite.")
    return [] if mine else None


def _offer(parser: pytest.Parser, group: pytest.OptionGroup, option: str, dest: str, text: str) -> None:
    if not _known(parser, option):
        group.addoption(option, action="store_true", default=False, dest=dest, help=text)


def _known(parser: pytest.Parser, option: str) -> bool:
    try:
        _, unknown = parser.parse_known_and_unknown_args([option])
    except (pytest.UsageError, SystemExit):  # it wants a value
        return True
    return option not in unknown


def _untaken(manager: pytest.PytestPluginManager) -> ModuleType:
    """Our fixtures but for those whose name another plugin uses. A conftest.py wins anyway, where it holds."""
    offered = ModuleType(f"{__name__}.offered")
    others = [plugin for plugin in manager.get_plugins() if plugin is not fixtures and not _is_conftest(plugin)]
    for name in fixtures.__all__:
        fixture = getattr(fixtures, name)
        if not any(type(getattr(plugin, name, None)) is type(fixture) for plugin in others):
            setattr(offered, name, fixture)
    return offered


def _is_conftest(plugin: object) -> bool:
    return str(getattr(plugin, "__file__", "")).endswith("conftest.py")
