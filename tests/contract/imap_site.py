"""Serve IMAP on loopback, with faults on demand.

It knows the commands of the source "mail", and refuses all others: flags cannot be changed here.
"""

from __future__ import annotations

import base64
import re
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

PASSWORD = "kestrel-41-lantern"


@dataclass
class Box:
    """A user's INBOX. ``faults``: for a command (LOGIN, EXAMINE, SEARCH, FETCH) what to do instead:
    "reset", "silence", "drip", "bye", "flood", "cut", or a line to answer. ``refused`` are mails
    that it says it cannot give. ``asked`` are the commands that came."""

    validity: int = 7
    next_uid: int = 1
    mails: dict[int, tuple[datetime, bytes | None]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)

    def deliver(self, at: datetime, raw: bytes | None) -> None:
        """Deliver a mail; None is one that the server cannot give."""
        self.mails[self.next_uid] = (at, raw)
        self.next_uid += 1

    def renumber(self) -> None:
        """Change UIDVALIDITY and numbers, as a restore from a backup does."""
        self.validity += 1
        mails = list(self.mails.values())
        self.mails = dict(enumerate(mails, 1000))
        self.next_uid = 1000 + len(mails)


class ImapSite:
    """The server; ``boxes`` by the name of the user. The password is PASSWORD.

    With a ``tls`` context it offers STARTTLS, or begins with TLS (``implicit``). ``injected`` is
    text that an attacker puts behind its consent to STARTTLS.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> None:
        self.boxes: dict[str, Box] = {}
        self.greeting = "OK ready"
        self.tls = None if implicit else tls
        self.injected = ""
        server = _Server(("127.0.0.1", 0), _Handler)
        if tls is not None and implicit:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.site = self  # type: ignore[attr-defined]
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()


@cache
def imap_site() -> ImapSite:
    """Return the one server of a test run; each world has a user of its own on it."""
    return ImapSite()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Print nothing: the tests are about clients that hang up or trust no certificate."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = 20
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        self.site: ImapSite = self.server.site  # type: ignore[attr-defined]
        self.box = Box()
        self._say(f"* {self.site.greeting}")
        try:
            while line := self.rfile.readline().decode().strip():
                tag, _, command_line = line.partition(" ")
                if not self._answer(tag, command_line):
                    return
        except OSError:
            return  # the client went away, as it should under a fault

    def _start_tls(self, tag: str) -> bool:
        assert self.site.tls is not None
        self._say(f"{tag} OK go on" + self.site.injected)
        self.connection = self.site.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        return True

    def _answer(self, tag: str, arguments: str) -> bool:
        words = arguments.upper().split()
        if words == ["STARTTLS"]:
            return self._start_tls(tag)
        command = words[1] if words[0] == "UID" else words[0]
        if command in {"AUTHENTICATE", "LOGIN"}:
            command, arguments = "LOGIN", self._login(arguments)
        self.box.commands.append(arguments)
        if fault := self.box.faults.get(command):
            return self._fail(tag, fault)
        commands: dict[str, Callable[[str], str]] = {
            "CAPABILITY": self._capability,
            "LOGIN": lambda _arguments: (
                "OK" if self.box.validity else "NO [AUTHENTICATIONFAILED] no"
            ),
            "EXAMINE": self._examine,
            "SEARCH": self._search,
            "FETCH": self._fetch,
            "LOGOUT": lambda _arguments: self._say("* BYE") or "OK",
        }
        answer = commands.get(command, lambda _arguments: "BAD unknown command")(arguments)
        self._say(f"{tag} {answer} done")
        return command != "LOGOUT"

    def _fail(self, tag: str, fault: str) -> bool:
        if fault == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        if fault == "silence":
            threading.Event().wait(5)
            return False
        if fault == "drip":
            for _ in range(200):
                self.wfile.write(b"*")
                self.wfile.flush()
                threading.Event().wait(0.05)
            return False
        if fault == "bye":
            self._say("* BYE the server goes down")
            return False
        if fault == "cut":
            self._say("* 1 FETCH (UID 1 BODY[]<0> {5000}")
            self._say("From: ann@mail.example")
            return False
        if fault == "flood":
            self._say("* 1 FETCH (UID 1 BODY[]<0> {99999999999}")
            return False
        self._say(f"{tag} {fault}")
        return True

    def _capability(self, _arguments: str) -> str:
        starttls = " STARTTLS" if self.site.tls else ""
        self._say("* CAPABILITY IMAP4rev1 AUTH=PLAIN" + starttls)
        return "OK"

    def _login(self, arguments: str) -> str:
        self._say("+ ")
        _, user, password = base64.b64decode(self.rfile.readline()).decode().split("\0")
        good = password == PASSWORD and user in self.site.boxes
        self.box = self.site.boxes[user] if good else Box(validity=0)
        return arguments

    def _examine(self, arguments: str) -> str:
        if '"INBOX"' not in arguments:
            return "NO [NONEXISTENT] no such folder"
        self._say(f"* {len(self.box.mails)} EXISTS")
        self._say(f"* OK [UIDVALIDITY {self.box.validity}] as ever")
        return "OK [READ-ONLY]"

    def _search(self, arguments: str) -> str:
        low = int(re.search(r"UID (\d+):\*", arguments).group(1))  # type: ignore[union-attr]
        since = re.search(r"SINCE (\S+)", arguments)
        day = datetime.strptime(since.group(1), "%d-%b-%Y").date() if since else None
        uids = list(self.box.mails)
        # the star is the last message, and so it is always found (RFC 3501 section 6.4.8)
        matches = [uid for uid in uids if uid >= min(low, uids[-1])]
        matches = [uid for uid in matches if day is None or self.box.mails[uid][0].date() >= day]
        self._say("* SEARCH " + " ".join(map(str, reversed(matches))))
        return "OK"

    def _fetch(self, arguments: str) -> str:
        max_bytes = int(re.search(r"BODY\.PEEK\[\]<0\.(\d+)>", arguments).group(1))  # type: ignore[union-attr]
        uids_requested = set(map(int, arguments.split()[2].split(",")))
        for number, (uid, (at, raw)) in enumerate(list(self.box.mails.items()), 1):
            if uid not in uids_requested - self.box.refused:
                continue
            arrived = f'INTERNALDATE "{at:%d-%b-%Y %H:%M:%S} +0000"'
            if raw is None:
                self._say(f"* {number} FETCH (UID {uid} {arrived} BODY[]<0> NIL)")
                continue
            data = raw[:max_bytes]
            # the items come in the server's own order, and another client reads a mail meanwhile
            self._say(f"* {number} FETCH (BODY[]<0> {{{len(data)}}}")
            self.wfile.write(data)
            self._say(f" {arrived} UID {uid})")
            self._say(f"* {number} FETCH (FLAGS (\\Seen) UID {uid})")
        return "NO some could not be fetched" if uids_requested & self.box.refused else "OK"

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
        self.wfile.flush()
