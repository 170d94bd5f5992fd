"""The example, opened as a site in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import services
from atilite.config import Settings
from atilite.mounting import Preference
from atilite.site import Site

ROOT = Path(__file__).parents[2]

Open = Callable[..., Site]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Open the example; the keywords are what atilite.toml has below [config]. Nothing is started."""
    sites: list[Site] = []

    def open_site(**config: Any) -> Site:
        for name in ("templates", "static"):
            (tmp_path / name).symlink_to(ROOT / name)
        site = Site(tmp_path)
        sites.append(site)
        pref = Preference()
        pref.set_static("/static", "static")
        site.mount("/", services, pref)
        return site.open(Settings(devel=True, db=f"sqlite:///{tmp_path}/data.db", config=config))

    yield open_site
    for site in sites:
        site.stop(2.0)
        site.close()
