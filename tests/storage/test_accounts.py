"""One account by handle in one file and by number in another is one author; two numbers are two."""

from __future__ import annotations

from dataclasses import replace

from factories import ACME, HOUR, NOW, OTHER, QUERY, RIVAL, about, batch, check_all, mention, rows

from earful.types import Author
from storage.collecting import ingest
from storage.database.engine import Database
from storage.entities import brands
from storage.removal import erasing


def _author(handle: str, number: str | None = None, source: str = "x") -> Author:
    return Author(source=source, external_id=number or handle, handle=handle)


def _store(db: Database, *authors: Author, at: int = 1) -> None:
    brands.sync(db, [ACME, RIVAL, OTHER])
    mentions = [
        mention(f"{at}-{number}", source=author.source, by=author, fetched_at=NOW + at * HOUR)
        for number, author in enumerate(authors)
    ]
    rows_of_file = replace(batch(*mentions), is_file=True)
    ingest.store(db, QUERY, rows_of_file, about("acme-air"), NOW + at * HOUR)
    check_all(db)


def _authors(db: Database) -> list[tuple[str, str, int]]:
    return rows(
        db,
        "SELECT a.external_id, a.handle, count(m.id) FROM author a "
        "LEFT JOIN mention m ON m.author_id = a.id GROUP BY a.id, a.external_id, a.handle "
        "ORDER BY a.id",
    )


def test_one_account_by_handle_and_by_number(db: Database) -> None:
    _store(db, _author("nell_ro"), at=1)
    _store(db, _author("Nell_Ro", "123"), at=2)
    _store(db, _author("nell_ro"), at=3)
    assert _authors(db) == [("123", "Nell_Ro", 3)]


def test_the_number_first(db: Database) -> None:
    _store(db, _author("Nell_Ro", "123"), at=1)
    _store(db, _author("nell_ro"), _author("NELL_RO"), at=2)
    assert _authors(db) == [("123", "Nell_Ro", 3)]


def test_both_in_one_file(db: Database) -> None:
    _store(db, _author("nell_ro"), _author("nell_ro", "123"), _author("Nell_ro"))
    assert [(number, mentions) for number, _, mentions in _authors(db)] == [("123", 3)]


def test_a_stored_handle_and_both_in_the_next_file(db: Database) -> None:
    _store(db, _author("nell_ro"), at=1)
    _store(db, _author("nell_ro"), _author("nell_ro", "123"), at=2)
    assert [(number, mentions) for number, _, mentions in _authors(db)] == [("123", 3)]


def test_two_numbers_are_two_people_whatever_their_handles(db: Database) -> None:
    _store(db, _author("nell_ro", "123"), at=1)
    _store(db, _author("nell_ro", "456"), at=2)  # the first gave the handle up
    assert [number for number, _, _ in _authors(db)] == ["123", "456"]
    _store(db, _author("nell_ro"), at=3)  # nothing tells which of them
    assert [(number, mentions) for number, _, mentions in _authors(db)] == [
        ("123", 1),
        ("456", 1),
        ("nell_ro", 1),
    ]
    _store(db, _author("nell_ro", "789"), at=4)  # no third number takes it over
    assert [number for number, _, _ in _authors(db)] == ["123", "456", "nell_ro", "789"]


def test_a_renamed_account_stays_one(db: Database) -> None:
    _store(db, _author("nell_ro", "123"), at=1)
    _store(db, _author("nell_new", "123"), at=2)
    _store(db, _author("nell_new"), at=3)
    _store(db, _author("nell_ro", "456"), at=4)
    assert _authors(db) == [("123", "nell_new", 3), ("456", "nell_ro", 1)]


def test_two_new_numbers_with_one_handle_take_nothing_over(db: Database) -> None:
    _store(db, _author("nell_ro"), at=1)
    _store(db, _author("nell_ro", "123"), _author("nell_ro", "456"), at=2)
    assert [number for number, _, _ in _authors(db)] == ["nell_ro", "123", "456"]


def test_names_that_many_share_are_not_handles(db: Database) -> None:
    _store(db, _author("Tom", source="facebook"), at=1)
    _store(db, _author("Tom", "5", source="facebook"), at=2)
    assert [number for number, _, _ in _authors(db)] == ["Tom", "5"]


def test_an_account_keeps_what_is_known_of_it(db: Database) -> None:
    known = Author(source="x", external_id="123", handle="Nell", verified=True, followers=7)
    _store(db, known, at=1)
    _store(db, _author("nell"), at=2)
    found = rows(db, "SELECT handle, followers FROM author WHERE verified")
    assert found == [("Nell", 7)]


def _erase(db: Database, name: str) -> None:
    (stored,) = erasing.find_authors(db, "x", name)
    erasing.erase_author(db, stored, NOW)


def _handles(db: Database) -> list[tuple[str, str]]:
    return [tuple(row) for row in rows(db, "SELECT external_id, handle FROM author ORDER BY 1")]


def test_an_account_erased_by_its_number_stays_out_under_its_handle(db: Database) -> None:
    _store(db, _author("Maria", "123"))
    _erase(db, "123")
    _store(db, _author("maria"), _author("MARIA"), _author("Maria", "123"), at=2)
    assert _handles(db) == []
    assert erasing.is_author_erased(db, "x", "Maria")
    # the handle's next owner is another person, and an old row by handle alone is not theirs
    _store(db, _author("maria", "456"), at=3)
    _store(db, _author("maria"), at=4)
    assert _handles(db) == [("456", "maria")]
    assert rows(db, "SELECT count(*) FROM mention") == [(1,)]


def test_an_account_erased_by_its_handle_alone_stays_out_under_its_number(db: Database) -> None:
    _store(db, _author("maria"), _author("bo", "7"))
    _erase(db, "maria")
    _store(db, _author("Maria", "123"), _author("maria"), at=2)
    assert _handles(db) == [("7", "bo")]


def test_names_that_many_share_block_nobody_else(db: Database) -> None:
    _store(db, _author("anonymous", "anonymous-1"))
    _erase(db, "anonymous-1")
    _store(db, _author("anonymous", "anonymous-2"), _author("anonymous"), at=2)
    assert len(_handles(db)) == 2
