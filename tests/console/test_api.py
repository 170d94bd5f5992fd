"""The console's page of routes: those of the program before those of the platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atilite.app import Atilite
from atilite.config import Settings
from atilite.site import Site
from atilite.testing.client import Client


def page(folder: Path, app: Atilite) -> dict[str, Any]:
    site = Site(folder)
    site.mount("/garden", app)
    site.open(Settings(db=f"sqlite:///{folder}/data.db", devel=True))
    try:
        found: dict[str, Any] = Client(site).get("/console/api.json").json()
        return found
    finally:
        site.close()


def test_the_routes_of_the_program_come_first(tmp_path: Path) -> None:
    app = Atilite("garden")

    @app.get("/beds/<int:id>", role="run")
    def bed(was: Any, id: int) -> str:
        """Look at a bed."""
        return ""

    first, *others = page(tmp_path, app)["groups"]

    assert first["name"] == "Yours"
    assert [(one["method"], one["path"], one["does"], one["role"]) for one in first["routes"]] == [
        ("GET", "/garden/beds/{id}", "Look at a bed.", "run")
    ]
    assert others[0]["name"] == "Actions"


def test_a_program_without_routes_has_only_those_of_the_platform(tmp_path: Path) -> None:
    assert page(tmp_path, Atilite("empty"))["groups"][0]["name"] == "Actions"
