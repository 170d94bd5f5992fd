"""Take the README's pictures anew: `python -m tests.e2e.pictures`.

Needs a Chromium; pngquant and optipng, where they are installed, make the pictures small.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.e2e.conftest import chromium, served
from tests.e2e.example import PASSWORD, ROOT

TARGET = ROOT / "docs" / "images"
MOST_BYTES = 120_000
# Name, page, width, height, pixels a point.
PICTURES = (("console", "/", 1280, 800, 1), ("console-phone", "/actions", 390, 780, 2))


def take(page: Any, address: str, path: str, file: Path) -> None:
    """Open a page of the console and save what a screen shows of it."""
    page.goto(f"{address}/console{path}")
    page.screenshot(path=str(file))


def shrink(file: Path) -> None:
    """Make a picture smaller with the programs that are installed."""
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--skip-if-larger", "--output", file, "128", file], check=False)
    if shutil.which("optipng"):
        subprocess.run(["optipng", "-quiet", "-o5", "-strip", "all", file], check=True)


def main() -> int:
    """Write the pictures; 1 if one is too large to be in a README."""
    from playwright.sync_api import sync_playwright

    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), program="example.py") as address:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
            for name, path, width, height, scale in PICTURES:
                context = browser.new_context(
                    java_script_enabled=False, viewport={"width": width, "height": height}, device_scale_factor=scale,
                    is_mobile=scale > 1, has_touch=scale > 1, color_scheme="light",
                )  # fmt: skip
                page = context.new_page()
                page.goto(f"{address}/console/login")
                page.get_by_label("Name").fill("admin")
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_role("button", name="Sign in").click()
                take(page, address, path, TARGET / f"{name}.png")
                context.close()
            browser.close()
    sizes = {}
    for name, *_ in PICTURES:
        shrink(TARGET / f"{name}.png")
        sizes[name] = (TARGET / f"{name}.png").stat().st_size
        print(f"docs/images/{name}.png: {sizes[name]} bytes")
    return int(max(sizes.values()) > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
