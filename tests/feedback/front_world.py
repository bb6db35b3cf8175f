"""The service for real, on loopback: in a thread with a clock of ours, or as a process."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from factories import FrozenClock
from ports import free_port

from earful.clock import Clock
from earful.settings.load import Settings, load
from feedback import signing
from feedback.serve import server
from listeners.inbox.sqlite_file import FILE

PATIENCE = 90.0
KEY = "k" * 32
HOOK_KEY = "h" * 32
SITE = "https://www.kestrova.example"
SETTINGS = """
[[brand]]
name = "Kestrova"

[feedback]
port = {port}
per_minute = {per_minute}
per_hour = {per_hour}
{feedback}

[[form]]
name = "shop"
brand = "Kestrova"
sites = [{sites}]
per_hour = {form_per_hour}

[[form]]
name = "faces"
brand = "Kestrova"
question = "faces"

[[hook]]
name = "help-desk"
brand = "Kestrova"
header = "X-Desk-Signature"
prefix = "sha256="

[hook.map]
text = "ticket.body"
id = "ticket.number"
author = "from.name"
author_id = "from.id"
published_at = "ticket.at"
rating = "score"
"""


def settings_in(folder: Path, *, sites: tuple[str, ...] = (SITE,), **changed: Any) -> Settings:
    """Settings on disk, read as the command reads them. ``changed`` fills SETTINGS."""
    values = {"port": free_port(), "per_minute": 3, "per_hour": 10, "form_per_hour": 2000}
    values |= {"feedback": "", "sites": ", ".join(f'"{site}"' for site in sites)}
    file = folder / "settings.toml"
    file.write_text(SETTINGS.format(**(values | changed)), encoding="utf-8")
    return load(file)


def environment(folder: Path) -> dict[str, str]:
    """What the process has to know."""
    return {
        **os.environ,
        "EARFUL_SETTINGS": str(folder / "settings.toml"),
        "EARFUL_FEEDBACK_SECRET": KEY,
        "EARFUL_HOOK_HELP_DESK_SECRET": HOOK_KEY,
    }


@dataclass
class Front:
    """The service as a client meets it, and what lies in its inbox. A process has its own clock."""

    settings: Settings
    clock: Clock = field(default_factory=FrozenClock)
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.settings.feedback.port}"

    def token(self, form: str = "shop", site: str = signing.PAGE) -> str:
        return signing.token(KEY, form, site)

    def send(self, form: str = "shop", *, origin: str = "", **fields: Any) -> requests.Response:
        """A submission as the pop-up sends it."""
        token = self.token(form, origin or signing.PAGE)
        headers = {"Content-Type": "application/json"} | ({"Origin": origin} if origin else {})
        data = json.dumps({"token": token, "rating": 3} | fields)  # Infinity too, if asked for
        return self.session.post(
            f"{self.base}/f/{form}", data=data, headers=headers, timeout=PATIENCE
        )

    def send_form(self, form: str = "shop", **fields: Any) -> requests.Response:
        """The same as a page without JavaScript sends it."""
        data = {"token": self.token(form), "rating": "3", "id": "", "topic": ""} | fields
        headers = {"Origin": self.base, "Accept-Language": fields.pop("lang", "en")}
        data.pop("lang", None)
        return self.session.post(
            f"{self.base}/f/{form}", data=data, headers=headers, timeout=PATIENCE
        )

    def hook(self, body: object, **headers: str) -> requests.Response:
        """A signed call of the hook."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        at = int(self.clock().timestamp())
        signed = {"Content-Type": "application/json"}
        signed["X-Earful-Signature"] = signing.sign(HOOK_KEY, data, at)
        return self.session.post(
            f"{self.base}/hook/help-desk", data=data, headers=signed | headers, timeout=PATIENCE
        )

    def lines(self, box: str = "form-shop") -> list[dict[str, Any]]:
        """What lies in an inbox."""
        return inbox_lines(self.settings.feedback.inbox / box)


def inbox_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines in an inbox, oldest first; none where there is no inbox."""
    if not (folder / FILE).exists():
        return []
    with closing(sqlite3.connect(folder / FILE)) as database:
        rows = database.execute("SELECT line FROM submission ORDER BY id").fetchall()
    return [json.loads(line) for (line,) in rows]


def until_up(front: Front, alive: Any = lambda: True) -> None:
    """Wait for the first answer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            front.session.get(f"{front.base}/healthz", timeout=PATIENCE)
            return
        except requests.ConnectionError:
            assert alive(), "the service ended at once"
            assert time.monotonic() < end, "the service did not answer"
            time.sleep(0.05)


@contextmanager
def serving(front: Front) -> Iterator[Front]:
    """The service in a thread, on the front's own clock, until the block ends."""
    service = server(front.settings, clock=front.clock)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        until_up(front, thread.is_alive)
        yield front
    finally:
        front.session.close()
        service.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextmanager
def process(front: Front, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`earful feedback serve` as a process of its own."""
    line = [sys.executable, "-c", "from commands.main import main; main()", "feedback", "serve"]
    running = subprocess.Popen(line, env=environment(folder), stdout=subprocess.PIPE)
    try:
        until_up(front, lambda: running.poll() is None)
        yield running
    finally:
        front.session.close()
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                running.kill()
        running.communicate()
