"""For each listener a small world that it can be let loose on: posts, and things going wrong."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

from algolia import Algolia
from loopback import Asked, Reply, Site

from earful.types import Query

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)


class World(ABC):
    """``add`` publishes the next ``count`` posts and remembers their ids in ``expected``."""

    source = ""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        self.site = site
        self.now = NOW
        self.count = 0
        self.expected: set[str] = set()

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

    @abstractmethod
    def options(self) -> dict[str, object]:
        """The listener's own options for this world."""

    @abstractmethod
    def add(self, count: int) -> None:
        """Publish the next ``count`` posts."""

    @abstractmethod
    def add_bad(self) -> None:
        """One item that cannot be read, between good ones."""

    @abstractmethod
    def transient(self) -> dict[str, Callable[[], None]]:
        """What ought to raise Transient, and how to bring it about."""

    @abstractmethod
    def permanent(self) -> dict[str, Callable[[], None]]:
        """What ought to raise Permanent, and how to bring it about."""

    def always(self, reply: Reply) -> Callable[[], None]:
        def bring_about() -> None:
            self.site.script = lambda _asked: reply

        return bring_about


class ReplayWorld(World):
    source = "replay"

    @property
    def path(self) -> Path:
        return self.folder / "posts.jsonl"

    def options(self) -> dict[str, object]:
        return {"path": str(self.path), "batch": 100}

    def add(self, count: int) -> None:
        with self.path.open("a") as file:
            for number in range(self.count, self.count + count):
                at = NOW - timedelta(days=2) + timedelta(seconds=number)
                row = {"id": f"p{number}", "author": f"a{number % 9}", "text": "kestrova is late"}
                file.write(json.dumps(row | {"published_at": at.isoformat()}) + "\n")
                self.expected.add(f"p{number}")
        self.count += count

    def add_bad(self) -> None:
        with self.path.open("a") as file:
            file.write('{"id": "bad", "text": "kestrova", "published_at": "yesterday"}\n')

    def transient(self) -> dict[str, Callable[[], None]]:
        def cut() -> None:
            import gzip

            packed = gzip.compress(self.path.read_bytes(), mtime=0)
            self.path.write_bytes(packed[: len(packed) // 2])

        return {"a cut gzip": cut}

    def permanent(self) -> dict[str, Callable[[], None]]:
        return {
            "no file": self.path.unlink,
            "a JSON array": lambda: self.path.write_text('[{"text": "a"}]') and None,
            "no such columns": lambda: self.path.write_text('{"body": "a"}\n') and None,
        }


class RssWorld(World):
    source = "rss"

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.items: list[str] = []
        site.script = self.feed

    def options(self) -> dict[str, object]:
        return {"url": f"{self.site.url}/feed.xml", "timeout": 2, "deadline": 3}

    def feed(self, _asked: Asked) -> Reply:
        body = f"<rss version='2.0'><channel><title>T</title>{''.join(self.items)}</channel></rss>"
        return Reply(body=body.encode(), headers={"Content-Type": "application/rss+xml"})

    def add(self, count: int) -> None:
        for number in range(self.count, self.count + count):
            at = NOW - timedelta(days=2) + timedelta(seconds=number)
            identity = f"https://news.example/{number}"
            self.items.insert(
                0,
                f"<item><guid>{identity}</guid><title>{escape('Kestrova & co')} {number}</title>"
                f"<pubDate>{at:%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>",
            )
            self.expected.add(identity)
        self.count += count

    def add_bad(self) -> None:
        self.items.insert(0, "<item><guid>https://news.example/empty</guid></item>")

    def transient(self) -> dict[str, Callable[[], None]]:
        return {
            "500": self.always(Reply(status=500)),
            "429": self.always(Reply(status=429, headers={"Retry-After": "17"})),
            "reset": self.always(Reply(fault="reset")),
            "cut": self.always(Reply(body=b"<rss>" * 100, fault="cut")),
        }

    def permanent(self) -> dict[str, Callable[[], None]]:
        return {
            "404": self.always(Reply(status=404)),
            "401": self.always(Reply(status=401)),
            "a web page": self.always(Reply(body=b"<html><body><p>Hello</p></body></html>")),
            "another host": self.always(
                Reply(status=302, headers={"Location": "http://elsewhere.example/feed"})
            ),
        }


class HackerNewsWorld(World):
    source = "hackernews"

    def __init__(self, folder: Path, site: Site) -> None:
        super().__init__(folder, site)
        self.algolia = Algolia()
        site.script = self.algolia

    def options(self) -> dict[str, object]:
        return {"endpoint": f"{self.site.url}/api/v1", "timeout": 2, "deadline": 3}

    def add(self, count: int) -> None:
        start = int((NOW - timedelta(days=2)).timestamp())
        for number in range(self.count, self.count + count):
            self.algolia.post(number, start + number * 7)
            self.expected.add(str(number))
        self.count += count

    def add_bad(self) -> None:
        self.algolia.post(999_999_999, 0, created_at_i=None, created_at="yesterday", broken=True)

    def transient(self) -> dict[str, Callable[[], None]]:
        return {
            "503": self.always(Reply(status=503)),
            "429": self.always(Reply(status=429, headers={"Retry-After": "17"})),
            "HTML with 200": self.always(Reply(body=b"<html>We will be back</html>")),
            "cut JSON": self.always(Reply(body=b'{"hits": [{"objectID": "1"')),
            "reset": self.always(Reply(fault="reset")),
        }

    def permanent(self) -> dict[str, Callable[[], None]]:
        return {
            "400": self.always(Reply(status=400)),
            "403": self.always(Reply(status=403)),
        }


WORLDS: dict[str, type[World]] = {
    world.source: world for world in (ReplayWorld, RssWorld, HackerNewsWorld)
}
