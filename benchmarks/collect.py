"""Collecting a busy day: 25,000 mentions, and within it two hours at 20 times that pace.

    python benchmarks/collect.py [--days 1] [--page 100] [--overlap 5m] [--whole]

A server on loopback (a process of its own) answers a search newest first, ``--page`` posts a
request. The collector is held to one core and polls it every 15 minutes of a day that is told by
a clock of our own, through everything that happens in earnest: the walk, matching, the ledger,
counts, one transaction a page. ``--whole`` classifies, groups and judges what came, too.

Printed, from one run: mentions a second of processor time beside a bare client (requests, json
and sqlite3's executemany over the same pages), beside the pace of the burst; memory along the way;
and requests for 1,000 new mentions beside the fewest that this page size allows.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sqlite3
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests
from pydantic import SecretStr

from earful.settings.load import BrandSettings, ListenSettings, Settings
from pipeline.app import App, open_app
from pipeline.classify import classify
from pipeline.flag import flag
from pipeline.group import group
from pipeline.poll import poll
from storage.collecting import polling

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY, EVERY = 86400, 900  # seconds
A_DAY, TIMES = 25_000, 20
BURST = (36_000, 43_200)  # the two hours of each day that are 20 times as busy, in seconds
_WORDS = ("parcel", "late", "again", "nobody", "answers", "refund", "please", "thanks", "great")


def written(days: int) -> list[int]:
    """When each post is written, in seconds from the start: 25,000 a day, and the bursts."""
    pace = A_DAY / DAY
    found: list[int] = []
    owed = 0.0
    for second in range(days * DAY):
        burst = BURST[0] <= second % DAY < BURST[1]
        owed += pace * (TIMES if burst else 1)
        found += [second] * int(owed)
        owed -= int(owed)
    return found


def hit(number: int, second: int) -> dict[str, object]:
    """One invented post as the search gives it."""
    words = " ".join(_WORDS[(number * 7 + step * step) % len(_WORDS)] for step in range(16))
    return {
        "objectID": str(number),
        "author": f"customer{number % 9000}",
        "comment_text": f"Kestrova {words} {number}",
        "created_at_i": int(START.timestamp()) + second,
        "parent_id": None,
    }


class _Search(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    times: list[int]
    now: Synchronized[int]
    page: int

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        asked = {key: one[-1] for key, one in parse_qs(urlsplit(self.path).query).items()}
        low, high = 0, self.now.value
        for bound in asked["numericFilters"].split(","):
            at = int(bound.rpartition("=" if "=" in bound else "<")[2]) - int(START.timestamp())
            low, high = (at, high) if ">=" in bound else (low, min(high, at))
        first, last = bisect_left(self.times, low), bisect_left(self.times, high)
        skip = int(asked.get("page", 0)) * self.page
        end = max(first, last - skip)
        numbers = range(end - 1, max(first, end - self.page) - 1, -1)
        hits = [hit(number, self.times[number]) for number in numbers]
        body = json.dumps({"hits": hits, "nbHits": last - first}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _serve(days: int, page: int, now: Synchronized[int], port: Synchronized[int]) -> None:
    _Search.times, _Search.now, _Search.page = written(days), now, page
    with ThreadingHTTPServer(("127.0.0.1", 0), _Search) as server:
        port.value = server.server_address[1]
        server.serve_forever()


@contextmanager
def platform(days: int, page: int) -> Iterator[tuple[str, Synchronized[int]]]:
    """The search's address, and the second of its day that it shows posts up to."""
    now, port = multiprocessing.Value("q", 0), multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=_serve, args=(days, page, now, port), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port.value}/api/v1", now
    finally:
        process.terminate()
        process.join()


def bare(url: str, now: Synchronized[int], days: int, page: int, folder: Path) -> float:
    """Processor seconds of a client that fetches and stores every page once, and nothing more."""
    now.value = days * DAY
    low, high = int(START.timestamp()), int(START.timestamp()) + days * DAY
    connection = sqlite3.connect(folder / "bare.db")
    connection.execute("create table mention (id primary key, author, text, at)")
    started = time.process_time()
    with requests.Session() as web:
        while True:
            filters = f"created_at_i>={low},created_at_i<{high}"
            got = web.get(f"{url}/search_by_date", params={"numericFilters": filters}, timeout=30)
            hits = got.json()["hits"]
            rows = [
                (h["objectID"], h["author"], h["comment_text"], h["created_at_i"]) for h in hits
            ]
            with connection:
                connection.executemany("insert or ignore into mention values (?,?,?,?)", rows)
            if len(hits) < page or hits[-1]["created_at_i"] <= low:
                break
            high = hits[-1]["created_at_i"]
    connection.close()
    return time.process_time() - started


def app(folder: Path, url: str, now: Synchronized[int], overlap: str) -> App:
    """A house that listens to the search, on the clock of the search."""
    settings = Settings(
        database_url=SecretStr(f"sqlite:///{folder / 'collect.db'}"),
        brand=(BrandSettings(name="Kestrova"), BrandSettings(name="Pellwick")),
        listen=(
            ListenSettings(
                source="hackernews",
                brand="Kestrova",
                options={"endpoint": url, "max_requests": 60, "since": "1h", "overlap": overlap},
            ),
        ),
    )
    return open_app(settings, clock=lambda: START + timedelta(seconds=now.value))


def megabytes() -> float:
    """What the process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def collect(here: App, now: Synchronized[int], days: int, *, whole: bool) -> list[float]:
    """Poll through the days as the scheduler would; gives memory at each sixth of the way."""
    classifier = here.classifier() if whole else None
    memory: list[float] = []
    ends = range(EVERY, days * DAY + 1, EVERY)
    for number, end in enumerate(ends, 1):
        now.value = end
        while True:
            polling.make_due(here.db, [query.id for query in here.queries])
            poll(here.db, here.queries, clock=here.clock, listener_for=here.listener)
            if '"open":[[' not in (polling.read_position(here.db, here.queries[0].id) or ""):
                break
        if classifier is not None:
            classify(here.db, classifier, clock=here.clock)
            group(here.db, clock=here.clock)
            flag(here.db, here.rules, clock=here.clock, alert_policy=here.alert_policy)
        if number % (len(ends) // 6) == 0:
            memory.append(megabytes())
    return memory


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--page", type=int, default=100)
    parser.add_argument("--overlap", default="5m", help="how far behind to look again")
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name, platform(asked.days, asked.page) as (url, now):
        folder = Path(name)
        os.sched_setaffinity(0, cores[:1])
        baseline = bare(url, now, asked.days, asked.page, folder)
        here = app(folder, url, now, asked.overlap)
        started, wall = time.process_time(), time.perf_counter()
        memory = collect(here, now, asked.days, whole=asked.whole)
        took, wall = time.process_time() - started, time.perf_counter() - wall
        report(here, asked.days, asked.page, baseline, took, wall, memory)
        here.db.close()


def report(
    here: App,
    days: int,
    page: int,
    baseline: float,
    took: float,
    wall: float,
    memory: list[float],
) -> None:
    """Say what was found."""
    from storage.queries import health

    (source,) = health(here.db).sources
    total = len(written(days))
    spent = _spent(here)
    if source.stored != total:
        sys.exit(f"{total - source.stored:,} of {total:,} posts are missing")
    burst = A_DAY * TIMES / DAY
    fewest = 1000 / page
    print(f"{total:,} mentions in {days} days, all of them stored; gaps: {source.gaps}")
    print(f"{total / took:,.0f} mentions a second of one core, {total / wall:,.0f} by the wall")
    print(f"  {total / took / burst:,.0f} times the pace of the burst ({burst:.1f} a second)")
    print(f"  {took / baseline:.1f} times the processor time of a bare client ({baseline:.1f} s)")
    print("memory along the way: " + ", ".join(f"{one:.0f}" for one in memory) + " MB")
    print(
        f"{1000 * spent / total:.1f} requests for 1,000 mentions; the fewest possible are "
        f"{fewest:.1f} ({1000 * spent / total / fewest:.2f} times)"
    )


def _spent(here: App) -> int:
    """Requests that the purse counted."""
    from sqlalchemy import text

    with here.db.read() as connection:
        return int(connection.execute(text("SELECT SUM(requests) FROM spending")).scalar_one())


if __name__ == "__main__":
    main()
