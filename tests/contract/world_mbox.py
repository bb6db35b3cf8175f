"""The world of "mbox": a mailbox file to which mails are added."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar

from world import World


class TheWorld(World):
    source = "mbox"
    late: ClassVar[bool] = False
    covers: ClassVar[bool] = False

    @property
    def path(self) -> Path:
        return self.folder / "support.mbox"

    def options(self) -> dict[str, object]:
        return {"path": str(self.path)}

    def _add(self, mail: str) -> None:
        with self.path.open("a") as file:
            file.write(mail)

    def put(self, number: int, at: datetime) -> str:
        self._add(
            f"From a{number % 9}@mail.example {at:%a %b %d %H:%M:%S %Y}\n"
            f"From: Ann <a{number % 9}@mail.example>\nMessage-ID: <{number}@mail.example>\n"
            f"Date: {format_datetime(at)}\nSubject: Kestrova\n\nkestrova is late\n\n"
        )
        return f"{number}@mail.example"

    def put_bad(self) -> None:
        self._add("From \nFrom: ann@mail.example\nDate: yesterday\n\nkestrova\n\n")

    def transient(self) -> dict[str, Callable[[], None]]:
        def cut() -> None:
            packed = gzip.compress(self.path.read_bytes(), mtime=0)
            self.path.write_bytes(packed[: len(packed) // 2])

        return {"a cut gzip": cut}

    def permanent(self) -> dict[str, Callable[[], None]]:
        return {
            "no file": self.path.unlink,
            "no mbox": lambda: self.path.write_text("Dear all,\n") and None,
        }
