"""Rows of one imported file that share an id: none is lost uncounted, and a repeat adds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from factories import ACME, HOUR, NOW, OTHER, QUERY, RIVAL, about, batch, check_all, mention, rows

from earful.types import Author, Mention
from listeners.common.authors import anonymous_author
from storage.collecting import ingest
from storage.collecting.ingest import IngestCounts
from storage.database.engine import Database
from storage.entities import brands

TICKET = [("maria", "You charged me twice"), ("maria", "No answer"), ("maria", "I am leaving")]


def _row(text: str, by: str = "maria", number: int = 1041) -> Mention:
    return mention(by=by, external_id=str(number), text=text)


def _import(
    db: Database, *batches: Sequence[Mention], at: int, ids: Sequence[str] = ("acme-air",)
) -> list[IngestCounts]:
    """Import a file in these batches, ``at`` hours from now."""
    brands.sync(db, [ACME, RIVAL, OTHER])
    fetched_at = NOW + at * HOUR
    return [
        ingest.store(
            db,
            QUERY,
            replace(batch(*(replace(row, fetched_at=fetched_at) for row in part)), is_file=True),
            about(*ids),
            fetched_at,
        )
        for part in batches
    ]


def _texts(db: Database) -> list[str]:
    return sorted(text for (text,) in rows(db, "SELECT text FROM mention"))


def _count(counts: Sequence[IngestCounts]) -> dict[str, int]:
    names = ("new", "known", "changed", "repeated", "removed", "rejected")
    sums = {name: sum(getattr(part, name) for part in counts) for name in names}
    return {name: number for name, number in sums.items() if number}


def test_other_words_under_one_id_are_all_stored_and_a_repeat_adds_none(db: Database) -> None:
    ticket = [_row(text) for _, text in TICKET]
    assert _count(_import(db, ticket, at=1)) == {"new": 3}
    assert _texts(db) == sorted(text for _, text in TICKET)
    assert _count(_import(db, ticket, at=2)) == {"known": 3}
    # the same rows in other batches, and newest first
    assert _count(_import(db, ticket[:1], ticket[1:], at=3)) == {"known": 3}
    assert _count(_import(db, ticket[::-1], at=4)) == {"known": 3}
    assert _count(_import(db, *([row] for row in ticket), at=5)) == {"known": 3}
    check_all(db)


def test_batches_of_one_row_store_the_same_as_one_batch(db: Database) -> None:
    ticket = [_row(text) for _, text in TICKET]
    assert _count(_import(db, *([row] for row in ticket), at=1)) == {"new": 3}
    assert _count(_import(db, ticket, at=2)) == {"known": 3}
    check_all(db)


def test_a_file_that_grew_adds_its_new_rows_alone(db: Database) -> None:
    ticket = [_row(text) for _, text in TICKET]
    _import(db, ticket[:2], at=1)
    assert _count(_import(db, ticket, at=2)) == {"known": 2, "new": 1}
    newest_first = [_row("And I told my friends"), *ticket[::-1]]
    assert _count(_import(db, newest_first, at=3)) == {"known": 3, "new": 1}
    assert len(_texts(db)) == 4
    check_all(db)


def test_the_last_days_of_a_ticket_change_no_earlier_message(db: Database) -> None:
    ticket = [_row(text) for _, text in TICKET]
    _import(db, ticket, at=1)
    assert _count(_import(db, ticket[1:], at=2)) == {"known": 2}
    assert _count(_import(db, ticket[2:], at=3)) == {"known": 1}
    assert _texts(db) == sorted(text for _, text in TICKET)


def test_the_same_words_are_said_again(db: Database) -> None:
    row = _row("You charged me twice")
    assert _count(_import(db, [row, row, row], [row], at=1)) == {"new": 1, "repeated": 3}
    assert _count(_import(db, [row, row], [row, row], at=2)) == {"known": 1, "repeated": 3}


def test_a_later_file_with_other_words_is_an_edit(db: Database) -> None:
    _import(db, [_row("Never again"), _row("Fine", number=7)], at=1)
    edited = [_row("Never again. Edit: they called me"), _row("Fine", number=7)]
    assert _count(_import(db, edited, at=2)) == {"known": 1, "changed": 1}
    assert _texts(db) == ["Fine", "Never again. Edit: they called me"]
    assert _count(_import(db, edited, at=3)) == {"known": 2}
    check_all(db)


def test_rows_by_another_author_are_refused_with_their_words(db: Database) -> None:
    file = [_row("Broke"), _row("Same here", "tomas"), _row("All good", "una")]
    (counts,) = _import(db, file, at=1)
    assert _count([counts]) == {"new": 1, "rejected": 2}
    assert [row.raw for row in counts.refused] == ["tomas: Same here", "una: All good"]
    assert {row.where for row in counts.refused} == {"id 1041 by tomas", "id 1041 by una"}
    # also in other batches and in another order: the stored author keeps the id
    assert _count(_import(db, *([row] for row in file[::-1]), at=2)) == {"known": 1, "rejected": 2}
    assert _texts(db) == ["Broke"]
    check_all(db)


def test_the_same_words_by_another_author_are_refused_too(db: Database) -> None:
    file = [_row("Too slow"), _row("Too slow", "tomas")]
    assert _count(_import(db, file, at=1)) == {"new": 1, "rejected": 1}


def test_people_without_a_name_under_one_id_are_not_one_customer(db: Database) -> None:
    nameless: Author = anonymous_author("fake", "1041")
    file = [replace(_row(text), author=nameless) for _, text in TICKET]
    assert _count(_import(db, file, at=1)) == {"new": 3}
    assert rows(db, "SELECT count(DISTINCT author_id) FROM mention") == [(3,)]
    assert _count(_import(db, file, at=2)) == {"known": 3}


def test_a_row_for_each_brand_links_the_mention_to_both(db: Database) -> None:
    row = _row("You charged me twice")
    _import(db, [row], at=1)
    brand_ids = iter(("acme-air", "rival-jet"))
    counts = ingest.store(
        db,
        QUERY,
        replace(batch(*(replace(row, fetched_at=NOW + 2 * HOUR) for _ in range(2))), is_file=True),
        lambda _mention: [(next(brand_ids), False)],
        NOW + 2 * HOUR,
    )
    assert _count([counts]) == {"known": 1, "repeated": 1}
    linked = rows(db, "SELECT brand_id FROM mention_brand ORDER BY 1")
    assert linked == [("acme-air",), ("rival-jet",)]
    check_all(db)
