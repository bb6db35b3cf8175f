"""The world of "replay": a growing file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from world import World


class TheWorld(World):
    source = "replay"
    late: ClassVar[bool] = False
    covers: ClassVar[bool] = False

    @property
    def path(self) -> Path:
        return self.folder / "posts.jsonl"

    def options(self) -> dict[str, object]:
        return {"path": str(self.path), "batch": 100}

    def put(self, number: int, at: datetime) -> str:
        row = {"id": f"p{number}", "author": f"a{number % 9}", "text": "kestrova is late"}
        with self.path.open("a") as file:
            file.write(json.dumps(row | {"published_at": at.isoformat()}) + "\n")
        return f"p{number}"

    def put_bad(self) -> None:
        with self.path.open("a") as file:
            file.write('{"id": "bad", "text": "kestrova", "published_at": "yesterday"}\n')

    def transient(self) -> dict[str, Callable[[], None]]:
        def cut() -> None:
            packed = gzip.compress(self.path.read_bytes(), mtime=0)
            self.path.write_bytes(packed[: len(packed) // 2])

        return {"a cut gzip": cut}

    def permanent(self) -> dict[str, Callable[[], None]]:
        return {
            "no file": self.path.unlink,
            "a JSON array": lambda: self.path.write_text('[{"text": "a"}]') and None,
            "no such columns": lambda: self.path.write_text('{"body": "a"}\n') and None,
        }
