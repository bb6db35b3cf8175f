"""Which brands a mention is about, and what is kept of one that is about none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from factories import (
    ANY_AGE,
    MODEL,
    OTHER,
    FakeListener,
    FrozenClock,
    batch,
    check_all,
    mention,
    number,
    read_all,
    rows,
)

from earful.types import Brand, Mention, Query
from pipeline.brand_attribution import BrandAttribution
from pipeline.flag import flag
from pipeline.poll import Polled, poll
from storage import queries
from storage.analysis import predictions
from storage.collecting import polling
from storage.collecting.attribution import Noise
from storage.database.engine import Database
from storage.entities import brands

KESTROVA = Brand(
    id="kestrova",
    name="Kestrova",
    handles=("@kestrova",),
    own_accounts=("kestrova",),
    exclude=("Kestrova Falcon",),
)
SWIFTLY = Brand(
    id="swiftly",
    name="Swiftly",
    aliases=("Swift Parcel",),
    exclude=("swiftly handled",),
    competitor_of="kestrova",
)
LISTENED = (KESTROVA, SWIFTLY)
ASKED = Query(
    id="fake/kestrova",
    brand_id="kestrova",
    source="fake",
    any_of=("Kestrova", "@kestrova"),
    none_of=("Kestrova Falcon",),
)


@pytest.fixture
def db(db: Database) -> Database:
    brands.sync(db, [*LISTENED, OTHER])
    polling.register(db, [ASKED])
    return db


def _heard(text: str, number_: int | str = 1, **other: Any) -> Mention:
    return mention(number_, **({"text": text, "direct": False} | other))


def _said(db: Database, one: Mention, query: Query = ASKED) -> list[str] | str:
    """The brands that a mention is about, or why it is noise."""
    found = BrandAttribution(db, query, LISTENED)(one)
    return found.reason if isinstance(found, Noise) else [brand_id for brand_id, _ in found]


def _poll(
    db: Database, clock: FrozenClock, *found: Mention, query: Query = ASKED, **other: Any
) -> Polled:
    polling.register(db, [query])
    polling.make_due(db, [query.id])
    listener = FakeListener([[batch(*found)]])
    return poll(
        db, [query], clock=clock, listener_for=lambda _query: listener, listened=LISTENED, **other
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Kestrova lost my parcel", ["kestrova"]),
        ("thanks @Kestrova!", ["kestrova"]),
        ("#KestrovaFail", ["kestrova"]),
        ("Kestrova or Swift Parcel?", ["kestrova", "swiftly"]),
        ("swiftly came first", ["swiftly"]),
        ("I saw a Kestrova Falcon and a Swiftly van", ["swiftly"]),
        ("Kestrova, swiftly handled", ["kestrova"]),
        ("nothing of interest", "names none of: Kestrova, @kestrova"),
        ("kestrovan pottery", "names none of: Kestrova, @kestrova"),
        ("a Kestrova Falcon", "holds the excluded phrase 'Kestrova Falcon'"),
        ("it was swiftly handled", "names none of: Kestrova, @kestrova"),
        ("", "names none of: Kestrova, @kestrova"),
    ],
)
def test_the_words_decide_for_every_brand(db: Database, text: str, said: Sequence[str]) -> None:
    assert _said(db, _heard(text)) == said


def test_what_the_search_matched_beside_the_text_counts_too(db: Database) -> None:
    assert _said(db, _heard("look at this", context="https://kestrova.example/help")) == [
        "kestrova"
    ]
    excluded = _heard("Kestrova!", context="Kestrova Falcon for sale")
    assert _said(db, excluded) == "holds the excluded phrase 'Kestrova Falcon'"


@pytest.mark.parametrize("lang", [None, "en", "EN", "en-GB", "el", "el_GR"])
def test_a_language_that_was_asked_for_or_is_not_known_is_heard(
    db: Database, lang: str | None
) -> None:
    asked = replace(ASKED, languages=("en", "el"))
    assert _said(db, _heard("Kestrova", lang=lang), asked) == ["kestrova"]


def test_a_language_that_nobody_asked_for_is_noise_for_all_brands(db: Database) -> None:
    asked = replace(ASKED, languages=("en", "el"))
    found = _said(db, _heard("Kestrova, Swiftly", lang="fr"), asked)
    assert found == "language 'fr' is not among en, el"


def test_what_is_addressed_to_us_or_says_its_brand_is_not_asked_for_its_words(
    db: Database,
) -> None:
    assert _said(db, _heard("Swiftly is better", direct=True)) == ["kestrova"]
    assert _said(db, _heard("no names", brands=("Other",))) == ["other"]
    foreign = replace(ASKED, languages=("en",))
    assert _said(db, _heard("mal", direct=True, lang="fr"), foreign) == ["kestrova"]


def test_a_query_without_terms_takes_all_that_is_not_excluded(db: Database) -> None:
    asked = replace(ASKED, any_of=())
    assert _said(db, _heard("anything"), asked) == ["kestrova"]
    assert _said(db, _heard("Kestrova Falcon"), asked) == (
        "holds the excluded phrase 'Kestrova Falcon'"
    )


def test_each_brands_own_account_is_known_for_that_brand_alone(db: Database) -> None:
    one = _heard("Kestrova beats Swiftly", by="kestrova")
    assert list(BrandAttribution(db, ASKED, LISTENED)(one)) == [  # type: ignore[arg-type]
        ("kestrova", True),
        ("swiftly", False),
    ]


def test_noise_is_kept_with_its_reason_and_never_read_counted_or_flagged(
    db: Database, clock: FrozenClock
) -> None:
    found = _poll(db, clock, _heard("awful kestrovan pottery", 1), _heard("awful Kestrova", 2))
    assert (found.seen, found.new, found.noise) == (2, 2, 1)
    assert "1 of them noise" in str(found)
    kept = rows(db, "SELECT external_id, mention.noise, match.noise_reason FROM match "
                       "JOIN mention ON mention.id = mention_id ORDER BY external_id")  # fmt: skip
    assert [(row[0], bool(row[1]), row[2]) for row in kept] == [
        ("m-1", True, "names none of: Kestrova, @kestrova"),
        ("m-2", False, ""),
    ]
    assert predictions.count_unclassified(db, MODEL) == 1
    assert read_all(db) == 1
    assert queries.health(db).pending == 0
    assert flag(db, ANY_AGE, clock=clock).flags == 1
    assert number(db, "mention_brand") == number(db, "story") == 1
    again = _poll(db, clock, _heard("awful kestrovan pottery", 1))
    assert (again.new, again.noise) == (0, 0)
    check_all(db)


def test_noise_that_a_later_query_finds_for_real_is_read_and_flagged(
    db: Database, clock: FrozenClock
) -> None:
    one = _heard("awful pottery of Kestrovan", 1)
    _poll(db, clock, one)
    flag(db, ANY_AGE, clock=clock)
    other = replace(ASKED, id="fake/kestrova/pottery", any_of=("pottery",))
    _poll(db, clock, one, query=other)
    assert predictions.count_unclassified(db, MODEL) == 1
    read_all(db)
    assert flag(db, ANY_AGE, clock=clock).flags == 1
    reasons = dict(tuple(row) for row in rows(db, "SELECT query_id, noise_reason FROM match"))
    assert reasons == {ASKED.id: "names none of: Kestrova, @kestrova", other.id: ""}
    check_all(db)


def test_terms_that_were_changed_take_the_reason_away(db: Database, clock: FrozenClock) -> None:
    one = _heard("awful pottery", 1)
    _poll(db, clock, one)
    _poll(db, clock, one, query=replace(ASKED, any_of=("pottery",)))
    assert [row[0] for row in rows(db, "SELECT noise_reason FROM match")] == [""]
    check_all(db)


def test_what_was_real_stays_so_when_another_query_calls_it_noise(
    db: Database, clock: FrozenClock
) -> None:
    one = _heard("awful Kestrova", 1)
    _poll(db, clock, one)
    read_all(db)
    other = replace(ASKED, id="fake/kestrova/pottery", any_of=("pottery",))
    _poll(db, clock, one, query=other)
    assert flag(db, ANY_AGE, clock=clock).flags == 1
    reasons = dict(tuple(row) for row in rows(db, "SELECT query_id, noise_reason FROM match"))
    assert reasons == {ASKED.id: "", other.id: "names none of: pottery"}
    check_all(db)


def test_any_amount_of_noise_leaves_the_way_to_the_unread_short(db: Database) -> None:
    """The index that the model's work is found by holds none of it."""
    if not db.sqlite:
        plan = rows(db, "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_mention_model'")
        assert "WHERE (NOT noise)" in plan[0][0]
        return
    unread = "SELECT id FROM mention WHERE model_id = '' AND NOT noise ORDER BY model_id, id"
    plan = rows(db, f"EXPLAIN QUERY PLAN {unread} LIMIT 9")
    (step,) = (row[3] for row in plan)
    assert step == "SEARCH mention USING INDEX ix_mention_model (model_id=?)"
