"""The world of "folder": files that come one by one, the last of which grows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from world import World

ROWS = 400  # in a file


class TheWorld(World):
    source = "folder"
    late: ClassVar[bool] = False
    covers: ClassVar[bool] = False

    def options(self) -> dict[str, object]:
        return {"path": str(self.folder), "names": "posts-*", "batch": 100}

    def _write(self, row: dict[str, object]) -> None:
        path = self.folder / f"posts-{self.count // ROWS:03d}.jsonl"
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def put(self, number: int, at: datetime) -> str:
        row = {"id": f"p{number}", "author": f"a{number % 9}", "text": "kestrova is late"}
        self._write(row | {"published_at": at.isoformat()})
        return f"p{number}"

    def put_bad(self) -> None:
        self._write({"id": "bad", "text": "kestrova", "published_at": "yesterday"})

    def permanent(self) -> dict[str, Callable[[], None]]:
        def gone() -> None:
            for one in self.folder.iterdir():
                if one.is_file():
                    one.unlink()
            self.folder.rename(self.folder.with_name("elsewhere"))

        return {"no such folder": gone}
