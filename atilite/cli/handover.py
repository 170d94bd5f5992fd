"""Files that root makes beside a service's database are given to the one who owns its folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..store.database import beside


def hand_over(url: str) -> None:
    """Let the files of the database belong to its folder's owner. Does nothing for anybody but root.

    `sudo ... restore`, or a first account that is made with sudo, would otherwise leave files that the service, which
    runs as a user of its own, cannot open.
    """
    database = beside(url, "")
    if os.geteuid() or database is None or not database.parent.is_dir():
        return
    folder = database.parent.stat()
    for path in (database.parent / name for name in os.listdir(database.parent)):
        if path.name.startswith(database.name) and folder.st_uid:
            give(path, folder.st_uid, folder.st_gid)


def give(path: Path, user: int, group: int) -> None:
    """Change the owner of what is root's; a link itself, never what it leads to."""
    try:
        if path.lstat().st_uid == 0:
            os.chown(path, user, group, follow_symlinks=False)
    except FileNotFoundError:
        return  # a log file that SQLite has removed meanwhile
