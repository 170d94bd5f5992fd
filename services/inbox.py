"""A folder that is watched by a service, and an action with a typed form that puts a file into it."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from atilite import Atilite, Pattern, Range

Listing = dict[str, tuple[int, float]]


def listing(folder: Path) -> Listing:
    """The files of `folder` with size and time of change."""
    found = {}
    for path in sorted(folder.iterdir()):
        try:
            facts = path.stat()
        except FileNotFoundError:  # gone since the folder was read
            continue
        if path.is_file():
            found[path.name] = facts.st_size, facts.st_mtime
    return found


def changes(before: Listing, after: Listing) -> list[tuple[str, str]]:
    """What happened between two listings: (word, file name) with added, changed or removed."""
    added = [("added", name) for name in after if name not in before]
    changed = [("changed", name) for name in after if name in before and after[name] != before[name]]
    removed = [("removed", name) for name in before if name not in after]
    return added + changed + removed


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    folder = Path(app.site.datapath(app.config.get("WATCHED_FOLDER", "inbox")))

    @app.service(name="Inbox watcher", restart_delay=3)
    def watch(was: Any) -> None:
        """Tell of every file that comes, changes or goes in the inbox folder."""
        folder.mkdir(parents=True, exist_ok=True)
        before = listing(folder)
        app.journal.record("watching", folder=folder.name, files=len(before))
        # Looks once a second, and ends at once when the service is stopped.
        while not was.run.wait(1):
            after = listing(folder)
            for word, name in changes(before, after):
                app.journal.record(f"{word} {name}", file=name, change=word)
                app.emit("inbox", word, name)
            before = after

    @app.action(name="Write a memo", label="inbox")
    def write_memo(
        title: Annotated[str, Pattern(r"\w[\w -]{0,39}", "must be 1 to 40 letters, digits, spaces and - signs")],
        text: str = "",
        kind: Literal["memo", "order", "alarm"] = "memo",
        copies: Annotated[int, Range(1, 5)] = 1,
        due: date | None = None,
        urgent: bool = False,
    ) -> list[str]:
        """Write text files into the inbox; the watcher then tells of them."""
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        for number in range(1, copies + 1):
            name = f"{title.strip().replace(' ', '-')}-{number}.txt"
            head = [kind.upper() + ("!" if urgent else ""), f"due {due.isoformat()}" if due else "no date"]
            (folder / name).write_text("\n".join([*head, "", text, ""]))
            names.append(name)
            print(f"wrote {name}")
        return names
