"""What the worlds of "feedback" and "webhook" share: an inbox that several processes write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from loopback import Site
from world import World

from listeners.inbox.spool import Spool

_PROCESSES = 2
_LINES = 200  # in a file, before it is closed and another is begun


class InboxWorld(World):
    """Lines come by turns from two writers, each of which begins a new file now and then."""

    late: ClassVar[bool] = False
    skew: ClassVar[bool] = False
    folder_name: ClassVar[str]

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.spools = [Spool(self.inbox, clock=self.clock) for _ in range(_PROCESSES)]

    @property
    def inbox(self) -> Path:
        return self.folder / self.folder_name

    def write(self, number: int, line: dict[str, Any]) -> None:
        spool = self.spools[number % _PROCESSES]
        spool.append([line])
        if number // _PROCESSES % _LINES == 0:
            spool.close()

    def permanent(self) -> dict[str, Callable[[], None]]:
        def file_there() -> None:
            for one in self.inbox.iterdir():
                one.unlink()
            self.inbox.rmdir()
            self.inbox.write_text("")

        return {"a file where the folder should be": file_there}
