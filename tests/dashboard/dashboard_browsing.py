"""A visitor in a real browser, a real server, and waits that end."""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dashboard_world import World
from playwright.sync_api import Page

from dashboard import launch
from earful.settings.load import load

PATIENCE = 90.0  # seconds for anything that must happen


@dataclass
class Visitor:
    """A browser page that can reach loopback only, and remembers what it tried."""

    page: Page
    base: str
    outside: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path, timeout=PATIENCE * 1000)
        return self.page

    def check_harmless(self) -> None:
        assert self.outside == []
        assert self.dialogs == []
        assert self.page.evaluate("window.hacked") is None
        assert self.page.locator("img[src*=evil], img[src=x], .stApp script").count() == 0
        assert self.page.locator("a[href*='evil.example'], a[href^='javascript']").count() == 0

    def check_no_sideways_scroll(self) -> None:
        wide = self.page.evaluate(
            "[document.documentElement, document.querySelector('.stMain')]"
            ".map(one => one.scrollWidth - one.clientWidth)"
        )
        assert wide == [0, 0]


def note(url: str, outside: list[str]) -> None:
    if urlsplit(url).hostname != "127.0.0.1":
        outside.append(url)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE:.0f} s"
        time.sleep(0.1)


@contextmanager
def serving(process: subprocess.Popen[bytes], port: int) -> Iterator[str]:
    try:
        until(lambda: answers(port) or process.poll() is not None, "the server's first answer")
        assert process.poll() is None, "the server ended at once"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=PATIENCE)


@contextmanager
def dashboard(world: World) -> Iterator[str]:
    settings = load(world.settings_file)
    with launch.listen(settings) as listener:
        server = launch.start_server(settings, settings_file=world.settings_file, listener=listener)
    with serving(server, settings.dashboard.port) as base:
        yield base
