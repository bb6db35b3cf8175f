"""What the contract suite lets a listener loose on: a small world of posts, and of trouble."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from loopback import Asked, Reply, Site

from earful.contracts import EdgeError, Permanent, Transient
from earful.types import Query

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
HUGE = Reply(body=b"{", headers={"Content-Length": str(2**33)}, fault="cut")

# a busy machine is no fault; only where one goes on for longer than we wait, little is waited
PATIENT: Mapping[str, object] = {"timeout": 60, "deadline": 120}
HURRIED: Mapping[str, object] = {"timeout": 0.5, "deadline": 0.6}
ENDLESS = ("slow drip", "silence")

# what a server may answer instead of what it should, and what a listener has to make of it
FAULTS: Mapping[str, tuple[Reply, type[EdgeError]]] = {
    "401": (Reply(status=401), Permanent),
    "403": (Reply(status=403), Permanent),
    "404": (Reply(status=404), Permanent),
    "429 with a reset": (Reply(status=429, headers={"Retry-After": "17"}), Transient),
    "429 without one": (Reply(status=429), Transient),
    "500": (Reply(status=500), Transient),
    "503": (Reply(status=503), Transient),
    "HTML with 200": (Reply(body=b"<html><body>We will be back</body></html>"), Transient),
    "nothing with 200": (Reply(), Transient),
    "cut JSON": (Reply(body=b'{"data": [{"id": "1"'), Transient),
    "cut in the body": (Reply(body=b"{}" * 200, fault="cut"), Transient),
    "reset": (Reply(fault="reset"), Transient),
    "slow drip": (Reply(body=b" " * 400, fault="drip"), Transient),
    "another host": (
        Reply(status=302, headers={"Location": "http://elsewhere.example/feed"}),
        Permanent,
    ),
    "oversized": (HUGE, Permanent),
}


def patience(fault: str) -> Mapping[str, object]:
    """How long a listener that meets this fault should wait: options of its query."""
    return HURRIED if fault in ENDLESS else {}


class World(ABC):
    """A source's world. ``publish`` remembers what is to be found, with its time.

    ``env`` are the secrets that the source needs. ``deepest`` is how many posts of a burst the
    platform shows at all (None: every one); beyond it a lost gap has to say so. ``deep`` posts are
    enough to be read in five requests or batches, half of them in three. ``late`` and
    ``skew`` say whether a post can appear below newer ones, and whether the platform has a clock
    that may differ from ours; ``covers``, whether time can be seen there at all (not in a file).
    """

    source: ClassVar[str] = ""
    env: ClassVar[Mapping[str, str]] = {}
    deepest: ClassVar[int | None] = None
    deep: ClassVar[int] = 500
    late: ClassVar[bool] = True
    skew: ClassVar[bool] = True
    covers: ClassVar[bool] = True

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        self.site = site
        self.now = NOW
        self.count = 0
        self.expected: dict[str, datetime] = {}

    def clock(self) -> datetime:
        return self.now

    def query(self, **options: object) -> Query:
        return Query(
            id=f"{self.source}/kestrova",
            brand_id="kestrova",
            source=self.source,
            any_of=("Kestrova",),
            options=self.options() | options,
        )

    def add(self, count: int) -> None:
        """Publish the next ``count`` posts: a second apart, the last one a second before now; at
        the very start two days ago."""
        last = self.now - (timedelta(days=2) if not self.expected else timedelta(seconds=1))
        for number in range(count):
            self.publish(last - timedelta(seconds=count - 1 - number))

    def publish(self, at: datetime) -> None:
        """Publish one post, written at ``at``, and expect it to be found."""
        self.count += 1
        self.expected[self.put(self.count, at)] = at

    @abstractmethod
    def options(self) -> dict[str, object]:
        """The listener's own options for this world."""

    @abstractmethod
    def put(self, number: int, at: datetime) -> str:
        """Let the platform have a post that names Kestrova, written at ``at`` (a whole second);
        gives the external_id under which it is to be found."""

    @abstractmethod
    def put_bad(self) -> None:
        """One item that cannot be read, among the good ones."""

    def transient(self) -> dict[str, Callable[[], None]]:
        """What else ought to raise Transient, and how to bring it about."""
        return {}

    def permanent(self) -> dict[str, Callable[[], None]]:
        """What else ought to raise Permanent, and how to bring it about."""
        return {}

    @property
    def place(self) -> str:
        """What an error has to name: where the trouble is."""
        return str(self.folder)


class HttpWorld(World):
    """A world behind HTTP: ``serve`` answers as the platform does; faults come from the suite.

    ``verdicts`` are the faults of which this source makes something else than FAULTS says.
    ``tokens``: pages follow each other by tokens, and ``repeat`` (a list: empty it to stop) makes
    the platform give the same one for ever.
    """

    verdicts: ClassVar[Mapping[str, type[EdgeError] | None]] = {}
    tokens: ClassVar[bool] = False

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.repeating = False
        site.script = self.serve

    @abstractmethod
    def serve(self, asked: Asked) -> Reply:
        """What the platform answers."""

    @property
    def place(self) -> str:
        return str(self.site.port)

    @staticmethod
    def json(value: Any, status: int = 200, **headers: str) -> Reply:
        """A JSON answer."""
        kind = {"Content-Type": "application/json"}
        return Reply(status=status, body=json.dumps(value).encode(), headers=kind | headers)
