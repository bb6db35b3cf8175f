"""What comes under a known id from another author is no edit: it puts no words into a mouth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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

from earful.types import Author, Engagement, Mention, Rating
from pipeline.flag import flag
from storage.collecting import ingest
from storage.database.engine import Database

LATER = NOW + HOUR
MARIA = mention(1, "awful", by="maria", url="https://a.example/1")
NOBODY = author("anonymous", external_id="anonymous-m-1")


def _again(who: Author, words: str = "lovely", **other: object) -> Mention:
    told = {"text": words, "author": who, "fetched_at": LATER, "edited_at": LATER}
    return replace(MARIA, **(told | other))  # type: ignore[arg-type]


def _stored(db: Database) -> tuple[object, ...]:
    (row,) = rows(
        db,
        "SELECT handle, text, edition, lang, mention.url, rating_value, edited_at FROM mention"
        " JOIN author ON author.id = author_id",
    )
    return tuple(row)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (author("maria"), author("eve")),
        (author("maria"), author("maria", external_id="id-eve")),  # handles are free to choose
        (author("maria"), NOBODY),
        (NOBODY, author("eve")),
    ],
)
def test_a_stranger_changes_nothing_and_is_counted(
    db: Database, first: Author, second: Author
) -> None:
    keep(db, replace(MARIA, author=first))
    read_all(db)
    before = _stored(db)
    stars = Rating(kind="stars", value=5, lowest=1, highest=5)
    words = _again(second, lang="el", url="https://evil.example/", rating=stars)
    for _ in range(2):
        told = keep(db, words, ids=["acme-air", "rival-jet"])
        assert (told.new, told.changed, told.rejected) == (0, 0, 1)
    assert _stored(db) == before
    assert [number(db, one) for one in ("author", "mention_brand", "match", "revision")] == [
        1,
        1,
        1,
        0,
    ]
    ((location, reason, raw),) = rows(db, "SELECT location, reason, raw FROM rejected")
    assert (location, raw) == ("m-1", "")
    assert "another author's post has this id" in reason
    assert rows(db, "SELECT rejected FROM query") == [(1,)]
    assert flag(db, RULES, clock=FrozenClock()).flags == 1
    check_all(db)


def test_figures_of_such_a_copy_are_taken(db: Database) -> None:
    keep(db, MARIA)
    keep(db, _again(author("eve"), engagement=Engagement(likes=7)))
    assert [row.likes for row in rows(db, "SELECT likes FROM mention")] == [7]


def test_the_same_words_under_another_name_are_the_same_post(db: Database) -> None:
    """As when a file knew no author, and a platform does: the query that found it is kept."""
    keep(db, replace(MARIA, author=NOBODY))
    before = _stored(db)
    other = replace(QUERY, id="fake/other")
    copy = _again(author("maria"), MARIA.text, url="https://evil.example/")
    assert keep(db, copy, query=other, ids=["acme-air", "other"]).rejected == 0
    assert _stored(db) == before
    assert [number(db, one) for one in ("author", "mention_brand", "match")] == [1, 2, 2]
    check_all(db)


@pytest.mark.parametrize("words", [["awful", "lovely"], ["lovely", "awful"]])
def test_of_two_authors_in_one_batch_the_first_counts(db: Database, words: Sequence[str]) -> None:
    keep(db)
    one, two = (_again(author(who), text) for who, text in zip(("ana", "eve"), words, strict=True))
    later = replace(two, published_at=two.published_at + HOUR)
    told = ingest.store(db, QUERY, batch(one, later), about("acme-air"), NOW)
    assert (told.seen, told.new, told.rejected) == (1, 1, 1)
    assert _stored(db)[:2] == ("ana", words[0])


def test_an_author_who_renamed_themselves_may_edit(db: Database) -> None:
    keep(db, MARIA)
    assert keep(db, _again(author("mary", external_id="id-maria"))).changed == 1
    assert _stored(db)[:2] == ("mary", "lovely")
