"""A batch is kept whole or not at all, and twice is the same as once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from factories import (
    ACME,
    NOW,
    OTHER,
    QUERY,
    RIVAL,
    about,
    author,
    batch,
    check_all,
    keep,
    mention,
    number,
    read_all,
    recount,
    rows,
    tallies,
)

from earful.types import Author, Batch, Brand, Engagement, Gap, Mention, Query, Rejected
from storage import exports
from storage.collecting import ingest, polling
from storage.database.clean import storable
from storage.database.engine import Database
from storage.entities import brands

GAP = Gap(since=NOW - timedelta(hours=5), until=NOW - timedelta(hours=4), reason="1,000 hits")
SECOND = Query(id="fake/second", brand_id="acme-air", source="fake")


def _all_text(db: Database) -> str:
    return rows(db, "SELECT text FROM mention")[0][0]


def test_the_same_batch_twice_adds_nothing(db: Database) -> None:
    them = [mention(n, by=f"a{n % 2}") for n in range(5)]
    assert keep(db, *them) == ingest.IngestCounts(seen=5, new=5, rejected=0)
    before = [rows(db, f'SELECT * FROM "{t}" ORDER BY 1, 2') for t in _LASTING]
    assert keep(db, *them) == ingest.IngestCounts(seen=5, new=0, rejected=0, known=5)
    assert [rows(db, f'SELECT * FROM "{t}" ORDER BY 1, 2') for t in _LASTING] == before
    assert sum(tallies(db).values()) == 5
    check_all(db)


_LASTING = ("author", "mention", "mention_brand", "match", "tally")


def test_a_mention_twice_in_one_batch_is_one(db: Database) -> None:
    first = mention(1, "as it was first")
    stored = keep(db, first, replace(first, text="edited"))
    assert stored.new == 1
    assert _all_text(db) == "as it was first (1)"
    check_all(db)


def test_one_post_found_by_two_queries_about_two_brands(db: Database) -> None:
    keep(db, mention(1), ids=["acme-air"])
    keep(db, mention(1), query=SECOND, ids=["rival-jet", "acme-air"])
    assert number(db, "mention") == 1
    assert {tuple(row) for row in rows(db, "SELECT query_id, mention_id FROM match")} == {
        ("fake/acme-air", 1),
        ("fake/second", 1),
    }
    assert [row.brand_id for row in rows(db, "SELECT brand_id FROM mention_brand ORDER BY 1")] == [
        "acme-air",
        "rival-jet",
    ]
    check_all(db)


def test_a_second_brand_found_later_counts_the_feeling_that_the_post_has_by_then(
    db: Database,
) -> None:
    keep(db, mention(1, "awful"))
    read_all(db)
    shifted = mention(1, published_at=NOW - timedelta(days=9))  # the platform now says otherwise
    keep(db, shifted, ids=["rival-jet"])
    assert {key[0::3] for key in tallies(db)} == {
        ("acme-air", "negative"),
        ("rival-jet", "negative"),
    }
    check_all(db)


def test_our_own_accounts_posts_are_kept_but_not_counted(db: Database) -> None:
    keep(db, mention(1, by="acmehelp"), mention(2))
    assert number(db, "mention") == 2
    assert sum(tallies(db).values()) == 1
    check_all(db)


def test_same_id_on_two_platforms_is_two_posts_and_two_people(db: Database) -> None:
    elsewhere = mention(1, source="other", by=author(source="other"))
    assert keep(db, mention(1), elsewhere).new == 2
    assert number(db, "author") == 2


def test_authors_are_updated_but_nothing_known_is_forgotten(db: Database) -> None:
    url = "https://social.example/maria"
    keep(db, mention(1, by=author(name="Maria", followers=10, verified=True, url=url)))
    keep(db, mention(2, by=author(handle="maria2", followers=12)))
    assert rows(db, "SELECT handle, name, followers, url FROM author") == [
        ("maria2", "Maria", 12, url)
    ]


@pytest.mark.parametrize("followers", [None, 7])
def test_within_a_batch_nothing_known_of_an_author_is_forgotten(
    db: Database, followers: int | None
) -> None:
    known = author(external_id="bob", handle="bob", name="Bob", followers=900)
    later = Author(source="fake", external_id="bob", handle="bob", followers=followers)
    keep(db, mention(1, by=known), mention(2, by=later))
    told = rows(db, "SELECT handle, name, followers FROM author")
    assert told == [("bob", "Bob", followers or 900)]


def test_who_knows_only_an_id_changes_nothing_of_its_author(db: Database) -> None:
    profile = "SELECT handle, name, followers, verified FROM author"
    known = author(external_id="did:1", handle="maria", name="Maria", followers=7, verified=True)
    keep(db, mention(1, by=known))
    before = rows(db, profile)
    keep(db, mention(2, by=Author(source="fake", external_id="did:1", handle="did:1")))
    assert rows(db, profile) == before
    assert rows(db, "SELECT count(DISTINCT author_id) FROM mention") == [(1,)]


@pytest.mark.parametrize("newest_first", [True, False])
def test_within_a_batch_the_newest_post_tells_who_the_author_is(
    db: Database, newest_first: bool
) -> None:
    them = [
        mention(1, by=author(followers=1), published_at=NOW - timedelta(days=30)),
        mention(2, by=author(followers=500), published_at=NOW),
    ]
    keep(db, *(reversed(them) if newest_first else them))
    assert rows(db, "SELECT followers FROM author") == [(500,)]


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_batch_is_numbered_oldest_first(db: Database, newest_first: bool) -> None:
    """Later stages go by number: who complains twice must be heard in order."""
    them = [mention(n, published_at=NOW - timedelta(hours=9 - n)) for n in range(5)]
    keep(db, *(reversed(them) if newest_first else them))
    found = rows(db, "SELECT external_id FROM mention ORDER BY id")
    assert [row.external_id for row in found] == ["m-0", "m-1", "m-2", "m-3", "m-4"]


# --- what strangers write -------------------------------------------------------------------

HOSTILE = ("NUL\0inside", "lone \ud800 surrogate", "\udfff", "x" * 300_000, "\0" * 9 + "end")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_anywhere_are_stored_without_what_databases_refuse(
    db: Database, text: str
) -> None:
    who = author(external_id="1" + text[:50], handle=text, name=text, url=text)
    one = mention(
        1,
        by=who,
        external_id=text[:60],
        text=text,
        lang=text[:20],
        url=text,
        reply_to=text[:60],
        repost_of=text[:60],
    )
    bad = Rejected(where=text, reason=text, raw=text)
    gap = replace(GAP, reason=text)
    brands.sync(db, [ACME])
    for _ in range(2):  # cleaning an id must not make it new every time
        ingest.store(db, QUERY, batch(one, gaps=[gap], rejected=[bad]), about("acme-air"), NOW)
    kept = _all_text(db)
    assert "\0" not in kept
    assert kept.isascii() or "\ufffd" in kept
    assert 0 < len(kept) <= 20_000
    assert [number(db, t) for t in ("mention", "author", "gap", "rejected")] == [1, 1, 1, 1]
    check_all(db)


def test_numbers_that_no_column_holds_are_cut(db: Database) -> None:
    endless = 10**30
    reach = Engagement(shares=endless, likes=-endless, replies=3)
    keep(db, mention(1, by=author(followers=endless), engagement=reach))
    (row,) = rows(db, "SELECT shares, likes, replies FROM mention")
    assert row.shares > 10**15
    assert tuple(row[1:]) == (0, 3)


def test_hostile_words_in_brands_errors_and_stage_reports(db: Database) -> None:
    brands.add_missing(db, [Brand(id="x", name="A\0B\ud800")])
    polling.register(db, [QUERY])
    polling.record_failure(db, QUERY.id, at=NOW, due_at=NOW, error="answer was \0\ud800")
    polling.pause(db, QUERY.id, error="answer was \0\ud800")
    polling.record_stage_run(
        db, "poll", started_at=NOW, finished_at=NOW, summary="\0", error="\ud800"
    )
    assert brands.all_brands(db)["x"].name.startswith("AB")


def test_cleaning_twice_is_cleaning_once() -> None:
    for text in HOSTILE:
        assert storable(storable(text)) == storable(text)


# --- instants -------------------------------------------------------------------------------


def test_a_shifted_instant_comes_back_as_the_same_moment_in_utc(db: Database) -> None:
    athens = datetime(2026, 7, 1, 15, 0, 0, 123456, tzinfo=timezone(timedelta(hours=3)))
    keep(db, mention(1, published_at=athens))
    (row,) = exports.read_rows(db, exports.ExportFilter())
    assert row["published_at"] == "2026-07-01T12:00:00.123456Z"


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 30, tzinfo=UTC),
    ],
)
def test_far_instants_round_trip(db: Database, at: datetime) -> None:
    keep(db, mention(1, published_at=at))
    (row,) = exports.read_rows(db, exports.ExportFilter())
    assert datetime.fromisoformat(row["published_at"].replace("Z", "+00:00")) == at
    check_all(db)


def test_naive_instants_are_refused_by_facts_and_by_columns(db: Database) -> None:
    naive = datetime(2026, 1, 1)
    with pytest.raises(ValueError, match=r"Mention\.published_at.*no time zone"):
        mention(1, published_at=naive)
    polling.register(db, [QUERY])
    with pytest.raises(Exception, match="no time zone"):
        polling.record_success(db, QUERY.id, at=NOW, due_at=naive)


# --- one transaction ------------------------------------------------------------------------


def _stumbling(one: Mention) -> Iterator[tuple[str, bool]]:
    """Fails in the middle of the transaction: authors and mentions have been written by then."""
    if one.external_id == "m-3":
        raise RuntimeError("the power went off")
    yield "acme-air", False


def test_an_error_half_way_keeps_nothing_and_the_place(db: Database) -> None:
    brands.sync(db, [ACME, RIVAL, OTHER])
    polling.register(db, [QUERY])
    ingest.store(db, QUERY, batch(mention(1), position="p1"), about("acme-air"), NOW)
    whole = _everything(db)
    second = batch(
        *(mention(n, by=f"new{n}") for n in (2, 3)),
        position="p2",
        gaps=[GAP],
        rejected=[Rejected(where="line 4", reason="no date")],
    )
    with pytest.raises(RuntimeError, match="power"):
        ingest.store(db, QUERY, second, _stumbling, NOW)
    assert _everything(db) == whole
    assert polling.read_position(db, QUERY.id) == "p1"
    ingest.store(db, QUERY, second, about("acme-air"), NOW)
    assert polling.read_position(db, QUERY.id) == "p2"
    assert [number(db, t) for t in ("mention", "author", "gap", "rejected")] == [3, 3, 1, 1]
    check_all(db)


def _everything(db: Database) -> dict[str, list[object]]:
    tables = (*_LASTING, "query", "gap", "rejected")
    return {t: sorted(map(repr, rows(db, f'SELECT * FROM "{t}"'))) for t in tables}


def test_a_batch_leaves_its_traces_on_the_query(db: Database) -> None:
    brands.sync(db, [ACME])
    bad = Rejected(where="line 4", reason="no date", raw="{}")
    since = NOW - timedelta(hours=2)
    one = batch(mention(1), position="p1", gaps=[GAP], rejected=[bad], complete_since=since)
    for _ in range(2):
        ingest.store(db, QUERY, one, about("acme-air"), NOW)
    from storage.queries import health

    (state,) = health(db).sources
    assert (state.seen, state.stored, state.gaps) == (2, 1, 1)
    assert state.complete_until == state.polled_at == NOW
    assert number(db, "rejected") == 1
    # the very same item, met again, is no second loss
    assert state.rejected == 1


def test_an_error_of_the_database_does_not_spell_out_what_people_wrote(db: Database) -> None:
    brands.sync(db, [ACME])
    with pytest.raises(Exception, match=r"(?i)foreign key") as caught:
        ingest.store(db, QUERY, batch(mention(1, "my secret")), about("unknown brand"), NOW)
    assert "my secret" not in str(caught.value)


def test_many_at_once(db: Database) -> None:
    """More than a statement takes parameters, and some known before."""
    them = [mention(n, by=f"a{n % 700}") for n in range(2500)]
    keep(db, *them[:300])
    assert keep(db, *them) == ingest.IngestCounts(seen=2500, new=2200, rejected=0, known=300)
    assert [number(db, t) for t in ("mention", "author", "mention_brand", "match")] == [
        2500,
        700,
        2500,
        2500,
    ]
    check_all(db)


def test_a_read_sees_one_moment(db: Database) -> None:
    """A page must not count the same post in one figure and not in the next."""
    from sqlalchemy import text

    brands.sync(db, [ACME])
    with db.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM mention")).scalar_one()
        keep(db, mention(1))
        after = connection.execute(text("SELECT count(*) FROM mention")).scalar_one()
    assert before == after == 0
    assert number(db, "mention") == 1


def test_empty_batch_moves_the_place_only(db: Database) -> None:
    empty = Batch(mentions=(), position="p7")
    assert ingest.store(db, QUERY, empty, about("acme-air"), NOW).new == 0
    assert polling.read_position(db, QUERY.id) == "p7"
    assert recount(db) == tallies(db) == {}
