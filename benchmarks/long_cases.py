"""Measure the cost of one loud author against the same number of quiet ones.

    python benchmarks/long_cases.py [--complaints 3000]

A stranger decides how many posts a case holds and how long they are. So each figure stands beside
its baseline of the same run: the same number of complaints, one from each author. A ratio near 1
says that the length of a case costs nothing extra. Times are processor times, which a busy machine
changes least.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from streamlit import config
from streamlit.testing.v1 import AppTest

from earful.judgements import Prediction, Scores
from earful.types import Author, Batch, Brand, Mention, Query
from outreach.rules import Rules
from pipeline.flag import flag
from storage import queries
from storage.analysis import predictions
from storage.collecting import ingest
from storage.database import migrate
from storage.database.engine import Database, connect
from storage.entities import brands
from storage.removal import erasing
from storage.views import QueueFilter

_BRAND = Brand(id="acme-air", name="Acme Air", timezone="Europe/Athens")
_QUERY = Query(id="bench/acme-air", brand_id="acme-air", source="bench")
_RULES = Rules(
    negative_at=0.6,
    look_back=None,
    urgent_at=70,
    reply_within=timedelta(hours=24),
    urgent_reply_within=timedelta(hours=2),
)
_PAGE = Path(__file__).parents[1] / "dashboard" / "app.py"
_MODEL = "bench/1"
_BATCH = 500
# the longest text that is stored, of letters that each carry more marks than a page shows
_HOSTILE = ("a" + "\u0301" * 9) * 2000


@dataclass(frozen=True, slots=True)
class Workload:
    """A name, a number of complaints, and how many authors wrote them."""

    name: str
    complaints: int
    authors: int
    text: str = "My bag is lost and the desk is closed"


@dataclass(slots=True)
class Cost:
    """The seconds of processor time that each step of a workload took."""

    flagging: float
    case: float
    queue: float
    page: float
    elements: int
    erasing: float


@contextmanager
def database(folder: Path, workload: Workload) -> Iterator[Database]:
    """Store and classify the complaints of a workload, in a database with settings beside it."""
    path = folder / "earful.db"
    settings = f'database_url = "sqlite:///{path}"\n[[brand]]\nname = "Acme Air"\n'
    (folder / "settings.toml").write_text(settings, encoding="utf-8")
    db = connect(f"sqlite:///{path}")
    migrate.upgrade(db)
    brands.sync(db, [_BRAND])
    for start in range(0, workload.complaints, _BATCH):
        numbers = range(start, min(start + _BATCH, workload.complaints))
        mentions = tuple(_mention(workload, number) for number in numbers)
        batch = Batch(mentions=mentions, position=str(start))
        ingest.store(db, _QUERY, batch, lambda _mention: [(_BRAND.id, False)], _now())
    while waiting := predictions.list_unclassified(db, _MODEL, _BATCH):
        predictions.save(db, [_prediction(mention.mention_id) for mention in waiting])
    try:
        yield db
    finally:
        db.close()


def _now() -> datetime:
    return datetime(2026, 11, 20, 12, tzinfo=UTC)


def _mention(workload: Workload, number: int) -> Mention:
    writer = f"writer{number % workload.authors}"
    return Mention(
        source="bench",
        external_id=f"m{number}",
        author=Author(source="bench", external_id=writer, handle=writer),
        # a number in front of every word: no text is a near copy of another
        text=" ".join(f"{number}{word}" for word in workload.text.split()),
        published_at=_now() - timedelta(seconds=workload.complaints - number),
        fetched_at=_now(),
    )


def _prediction(mention_id: int) -> Prediction:
    scores = Scores(negative=0.95, neutral=0.04, positive=0.01)
    return Prediction(mention_id=mention_id, model_id=_MODEL, scores=scores, at=_now())


def seconds(action: Callable[[], object]) -> float:
    """Return the processor time that the action takes."""
    started = time.process_time()
    action()
    return time.process_time() - started


def measure(workload: Workload) -> Cost:
    """Flag the complaints, read and draw the first case, and erase its author."""
    with tempfile.TemporaryDirectory() as name, database(Path(name), workload) as db:
        flagging = seconds(lambda: flag(db, _RULES, clock=_now))
        (first,) = queries.queue(db, QueueFilter(), limit=1)
        case = seconds(lambda: queries.case(db, first.id))
        queue = seconds(lambda: queries.queue(db, QueueFilter(), limit=20))
        page, elements = _draw(Path(name))
        (author, *_) = erasing.find_authors(db, "bench", first.handle)
        erased = seconds(lambda: erasing.erase_author(db, author, _now()))
    return Cost(
        flagging=flagging, case=case, queue=queue, page=page, elements=elements, erasing=erased
    )


def _draw(folder: Path) -> tuple[float, int]:
    """Open /unhappy as a visitor; return the seconds and the number of elements of the page."""
    os.environ["EARFUL_SETTINGS"] = str(folder / "settings.toml")
    from dashboard import data

    config.set_option("server.address", "127.0.0.1")  # elsewhere the page wants a password
    data.clear_cache()
    visit = AppTest.from_file(str(_PAGE), default_timeout=600)
    visit.run()
    visit.switch_page("views/unhappy.py")
    took = seconds(visit.run)
    if visit.exception:
        raise SystemExit(f"the page failed: {visit.exception[0].message}")
    data.clear_cache()
    return took, sum(1 for _ in visit.main)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--complaints", type=int, default=3000)
    number = parser.parse_args().complaints
    baseline = Workload(f"{number:,} authors, one complaint each", number, number)
    workloads = (
        baseline,
        Workload(f"one author, {number:,} complaints", number, 1),
        Workload(f"one author, {2 * number:,} complaints", 2 * number, 1),
        Workload("one author, 400 texts of combining marks", 400, 1, _HOSTILE),
    )
    base: Cost | None = None
    for workload in workloads:
        cost = measure(workload)
        base = base or cost
        each, base_each = cost.flagging / workload.complaints, base.flagging / baseline.complaints
        print(workload.name)
        for name, value, base_value in (
            ("flagging a complaint", each, base_each),
            ("reading the case", cost.case, base.case),
            ("reading the queue", cost.queue, base.queue),
            ("drawing /unhappy", cost.page, base.page),
        ):
            print(f"  {name + ':':22}{value * 1000:10.2f} ms{value / base_value:8.1f} times")
        print(f"  {'its elements:':22}{cost.elements:10,}")
        erased = cost.erasing / (workload.complaints / workload.authors)
        print(f"  {'erasing a post:':22}{erased * 1000:10.2f} ms")


if __name__ == "__main__":
    main()
