"""Stories as tables: counts that follow when mentions go, and lookups that stay short."""

from __future__ import annotations

import pytest
from factories import HOUR, NOW, FrozenClock, author, check_all, ids, keep, mention, number, rows

from earful.types import Engagement, Rating
from pipeline.group import group
from storage.analysis import ratings, stories
from storage.analysis.stories import FirstMention
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import MentionRow

LONG = "awful, my parcel was lost for the third time and nobody at the desk answers the phone"


@pytest.fixture
def told(db: Database, clock: FrozenClock) -> Database:
    """A story of three mentions by two authors, and one of its own."""
    keep(
        db,
        mention(1, text=LONG, by=author("maria", followers=1000), engagement=Engagement(shares=2)),
        mention(2, text=LONG, by=author("maria", followers=1000), published_at=NOW),
        mention(3, text=LONG, by="bo", published_at=NOW),
        mention(4, text="else", by="eve", published_at=NOW),
    )
    group(db, clock=clock)
    return db


def _told(db: Database) -> list[tuple[int, int, int, int]]:
    return [tuple(row) for row in rows(db, "SELECT * FROM story ORDER BY id")]


def _leave(db: Database, *names: str) -> None:
    with db.write() as connection:
        stories.ungroup(connection, [ids(db)[name] for name in names])


def test_who_leaves_takes_their_part_along(told: Database) -> None:
    first, alone = ids(told)["m-1"], ids(told)["m-4"]
    assert _told(told) == [(first, 3, 2, 1000 + 200 + 100), (alone, 1, 1, 100)]
    _leave(told, "m-2")
    assert _told(told)[0] == (first, 2, 2, 1300)
    _leave(told, "m-1")
    assert _told(told)[0] == (first, 1, 1, 100)
    check_all(told)


def test_a_story_that_nobody_tells_any_more_leaves_nothing(told: Database) -> None:
    _leave(told, "m-1", "m-2", "m-3")
    assert _told(told) == [(ids(told)["m-4"], 1, 1, 100)]
    assert number(told, "story_band") == 0


def test_who_left_is_grouped_again(told: Database, clock: FrozenClock) -> None:
    _leave(told, "m-2", "m-3")
    group(told, clock=clock)
    assert _told(told)[0][1:] == (3, 2, 1300)
    check_all(told)


def test_leaving_twice_or_nothing_changes_nothing(told: Database) -> None:
    _leave(told, "m-3")
    before = _told(told)
    _leave(told, "m-3")
    _leave(told)
    assert _told(told) == before


def test_who_leaves_takes_nothing_of_the_others_along(told: Database) -> None:
    """Whatever their followers became since they joined."""
    keep(told, mention(9, text="x", by=author("maria", followers=10**9), published_at=NOW))
    _leave(told, "m-1", "m-2")
    assert _told(told)[0][1:] == (1, 1, 100)


def test_made_up_numbers_do_not_overflow(db: Database, clock: FrozenClock) -> None:
    most = 2**63 - 1
    crowd = [
        mention(
            n, text=LONG, by=author(f"p{n}", followers=most), engagement=Engagement(shares=most)
        )
        for n in range(20)
    ]
    keep(db, *crowd)
    group(db, clock=clock)
    assert _told(db)[0][1:] == (20, 20, 20 * 10**12)
    _leave(db, "m-3")
    assert _told(db)[0][1:] == (19, 19, 2 * 19 * 10**12)


def test_what_a_story_began_with_may_be_gone(told: Database) -> None:
    first, alone = ids(told)["m-1"], ids(told)["m-4"]
    with told.write() as connection:
        stories.ungroup(connection, [first])
        for table in ("mention_brand", "match"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE mention_id = {first}")
        connection.execute(table_of(MentionRow).delete().where(table_of(MentionRow).c.id == first))
        found = stories.read_first_mentions(connection, {first, alone, 999})
    assert found == {
        first: FirstMention(text=None, published_at=None),
        alone: FirstMention(text="else", published_at=NOW),
    }


def test_who_comes_after_the_first_is_gone_joins_all_the_same(
    told: Database, clock: FrozenClock
) -> None:
    test_what_a_story_began_with_may_be_gone(told)
    keep(told, mention(7, text=LONG.upper(), by="zoe", published_at=NOW + HOUR))
    group(told, clock=clock)
    assert _told(told)[0][1:] == (3, 3, 1000 + 100 + 100)


def test_only_what_is_older_is_pruned(told: Database) -> None:
    with told.write() as connection:
        assert stories.prune_bands(connection, NOW) == 0
        assert stories.prune_bands(connection, NOW + HOUR) == 11
        assert stories.prune_bands(connection, NOW + HOUR) == 0


def test_lookups_stay_short_however_much_is_stored(sqlite: Database) -> None:
    """One that read a whole table would cost more with every mention."""
    plans = {
        "SELECT id FROM mention WHERE story_id IS NULL AND NOT noise ORDER BY id LIMIT 9": (
            "SCAN mention USING INDEX ix_mention_ungrouped"
        ),
        "SELECT band, story_id FROM story_band WHERE band IN (1, 2)": (
            "SEARCH story_band USING PRIMARY KEY (band=?)"
        ),
        "SELECT brand_id FROM flag WHERE story_id IN (1, 2)": (
            "SEARCH flag USING INDEX ix_flag_story (story_id=?)"
        ),
        "WITH told(story, author) AS (VALUES (1, 2), (3, 4)) SELECT story_id FROM mention "
        "JOIN told ON story_id = story AND author_id = author": (
            "SEARCH mention USING COVERING INDEX ix_mention_story (story_id=? AND author_id=?)"
        ),
    }
    for statement, step in plans.items():
        assert step in [row[3] for row in rows(sqlite, f"EXPLAIN QUERY PLAN {statement}")]


@pytest.mark.parametrize(
    "rating", [None, Rating(kind="stars", value=1, lowest=1, highest=5),
               Rating(kind="nps", value=0, lowest=0, highest=10)],
)  # fmt: skip
def test_a_rating_is_kept_as_it_was_given(db: Database, rating: Rating | None) -> None:
    keep(db, mention(1, rating=rating))
    with db.read() as connection:
        (row,) = connection.execute(table_of(MentionRow).select())
    assert ratings.from_row(row) == rating
