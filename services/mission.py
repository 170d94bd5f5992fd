"""A mission: a vehicle that is simulated, four controllers that steer it, and a plan that says where to.

Its framers are on the console's page Flow. The action starts it again when it is over, after 80 seconds; whatever else
the board does may change the speed while it is on its way.
"""

from typing import Any

from atilite import Atilite


def __setup__(app: Atilite, mntopt: dict[str, Any]) -> None:
    # One turn each eighth of a second, beside the services; the speed may be set on the console.
    app.mount_plan("mission.flo", writable=[".goal.speed"])


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    @app.action(name="How deep")
    def how_deep(was: Any) -> dict[str, float]:
        """Read where the vehicle is: shares are read as the last full turn has left them"""
        return {name: round(was.store[f".state.{name}"], 2) for name in ("depth", "heading", "speed")}
