"""Files that root makes beside a service's database are given to the one who owns its folder."""

from __future__ import annotations

import errno
import os
import stat
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
    if folder.st_uid:
        for name in os.listdir(database.parent):
            if name.startswith(database.name):
                give(database.parent / name, folder.st_uid, folder.st_gid)


def give(path: Path, user: int, group: int) -> None:
    """Change the owner of a file of root's, or of a folder and what is in it; leave everything else as it is.

    The folder is somebody else's, who may have put a link there that leads to a file of the system.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # Gone meanwhile, as a log of SQLite's; a symbolic link; a socket.
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            return
        raise
    try:
        found = os.fstat(descriptor)
        is_folder = stat.S_ISDIR(found.st_mode)
        if is_folder:
            for name in os.listdir(descriptor):
                give(path / name, user, group)
        if found.st_uid == 0 and (is_folder or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)):
            os.fchown(descriptor, user, group)
    finally:
        os.close(descriptor)
