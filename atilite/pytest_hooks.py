"""The line for a conftest.py: `from atilite.pytest_hooks import *`.

It brings the fixtures, wins over those of other plugins, and leaves tests marked `slow` out without --run-slow. It also
brings what fixtures of one's own are made with, `pytest` and `partial`.
"""

from __future__ import annotations

from functools import partial

import pytest

from .testing.fixtures import atilite_sites, client, clock, launch, site
from .testing.plugin import add_options as pytest_addoption
from .testing.plugin import pytest_configure, pytest_pycollect_makeitem
from .testing.slow import pytest_collection_modifyitems

__all__ = [
    "atilite_sites",
    "client",
    "clock",
    "launch",
    "partial",
    "pytest",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_pycollect_makeitem",
    "site",
]
