"""The frame of every page: the bar, the places to go, the person, the message of the last POST, the foot. Pure."""

from __future__ import annotations

from atilite.console import words
from atilite.console.flash import Flash
from atilite.console.words import Moment
from atilite.quickly import dataclass

PLACES = (
    ("Overview", "/", "M2 11h4l2-6 4 10 2-4h4"),
    ("Actions", "/actions", "M6 4l10 6-10 6z"),
    ("Runs", "/runs", "M3 5h14M3 10h14M3 15h9"),
    ("Services", "/services", "M3 4h14v5H3zM3 11h14v5H3zM6 6.5h.01M6 13.5h.01"),
    ("Schedules", "/schedules", "M10 5.5V10l3 2M10 2.5a7.5 7.5 0 1 0 .01 0z"),
    (
        "KV",
        "/kv",
        "M8 3C5 3 6 6 6 7.5S5 10 3 10c2 0 3 1 3 2.5S5 17 8 17"
        "M12 3c3 0 2 3 2 4.5S15 10 17 10c-2 0-3 1-3 2.5s1 4.5-2 4.5",
    ),
    ("Flow", "/flow", "M3 3h5v5H3zM12 12h5v5h-5zM5.5 8v6.5H12"),
    ("API", "/api", "M7 6l-4 4 4 4M13 6l4 4-4 4"),
    ("Settings", "/settings", "M3 6h8M15 6h2M13 4v4M3 14h2M9 14h8M7 12v4"),
)
TABS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A link of the navigation; `badge` is the figure beside it, its words are for readers."""

    name: str
    path: str
    icon: str
    here: bool
    badge: str = ""
    badge_words: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a page. `at` is where the console is mounted; `look` is "", "light" or "dark"."""

    title: str
    at: str
    board: str
    version: str
    sheet: str
    rendered: Moment
    effort: str
    places: tuple[Place, ...] = ()
    look: str = ""
    status: str = ""
    person: str = ""
    devel: bool = False
    csrf: str = ""
    flash: Flash | None = None
    problem: str = ""
    twin: str = ""
    refresh: int = 0

    @property
    def tabs(self) -> tuple[Place, ...]:
        """The places that are tabs on a phone."""
        return self.places[:TABS]

    @property
    def rest(self) -> tuple[Place, ...]:
        """The places behind More on a phone."""
        return self.places[TABS:]

    @property
    def in_more(self) -> bool:
        """Whether this page is behind More."""
        return any(place.here for place in self.rest)


def places(path: str, troubles: int) -> tuple[Place, ...]:
    """The navigation as seen from `path`, with the number of things that need attention beside the overview."""
    made = []
    for name, target, icon in PLACES:
        here = path == target or (target != "/" and path.startswith(target + "/"))
        badge = words.number(troubles) if troubles and target == "/" else ""
        noun = "needs attention" if troubles == 1 else "need attention"
        made.append(Place(name, target, icon, here, badge, noun if badge else ""))
    return tuple(made)


def effort(queries: int, seconds: float) -> str:
    """The work of a page: `2 queries, 6 ms`."""
    return f"{words.plural(queries, 'query', 'queries')}, {seconds * 1000:.0f} ms"
