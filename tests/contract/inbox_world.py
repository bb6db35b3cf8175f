"""What the worlds of "feedback" and "webhook" share: an inbox that several processes write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from loopback import Site
from world import World

from listeners.inbox.inbox import Inbox

_PROCESSES = 2


class InboxWorld(World):
    """Lines come by turns from two writers."""

    late: ClassVar[bool] = False
    skew: ClassVar[bool] = False
    folder_name: ClassVar[str]

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.inboxes = [Inbox(self.inbox, clock=self.clock) for _ in range(_PROCESSES)]

    @property
    def inbox(self) -> Path:
        return self.folder / self.folder_name

    def write(self, number: int, line: dict[str, Any]) -> None:
        self.inboxes[number % _PROCESSES].append([line])

    def permanent(self) -> dict[str, Callable[[], None]]:
        def file_there() -> None:
            for one in self.inbox.iterdir():
                one.unlink()
            self.inbox.rmdir()
            self.inbox.write_text("")

        return {"a file where the folder should be": file_there}
