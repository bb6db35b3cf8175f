"""What mitmproxy does to the requests that pass it while there is a storm.

Run by mitmdump in an environment of its own: nothing of Earful is imported here. The folder in
STORM_FOLDER holds `port` (written once it listens), `blowing` (there while the storm is on) and
`faults` (a line for every request of the storm). Faults are dealt from a shuffled deck, so that
every one of STORM_FAULTS comes; STORM_SEED shuffles it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from mitmproxy import ctx, http

_CLEAR = 2  # requests that pass, for each fault
_HTML = b"<html><body>We will be back</body></html>"
_MADE = {
    "429": (429, b"{}", {}),
    "429 with Retry-After": (429, b"{}", {"Retry-After": "17"}),
    "500": (500, b"oops", {}),
    "HTML with 200": (200, _HTML, {"Content-Type": "text/html"}),
}
_HOLD = 4.0  # seconds; longer than any world waits


class Storm:
    """The addon."""

    def __init__(self) -> None:
        self.folder = Path(os.environ["STORM_FOLDER"])
        self.dice = random.Random(int(os.environ["STORM_SEED"]))
        self.faults = os.environ["STORM_FAULTS"].split(",")
        self.deck: list[str] = []

    def running(self) -> None:
        port = ctx.master.addons.get("proxyserver").listen_addrs()[0][1]
        fresh = self.folder / "port.new"
        fresh.write_text(str(port))
        fresh.rename(self.folder / "port")

    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay or not (self.folder / "blowing").exists():
            return
        fault = flow.metadata["fault"] = self._deal()
        with (self.folder / "faults").open("a") as log:
            log.write(f"{fault}\n")
        if fault in _MADE:
            flow.response = http.Response.make(*_MADE[fault])
        elif fault == "delay":
            await asyncio.sleep(0.2)
        elif fault == "kill before":
            flow.kill()
        elif fault == "twice":
            ctx.master.commands.call("replay.client", [flow.copy()])

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.metadata.get("fault") == "drip" and flow.response:
            flow.response.stream = _drip

    async def response(self, flow: http.HTTPFlow) -> None:
        fault = flow.metadata.get("fault")
        if fault == "kill after":
            flow.kill()
        elif fault == "silence":
            await asyncio.sleep(_HOLD)
        elif fault in ("cut after the headers", "cut in the body") and flow.response:
            body = flow.response.raw_content or b""
            # the length that was announced stays: raw_content does not change it
            flow.response.raw_content = body[: len(body) // 2 if "body" in fault else 0]
            flow.response.headers["Connection"] = "close"

    def _deal(self) -> str:
        if not self.deck:
            self.deck = [*self.faults, *["clear"] * len(self.faults) * _CLEAR]
            self.dice.shuffle(self.deck)
        return self.deck.pop()


def _drip(data: bytes) -> Iterator[bytes]:
    """The body in small pieces; nobody else is served meanwhile, and nobody else is there."""
    size = max(len(data) // 20, 1)
    for start in range(0, len(data), size):
        time.sleep(0.1)
        yield data[start : start + size]


addons = [Storm()]
