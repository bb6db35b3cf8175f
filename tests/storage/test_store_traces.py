"""What an erased person may leave where nobody looks: other tables than those of their posts."""

from __future__ import annotations

import pytest
from factories import (
    HOUR,
    NOW,
    QUERY,
    RULES,
    FrozenClock,
    about,
    author,
    batch,
    check_all,
    keep,
    mention,
    number,
    read_all,
    rows,
)

from earful.messages import Message
from earful.types import Gone, Mention, Rejected
from pipeline.flag import flag
from storage.cases import deliveries
from storage.collecting import ingest
from storage.database.clean import names_one
from storage.database.engine import Database
from storage.removal import erasing

DID = "did:plc:maria"


def _uri(number_: int) -> str:
    """As Bluesky names posts: with the id of who wrote them."""
    return f"at://{DID}/app.bsky.feed.post/{number_}"


def _erase(db: Database, who: str = "maria") -> erasing.ErasureCounts:
    (person,) = erasing.find_authors(db, "fake", who)
    return erasing.erase_author(db, person, NOW + HOUR)


def _store(db: Database, *mentions: Mention, **other: object) -> ingest.IngestCounts:
    found = batch(*mentions, **other)  # type: ignore[arg-type]
    return ingest.store(db, QUERY, found, about("acme-air"), NOW + HOUR)


def _traces(db: Database, word: str) -> set[str]:
    from sqlmodel import SQLModel

    tables = [table.name for table in SQLModel.metadata.sorted_tables]
    return {
        table
        for table in tables
        for row in rows(db, f'SELECT * FROM "{table}"')
        if any(word in str(value) for value in row)
    }


@pytest.mark.parametrize(
    ("handle", "asked"),
    [
        ("Ольга", "Ольга"),
        ("Ольга", "ольга"),
        ("Élodie Dupont", "élodie dupont"),
        ("ÉLODIE", "@E\u0301lodie"),
        ("Straße", "STRASSE"),
        ("@Maria", "maria"),
    ],
)
def test_a_handle_is_found_in_capitals_of_any_script(db: Database, handle: str, asked: str) -> None:
    keep(db, mention(1, by=author(handle, external_id="7")), mention(2, by="bo"))
    assert [one.external_id for one in erasing.find_authors(db, "fake", asked)] == ["7"]


def test_nobody_is_called_nothing(db: Database) -> None:
    keep(db, mention(1, by=author("", external_id="7")))
    assert erasing.find_authors(db, "fake", "@") == ()


def test_a_tombstone_from_before_does_not_name_them(db: Database) -> None:
    maria = author("maria", external_id=DID)
    keep(db, mention(1, by=maria, external_id=_uri(1)), mention(2, by=maria, external_id=_uri(2)))
    _store(
        db, gone=[Gone(source="fake", external_id=_uri(1)), Gone(source="fake", external_id="x")]
    )
    _erase(db)
    assert _traces(db, DID) == set()
    assert {row.reason for row in rows(db, "SELECT reason FROM tombstone")} == {"erased", "deleted"}
    for one in (1, 2):
        assert keep(db, mention(one, by="bo", external_id=_uri(one))).new == 0
    assert number(db, "tombstone") == 3


def test_a_deleted_post_that_is_erased_is_not_named_any_more(db: Database) -> None:
    keep(db, mention(1))
    _store(db, gone=[Gone(source="fake", external_id="m-1")])
    erasing.erase_mention(db, "fake", "m-1", NOW)
    assert _traces(db, "m-1") == set()
    assert keep(db, mention(1)).new == 0


def test_answers_to_them_stay_and_do_not_say_to_what(db: Database) -> None:
    maria = author("maria", external_id=DID)
    keep(db, mention(1, by=maria, external_id=_uri(1)))
    keep(db, mention(2, by="bo", reply_to=_uri(1)), mention(3, by="bo", reply_to="m-2"))
    _erase(db)
    assert _traces(db, DID) == set()
    assert [row.reply_to for row in rows(db, "SELECT reply_to FROM mention ORDER BY id")] == [
        None,
        "m-2",
    ]


def test_unreadable_items_do_not_name_them(db: Database) -> None:
    keep(db, mention(1), mention(2, by=author("Ольга", external_id="81")))
    _store(
        db,
        mention(1, "somebody else's words", by="eve"),
        rejected=[
            Rejected(where="line 1", reason="author 'maria' has no date", raw="{}"),
            Rejected(
                where="line 2",
                reason="no date",
                raw='{"by": "\\u041e\\u043b\\u044c\\u0433\\u0430"}',
            ),
            Rejected(where="line 81", reason="no date", raw="{}"),
            Rejected(where="line 4", reason="no date", raw="a word about mariachi, 812 words"),
        ],
    )
    assert "m-1" in _traces_of_rejects(db)
    _erase(db)
    _erase(db, "ольга")
    assert [tuple(row) for row in rows(db, "SELECT location, raw FROM rejected ORDER BY id")] == [
        ("line 2", ""),
        ("line 4", "a word about mariachi, 812 words"),
    ]


def _traces_of_rejects(db: Database) -> set[str]:
    return {row.location for row in rows(db, "SELECT location FROM rejected")}


def test_who_is_erased_is_not_named_as_somebody_else_again(db: Database) -> None:
    """A batch tells their post under two authors: that was noted with the post's id."""
    keep(db, mention(1))
    _erase(db)
    _store(db, mention(1), mention(1, "somebody else's words", by="eve"))
    assert _traces(db, "m-1") == set()
    check_all(db)


def test_a_notice_is_not_taken_for_a_message_about_somebody(db: Database) -> None:
    """ "Al" is in "also": what an operator must hear is not overwritten with a deletion."""
    keep(db, mention(1, by=author("al", name="Al")))
    read_all(db)
    flag(db, RULES, clock=FrozenClock())
    told = {
        "budget/x/2026-11-20/desk": "x has also stopped; Al should know",
        "digest-1-desk": "negative: also 12 %",
        "alert-1-desk": "Call @al",
    }
    with db.write() as connection:
        for key, text in told.items():
            message = Message(subject="s", text=text)
            deliveries.enqueue(connection, key=key, channel="desk", message=message, due_at=NOW)
    _store(db, gone=[Gone(source="fake", external_id="m-1")])
    assert [tuple(row) for row in rows(db, "SELECT state, text FROM delivery ORDER BY id")] == [
        ("queued", "x has also stopped; Al should know"),
        ("queued", "negative: also 12 %"),
        ("dropped", "(removed)"),
    ]


def test_names_are_words_of_their_own() -> None:
    assert names_one("Call @Maria!", ["bo", "maria"])
    assert names_one("a (b+c)* d", ["(b+c)*"])
    assert not names_one("also", ["al", "so", ""])
    assert not names_one("anything", [])
