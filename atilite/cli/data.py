"""backup, restore, check, vacuum, migrate: looking after the one file in which everything is."""

from __future__ import annotations

from pathlib import Path

from ..errors import AtiliteError
from ..store.backup import copy_database
from ..store.backup import restore as restore_database
from ..store.database import Database, path_of
from ..store.retention import sweep
from ..upkeep import limits_of
from .call import Call
from .parser import Commands


def add(commands: Commands) -> None:
    parser = commands.add("backup", backup, "copy the data to a new file, verified; the server may run meanwhile")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser = commands.add("restore", restore, "put a backup in the place of the data; the server must be stopped")
    parser.add_argument("file", metavar="FILE", type=Path)
    commands.add("vacuum", vacuum, "remove runs that are older than they are kept, and give the space back to the disk")
    commands.add("migrate", migrate, "bring the data to this version, after a backup; starting does the same")


def backup(call: Call) -> int:
    """Write a copy that is complete and sound when this says so."""
    target: Path = call.options.file
    copy_database(path_of(call.settings.db), target)
    print(f"wrote {target}, {size(target)}, and verified it")
    return 0


def restore(call: Call) -> int:
    """Take the data of a backup; what was there before is kept beside it."""
    source: Path = call.options.file
    if not source.is_file():
        raise AtiliteError(f"there is no file {source} (name one that `backup` has written)")
    kept = restore_database(source, path_of(call.settings.db))
    print(f"restored {source}" + (f"; what was there before is {kept}" if kept else ""))
    return 0


def vacuum(call: Call) -> int:
    """Remove what is kept no longer. The server does the same by itself; here it is done at once."""
    limits = limits_of(call.settings, call.site.open(call.settings).catalogue.actions)
    with Database.open(call.settings.db) as database:
        before = size(database.path)
        removed = sweep(database, *limits)
        database.checkpoint()
        print(f"removed {removed.runs} runs and {removed.expired} expired keys; {before} before, ", end="")
        print(f"{size(database.path)} now")
    return 0


def migrate(call: Call) -> int:
    """Open the data as the server would, which migrates it."""
    with Database.open(call.settings.db) as database:
        print(f"{database.path} has the form of this version")
    return 0


def size(path: Path) -> str:
    """A file's size for a person."""
    amount = float(path.stat().st_size)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
