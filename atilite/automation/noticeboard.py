"""The channels of all apps of one process under one roof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atilite.automation.channels import ChannelInfo
from atilite.automation.engine import Automation

if TYPE_CHECKING:
    from atilite.store.outbox import Letter


class NoticeBoard:
    """What the console, the API and the command line see of notifications. Not on the loop: it reads the database."""

    def __init__(self, automations: Sequence[Automation]) -> None:
        self._automations = automations

    @property
    def channels(self) -> list[ChannelInfo]:
        """The channels of all apps; a name that an earlier app uses too has the app's name in front."""
        return [replace(info, name=shown) for _, info, shown in self._shown()]

    def recent(self, limit: int = 50) -> list[Letter]:
        """The newest notices of all apps, newest first."""
        found = [letter for one in self._automations for letter in one.notices.channels.recent(limit)]
        return sorted(found, key=lambda letter: letter.id, reverse=True)[:limit]

    def test(self, name: str) -> None:
        """Send a test to a channel; its error is raised, LookupError for an unknown one. Blocks: an ordinary thread."""
        found = {shown: (automation, info.name) for automation, info, shown in self._shown()}
        if name not in found:
            raise LookupError(f"no channel named {name!r}; known: {', '.join(sorted(found)) or 'none'}")
        automation, own = found[name]
        automation.notices.test(own)

    def _shown(self) -> Iterator[tuple[Automation, ChannelInfo, str]]:
        seen: set[str] = set()
        for automation in self._automations:
            for info in automation.notices.infos:
                yield automation, info, distinct(info.name, automation, seen)


def distinct(name: str, automation: Automation, seen: set[str]) -> str:
    """The name under which something of an app is shown: with the app's name in front if it is in `seen` already."""
    shown = name if name not in seen else f"{automation.name}/{name}"
    seen.add(shown)
    return shown
