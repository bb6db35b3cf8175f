"""A stranger decides how long a case is: no query, page or verdict may read it whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from factories import ANY_AGE, NOW, QUERY, batch, check_all, keep, mention, read_all, rows
from sqlalchemy import event

from earful.types import Gone
from pipeline.flag import flag
from storage import queries
from storage.cases import commands, explanations
from storage.cases.detail import PAGE_SIZE, SHOWN_REVISIONS
from storage.collecting import ingest
from storage.database.engine import Database
from storage.views import CaseDetail, QueueFilter

MINUTE = timedelta(minutes=1)


def complain(db: Database, number: int, *, authors: int = 1, start: int = 0) -> None:
    """Store, classify and judge complaints, each a minute after the one before."""
    keep(
        db,
        *(
            mention(at, f"awful {at * 7919}", by=f"p{at % authors}", published_at=NOW + at * MINUTE)
            for at in range(start, start + number)
        ),
    )
    read_all(db)
    flag(db, ANY_AGE, clock=lambda: NOW)


def the_case(db: Database, **keys: Any) -> CaseDetail:
    (case,) = queries.queue(db, QueueFilter())
    detail = queries.case(db, case.id, **keys)
    assert detail is not None
    return detail


def pages(read: Callable[[Any], tuple[list[Any], int]]) -> Iterator[tuple[list[Any], int]]:
    """Walk the pages of a list by the key of each page's last row."""
    key = None
    while True:
        page, older = read(key)
        yield page, older
        if not older:
            return
        key = page[-1].key


def test_the_pages_of_a_case_hold_each_mention_once(db: Database) -> None:
    complain(db, 45)
    # two posts of one instant fall on both sides of a page's end
    keep(db, *(mention(f"s{at}", f"awful s{at}", by="p0", published_at=NOW) for at in range(3)))
    read_all(db)
    flag(db, ANY_AGE, clock=lambda: NOW)

    def read(key: Any) -> tuple[list[Any], int]:
        detail = the_case(db, mentions_after=key)
        return list(detail.mentions), detail.older_mentions

    walked = list(pages(read))
    assert [(len(page), older) for page, older in walked] == [(20, 28), (20, 8), (8, 0)]
    mentions = [each for page, _ in walked for each in page]
    assert len({each.mention_id for each in mentions}) == the_case(db).case.complaints == 48
    times = [each.published_at for each in mentions]
    assert times == sorted(times, reverse=True)
    check_all(db)


def test_the_pages_of_a_history_hold_each_entry_once(db: Database) -> None:
    complain(db, 1)
    case = the_case(db).case
    for at in range(44):
        commands.add_note(db, case.id, by="Maria", at=NOW, text=f"note {at}")

    def read(key: Any) -> tuple[list[Any], int]:
        detail = the_case(db, events_after=key)
        return list(detail.events), detail.older_events

    walked = list(pages(read))
    assert [(len(page), older) for page, older in walked] == [(20, 25), (20, 5), (5, 0)]
    notes = [each.note for page, _ in walked for each in page]
    assert notes[:44] == [f"note {at}" for at in reversed(range(44))]


def test_a_post_edited_all_day_shows_its_newest_texts_and_counts_them(db: Database) -> None:
    complain(db, 1)
    for at in range(1, 13):
        edited = mention(
            0, f"awful edit {at}", by="p0", published_at=NOW, fetched_at=NOW + at * MINUTE
        )
        ingest.store(db, QUERY, batch(edited), lambda _mention: [("acme-air", False)], NOW)
    (post,) = the_case(db).mentions
    assert (len(post.earlier), post.earlier_count) == (SHOWN_REVISIONS, 12)
    everything = queries.revisions(db, post.mention_id)
    assert len(everything) == 12
    assert everything[:SHOWN_REVISIONS] == post.earlier


@pytest.mark.parametrize("authors", [1, 4])
def test_flagging_counts_the_same_in_one_run_or_in_many(db: Database, authors: int) -> None:
    """The sums kept on a case give what its flags give: evidence, priority and times."""
    complain(db, 30, authors=authors)
    for at in range(30, 40):
        complain(db, 1, authors=authors, start=at)
    evidence = [
        verdict.flag.evidence.earlier_complaints
        for at in range(40)
        for verdict in explanations.of_post(db, "fake", f"m-{at}")
        if verdict.flag is not None
    ]
    assert evidence == [at // authors for at in range(40)]
    check_all(db)


def test_deleting_posts_of_a_case_keeps_its_sums(db: Database) -> None:
    complain(db, 12)
    for first, last in ((0, 3), (11, 12), (3, 11)):
        posts = tuple(Gone(source="fake", external_id=f"m-{at}") for at in range(first, last))
        gone = batch(gone=posts)
        ingest.store(db, QUERY, gone, lambda _mention: [("acme-air", False)], NOW)
        check_all(db)
    assert [row.outcome for row in rows(db, 'SELECT outcome FROM "case"')] == ["post deleted"]


@contextmanager
def work(db: Database) -> Iterator[list[int]]:
    """Count statements, and SQLite's steps: [statements, hundreds of steps]."""
    counts = [0, 0]

    def count_statement(*_arguments: Any) -> None:
        counts[0] += 1

    def count_steps() -> int:
        counts[1] += 1
        return 0

    def watch(connection: Any, *_arguments: Any) -> None:
        connection.set_progress_handler(count_steps, 100)

    event.listen(db.engine, "before_cursor_execute", count_statement)
    event.listen(db.engine, "checkout", watch)
    try:
        yield counts
    finally:
        event.remove(db.engine, "before_cursor_execute", count_statement)
        event.remove(db.engine, "checkout", watch)


def test_a_long_case_costs_no_more_than_a_short_one(sqlite: Database) -> None:
    """Reading a case, the queue and an explanation: the same statements, hardly more steps."""
    reads: tuple[Callable[[], object], ...] = (
        lambda: the_case(sqlite),
        lambda: queries.newest_flagged(sqlite, "acme-air"),
        lambda: explanations.of_case(sqlite, the_case(sqlite).case.id, limit=PAGE_SIZE),
    )
    costs = []
    for start, number in ((0, PAGE_SIZE), (PAGE_SIZE, 380)):
        complain(sqlite, number, start=start)
        for read in reads:
            with work(sqlite) as counts:
                read()
            costs.append(counts)
    short, long = costs[: len(reads)], costs[len(reads) :]
    assert [statements for statements, _ in long] == [statements for statements, _ in short]
    # 20 times the posts; only the count of entries in an index grows
    for (_, short_steps), (_, long_steps) in zip(short, long, strict=True):
        assert long_steps <= 2 * short_steps + 30, (short, long)


def test_a_loud_author_costs_no_more_than_many_quiet_ones(sqlite: Database) -> None:
    """Judging complaints: statements and steps grow with their number, not with its square."""
    each: list[tuple[float, float]] = []
    start = 0
    # the first is the baseline
    for number, authors in ((200, 200), (200, 1), (400, 1)):
        keep(
            sqlite,
            *(
                mention(
                    f"{authors}-{at}",
                    f"awful {at * 7919}",
                    by=f"q{authors}-{at % authors}",
                    published_at=NOW + at * MINUTE,
                )
                for at in range(start, start + number)
            ),
        )
        read_all(sqlite)
        start += number
        with work(sqlite) as counts:
            flag(sqlite, ANY_AGE, clock=lambda: NOW)
        each.append((counts[0] / number, counts[1] / number))
    quiet, loud, louder = each
    assert loud[0] <= quiet[0] * 1.2, each
    assert louder[0] <= loud[0] * 1.2, each
    assert loud[1] <= quiet[1] * 1.5, each
    assert louder[1] <= loud[1] * 1.5, each
