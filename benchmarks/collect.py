"""Collect a busy day: 25,000 mentions, and two hours at 20 times that pace.

    python benchmarks/collect.py [--days 1] [--page 100] [--overlap 5m] [--whole]

A server on loopback (a process of its own) answers a search newest first, ``--page`` posts a
request. The collector is held to one core and polls it every 15 minutes of a day, by a clock of our
own. It does all of a poll's real work: the backfill, matching, the ledger, counts, one transaction
a page. ``--whole`` also classifies, groups and flags the mentions.

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


def writing_times(days: int) -> list[int]:
    """Return the time of each post, in seconds from the start: 25,000 a day, and the bursts."""
    pace = A_DAY / DAY
    times: list[int] = []
    owed = 0.0
    for second in range(days * DAY):
        burst = BURST[0] <= second % DAY < BURST[1]
        owed += pace * (TIMES if burst else 1)
        times += [second] * int(owed)
        owed -= int(owed)
    return times


def make_hit(number: int, second: int) -> dict[str, object]:
    """Return an invented post in the format of the search."""
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
        """Log nothing."""

    def do_GET(self) -> None:
        query = {key: values[-1] for key, values in parse_qs(urlsplit(self.path).query).items()}
        low, high = 0, self.now.value
        for bound in query["numericFilters"].split(","):
            at = int(bound.rpartition("=" if "=" in bound else "<")[2]) - int(START.timestamp())
            low, high = (at, high) if ">=" in bound else (low, min(high, at))
        first, last = bisect_left(self.times, low), bisect_left(self.times, high)
        skip = int(query.get("page", 0)) * self.page
        end = max(first, last - skip)
        numbers = range(end - 1, max(first, end - self.page) - 1, -1)
        hits = [make_hit(number, self.times[number]) for number in numbers]
        body = json.dumps({"hits": hits, "nbHits": last - first}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _serve(days: int, page: int, now: Synchronized[int], port: Synchronized[int]) -> None:
    _Search.times, _Search.now, _Search.page = writing_times(days), now, page
    with ThreadingHTTPServer(("127.0.0.1", 0), _Search) as server:
        port.value = server.server_address[1]
        server.serve_forever()


@contextmanager
def platform(days: int, page: int) -> Iterator[tuple[str, Synchronized[int]]]:
    """Serve the search; yield its address, and the second up to which it shows posts."""
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


def run_bare_client(url: str, now: Synchronized[int], days: int, page: int, folder: Path) -> float:
    """Return the processor seconds of a client that only fetches and stores every page once."""
    now.value = days * DAY
    low, high = int(START.timestamp()), int(START.timestamp()) + days * DAY
    connection = sqlite3.connect(folder / "bare.db")
    connection.execute("create table mention (id primary key, author, text, at)")
    started = time.process_time()
    with requests.Session() as web:
        while True:
            filters = f"created_at_i>={low},created_at_i<{high}"
            response = web.get(
                f"{url}/search_by_date", params={"numericFilters": filters}, timeout=30
            )
            hits = response.json()["hits"]
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


def open_collector(folder: Path, url: str, now: Synchronized[int], overlap: str) -> App:
    """Open an app that listens to the search, on the clock of the search."""
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
    """Return the memory that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def collect(app: App, now: Synchronized[int], days: int, *, with_analysis: bool) -> list[float]:
    """Poll through the days as the scheduler would; return the memory at each sixth of the way."""
    classifier = app.classifier() if with_analysis else None
    memory: list[float] = []
    ends = range(EVERY, days * DAY + 1, EVERY)
    for number, end in enumerate(ends, 1):
        now.value = end
        while True:
            polling.make_due(app.db, [query.id for query in app.queries])
            poll(app.db, app.queries, clock=app.clock, listener_for=app.listener)
            if '"open":[[' not in (polling.read_position(app.db, app.queries[0].id) or ""):
                break
        if classifier is not None:
            classify(app.db, classifier, clock=app.clock)
            group(app.db, clock=app.clock)
            flag(app.db, app.rules, clock=app.clock, alert_policy=app.alert_policy)
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
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory() as name,
        platform(arguments.days, arguments.page) as (url, now),
    ):
        folder = Path(name)
        os.sched_setaffinity(0, cores[:1])
        baseline = run_bare_client(url, now, arguments.days, arguments.page, folder)
        app = open_collector(folder, url, now, arguments.overlap)
        started, began = time.process_time(), time.perf_counter()
        memory = collect(app, now, arguments.days, with_analysis=arguments.whole)
        processor_seconds = time.process_time() - started
        seconds = processor_seconds, time.perf_counter() - began
        report(app, arguments.days, arguments.page, baseline, seconds, memory)
        app.db.close()


def report(
    app: App,
    days: int,
    page: int,
    baseline: float,
    seconds: tuple[float, float],
    memory: list[float],
) -> None:
    """Print the figures; ``seconds`` are of the processor and of the wall clock."""
    from storage.queries import health

    (source,) = health(app.db).sources
    total = len(writing_times(days))
    spent = _spent(app)
    if source.stored != total:
        sys.exit(f"{total - source.stored:,} of {total:,} posts are missing")
    burst = A_DAY * TIMES / DAY
    fewest = 1000 / page
    by_processor, by_wall = total / seconds[0], total / seconds[1]
    print(f"{total:,} mentions in {days} days, all of them stored; gaps: {source.gaps}")
    print(f"{by_processor:,.0f} mentions a second of one core, {by_wall:,.0f} by the wall")
    print(f"  {by_processor / burst:,.0f} times the pace of the burst ({burst:.1f} a second)")
    times = seconds[0] / baseline
    print(f"  {times:.1f} times the processor time of a bare client ({baseline:.1f} s)")
    print("memory along the way: " + ", ".join(f"{size:.0f}" for size in memory) + " MB")
    print(
        f"{1000 * spent / total:.1f} requests for 1,000 mentions; the fewest possible are "
        f"{fewest:.1f} ({1000 * spent / total / fewest:.2f} times)"
    )


def _spent(app: App) -> int:
    """Return the requests that the spend meter counted."""
    from sqlalchemy import text

    with app.db.read() as connection:
        return int(connection.execute(text("SELECT SUM(requests) FROM spending")).scalar_one())


if __name__ == "__main__":
    main()
