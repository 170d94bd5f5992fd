"""Where a relative path leads: the inodes of act, frame, framer and of what they run in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atilite.errors import FlowError


@dataclass(frozen=True, slots=True)
class Standpoint:
    """From where a path is looked at.

    `frames` are the inodes of the frame and of those over it, `framers` the inode of the framer, then of the frame in
    which it runs as an auxiliary, those over that one, and of that frame's framer, and so on. `main` are the names of
    that framer and that frame.
    """

    framer: str = ""
    frame: str = ""
    frames: Sequence[str] = ()
    framers: Sequence[Sequence[str]] = ()
    main: tuple[str, str] | None = None
    actor: str = ""
    # The inode of a behaviour, for its inputs and outputs only.
    inode: str | None = None


def absolute(path: str, at: Standpoint) -> str:
    """The path from the root, with its leading dot. An empty path is the inode itself.

    FlowError where `main` is said of what runs in nothing.
    """
    parts = path.rstrip(".").split(".") if path else []
    if parts and not parts[0]:
        return "." + ".".join(parts[1:])
    outer, framed = _outer(at), _framed(at)
    if at.inode is not None and not (parts and parts[0] in ("framer", "me")):
        inner = _split(at.inode)
        if not inner and not framed and not outer:
            inner = ["framer", "me", "frame", "me", "actor", "me"]
        parts = inner + parts
    if not parts or parts[0] not in ("", "framer"):
        parts = parts[1:] if parts and parts[0] == "me" else framed + parts
        if not parts or parts[0] not in ("", "framer"):
            parts = outer + parts
    return "." + ".".join(_named(parts, at) if parts and parts[0] else parts[1:])


def _split(inode: str) -> list[str]:
    return inode.rstrip(".").split(".") if inode else []


def _fixed(parts: list[str]) -> bool:
    """Whether nothing goes in front of it."""
    return bool(parts) and parts[0] in ("", "framer")


def _framed(at: Standpoint) -> list[str]:
    """What the frame and those over it put in front, up to one that says `me`."""
    found: list[str] = []
    for inode in at.frames:
        found = _split(inode) + found
        if _fixed(found):
            break
        if found and found[0] == "me":
            return found[1:]
    return found


def _outer(at: Standpoint) -> list[str]:
    """What the framer puts in front, and for an auxiliary what it runs in."""
    found: list[str] = []
    for level, inodes in enumerate(at.framers):
        if level:
            if found and found[0] == "me":
                del found[0]
            else:
                for inode in inodes[:-1]:
                    if _fixed(found):
                        break
                    found = _split(inode) + found
                    if found and found[0] == "me":
                        del found[0]
                        break
            if _fixed(found):
                break
        found = _split(inodes[-1]) + found
        if _fixed(found):
            break
    return found[1:] if found and found[0] == "me" else found


def _named(parts: list[str], at: Standpoint) -> list[str]:
    """The path with names in place of `me` and `main`."""
    if parts[0] != "framer" or len(parts) < 2:
        return parts
    found = list(parts)
    if parts[1] == "me":
        found[1] = at.framer
    elif parts[1] == "main":
        found[1] = _main(at)[0]
    rest = 2
    if len(parts) > 3 and parts[2] == "frame":
        if parts[3] == "me":
            found[3] = at.frame
        elif parts[3] == "main":
            found[3] = _main(at)[1]
        rest = 4
    if len(parts) > rest + 1 and parts[rest : rest + 2] == ["actor", "me"]:
        found[rest + 1 : rest + 2] = split_name(at.actor)
    return found


def _main(at: Standpoint) -> tuple[str, str]:
    if at.main is None:
        raise FlowError(f"{at.framer} runs in no other framer, so there is no `main`")
    return at.main


def split_name(name: str) -> list[str]:
    """The parts of a path that stand for a name in CamelCase.

    >>> split_name("ControllerPidDepth")
    ['controller', 'pid', 'depth']
    """
    found: list[str] = []
    for letter in name:
        if letter.isupper() or not found:
            found.append("")
        found[-1] += letter.lower()
    return found


def camel_case(name: str) -> str:
    """The name of a behaviour that is a function.

    >>> camel_case("fan_control")
    'FanControl'
    """
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
