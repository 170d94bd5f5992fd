"""A page looked at in every width and scheme without loading it again, and what axe finds on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.require import require

WIDTHS = (320, 390, 768, 1280)
SCHEMES = ("light", "dark")


def looks(page: Any, widths: tuple[int, ...] = WIDTHS) -> Iterator[tuple[int, str]]:
    """Show the page in each width and scheme, and say which."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 844})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            yield width, scheme


def overflow(page: Any) -> int:
    """How many pixels it can be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def lasting_overflow(page: Any, times: int) -> int:
    """The same, where it stays for so many looks: a piece of a live page may be there in part."""
    return min(overflow(page) for _ in range(times))


def faults(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds on the page as it is shown: the rule, and the first places."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        require(False, "axe-playwright-python is not installed (pip install -r requirements-dev.txt)")
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then(told => told.violations)")
    return [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
