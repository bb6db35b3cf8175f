"""The world of "mail": a mailbox on an IMAP server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar

from imap_site import PASSWORD, Box, imap_site
from loopback import Site
from world import PATIENT, World


class TheWorld(World):
    source = "mail"
    env: ClassVar[Mapping[str, str]] = {"EARFUL_MAIL_PASSWORD": PASSWORD}

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.box = Box()
        self.user = f"support{id(self.box)}"
        imap_site().boxes[self.user] = self.box

    def options(self) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": imap_site().port,
            "security": "none",
            "username": self.user,
            **PATIENT,
        }

    @property
    def place(self) -> str:
        return str(imap_site().port)

    def put(self, number: int, at: datetime) -> str:
        mail = (
            f"From: Ann <a{number % 9}@mail.example>\r\nMessage-ID: <{number}@mail.example>\r\n"
            f"Date: {format_datetime(at)}\r\nSubject: Kestrova\r\n\r\nkestrova is late\r\n"
        )
        self.box.deliver(at, mail.encode())
        return f"{number}@mail.example"

    def put_bad(self) -> None:
        self.box.deliver(self.now, None)

    def _fault(self, command: str, fault: str) -> Callable[[], None]:
        def set_fault() -> None:
            self.box.faults[command] = fault

        return set_fault

    def transient(self) -> dict[str, Callable[[], None]]:
        return {
            "no login now": self._fault("LOGIN", "NO [UNAVAILABLE] come back later"),
            "bye at the login": self._fault("LOGIN", "bye"),
            "reset": self._fault("EXAMINE", "reset"),
            "silence": self._fault("SEARCH", "silence"),
            "slow drip": self._fault("SEARCH", "drip"),
            "no search": self._fault("SEARCH", "NO not now"),
            "no mail": self._fault("FETCH", "NO not now"),
            "cut in a mail": self._fault("FETCH", "cut"),
            "bye": self._fault("FETCH", "bye"),
            "nonsense": self._fault("SEARCH", "what do you mean"),
        }

    def permanent(self) -> dict[str, Callable[[], None]]:
        return {
            "login refused": self._fault("LOGIN", "NO [AUTHENTICATIONFAILED] wrong password"),
            "no such folder": self._fault("EXAMINE", "NO [NONEXISTENT] no such folder"),
            "a huge mail": self._fault("FETCH", "flood"),
        }
