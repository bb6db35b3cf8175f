"""Two things that each work, at once: edits, deletions, stories, noise, coverage, budgets."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from factories import (
    ACME,
    HOUR,
    NOW,
    QUERY,
    RULES,
    FrozenClock,
    about,
    batch,
    check_all,
    ids,
    keep,
    mention,
    number,
    read_all,
    rows,
    tallies,
)
from sqlalchemy import event

from earful.contracts import Spent
from earful.enums import Verdict
from earful.types import Engagement, Gap, Gone, Mention, Rejected, Seen
from pipeline.budget.meter import AccountMeter, AccountState
from pipeline.budget.policy import BudgetPolicy
from pipeline.flag import flag
from pipeline.group import group
from storage import queries
from storage.collecting import ingest, polling, spending
from storage.collecting.attribution import Attributor, Noise
from storage.database.engine import Database, connect
from storage.entities import brands
from storage.removal import erasing

LATER = NOW + HOUR
LONG = "awful, my parcel was lost for the third time and nobody at the desk answers the phone"
OTHER = "awful, and now they have charged my card twice and will not give the money back to me"


def _say(who: str, text: str = LONG, **other: object) -> Mention:
    return mention(who, **({"text": text, "by": who} | other))  # type: ignore[arg-type]


def _edit(one: Mention, text: str, **other: object) -> Mention:
    return replace(one, text=text, fetched_at=LATER, edited_at=LATER, **other)  # type: ignore[arg-type]


def _judge(db: Database) -> dict[str, str]:
    read_all(db)
    flag(db, RULES, clock=FrozenClock(LATER))
    check_all(db)
    found = rows(
        db, "SELECT external_id, verdict FROM mention_brand JOIN mention ON id = mention_id"
    )
    return {row.external_id.removeprefix("m-"): row.verdict for row in found}


def _gone(db: Database, *who: str) -> None:
    posts = [Gone(source="fake", external_id=f"m-{one}") for one in who]
    ingest.store(db, QUERY, batch(gone=posts), about("acme-air"), LATER)


def _store(db: Database, one: Mention, say: Attributor) -> ingest.IngestCounts:
    return ingest.store(db, QUERY, batch(one), say, LATER)


def _noise(_mention: Mention) -> Noise:
    return Noise("names none of: Acme")


# --- stories --------------------------------------------------------------------------------


def test_when_the_flagged_post_of_a_story_goes_the_next_one_speaks(db: Database) -> None:
    keep(db, *(_say(who, published_at=NOW - HOUR / n) for n, who in enumerate("abc", 1)))
    assert _judge(db) == {"a": Verdict.FLAGGED, "b": Verdict.COPY, "c": Verdict.COPY}
    _gone(db, "a")
    assert _judge(db) == {"b": Verdict.FLAGGED, "c": Verdict.COPY}
    (person,) = erasing.find_authors(db, "fake", "b")
    erasing.erase_author(db, person, LATER)
    assert _judge(db) == {"c": Verdict.FLAGGED}


def test_a_first_post_that_is_changed_leaves_the_story_to_the_others(db: Database) -> None:
    """What it says now is no copy of what somebody else was flagged for."""
    late, early = _say("a"), _say("b", published_at=NOW - 2 * HOUR)
    keep(db, late)
    keep(db, early, _say("c"))
    assert _judge(db) == {"a": Verdict.COPY, "b": Verdict.FLAGGED, "c": Verdict.COPY}
    keep(db, _edit(late, OTHER))
    check_all(db)
    assert _judge(db) == {"a": Verdict.FLAGGED, "b": Verdict.FLAGGED, "c": Verdict.COPY}
    assert {tuple(row) for row in rows(db, "SELECT id, mentions FROM story")} == {
        (ids(db)["m-a"], 1),
        (ids(db)["m-b"], 2),
    }
    keep(db, _say("d"), _say("e", OTHER))  # each finds the story of its own words
    verdicts = _judge(db)
    assert (verdicts["d"], verdicts["e"]) == (Verdict.COPY, Verdict.COPY)
    _gone(db, "b")
    assert _judge(db)["c"] == Verdict.FLAGGED


def test_who_says_nearly_the_same_after_the_first_post_is_gone_is_a_copy(db: Database) -> None:
    keep(db, _say("a"), _say("b"), _say("r", repost_of="m-a"))
    assert _judge(db)["b"] == Verdict.COPY
    _gone(db, "a")
    assert _judge(db) == {"b": Verdict.FLAGGED}
    keep(db, _say("c", f"{LONG} now"))
    assert _judge(db) == {"b": Verdict.FLAGGED, "c": Verdict.COPY}
    assert [tuple(row) for row in rows(db, "SELECT id, mentions FROM story")] == [
        (ids(db)["m-b"], 2)
    ]
    _gone(db, "c", "b")
    check_all(db)
    assert number(db, "story") == number(db, "story_band") == 0


def test_all_of_a_story_changed_at_once(db: Database) -> None:
    those = [_say(who) for who in "abc"]
    keep(db, *those)
    _judge(db)
    keep(db, *(_edit(one, OTHER) for one in those))
    assert number(db, "story") == number(db, "story_band") == 0
    _judge(db)
    assert [tuple(row) for row in rows(db, "SELECT id, mentions FROM story")] == [
        (ids(db)["m-a"], 3)
    ]


def test_reposts_of_a_changed_post_stay_with_it(db: Database) -> None:
    original = _say("a", "awful day")
    keep(db, original, _say("b", "awful day", repost_of="m-a", published_at=NOW))
    _judge(db)
    keep(db, _edit(original, "lovely day"))
    _judge(db)
    assert [row.mentions for row in rows(db, "SELECT mentions FROM story")] == [2]
    _gone(db, "a")
    check_all(db)
    assert number(db, "mention") == number(db, "story") == number(db, "story_band") == 0


def test_a_storys_reach_follows_its_shares(db: Database) -> None:
    one, two = _say("a"), _say("b", engagement=Engagement(shares=10))
    keep(db, one, two)
    group(db, clock=FrozenClock())
    assert [row.reach for row in rows(db, "SELECT reach FROM story")] == [1200]
    keep(db, replace(one, engagement=Engagement(shares=500), fetched_at=LATER))
    assert [row.reach for row in rows(db, "SELECT reach FROM story")] == [51_200]
    keep(db, _edit(one, OTHER, engagement=Engagement(shares=900)))
    assert [row.reach for row in rows(db, "SELECT reach FROM story")] == [1100]
    group(db, clock=FrozenClock())
    _gone(db, "a")
    assert [row.reach for row in rows(db, "SELECT reach FROM story")] == [1100]


# --- noise ----------------------------------------------------------------------------------


def test_noise_that_is_changed_to_name_us_is_heard(db: Database) -> None:
    brands.sync(db, [ACME])
    one = _say("a", "lovely pottery", direct=False)
    assert _store(db, one, _noise).noise == 1
    assert _judge(db) == {}
    _store(db, _edit(one, "awful Acme"), about("acme-air"))
    assert _judge(db) == {"a": Verdict.FLAGGED}
    assert rows(db, "SELECT noise_reason FROM match") == [("",)]


def test_what_named_us_stays_heard_when_it_is_changed_to_name_us_no_more(db: Database) -> None:
    one = _say("a", "awful Acme")
    keep(db, one)
    _judge(db)
    _store(db, _edit(one, "lovely pottery"), _noise)
    assert _judge(db) == {"a": Verdict.FLAGGED}
    assert {key[3] for key in tallies(db)} == {"positive"}


def test_noise_that_is_gone_leaves_a_tombstone_for_every_query(db: Database) -> None:
    brands.sync(db, [ACME])
    one = _say("a", "pottery")
    _store(db, one, _noise)
    _gone(db, "a")
    other = replace(QUERY, id="fake/other")
    assert keep(db, one, query=other).new == 0
    assert [number(db, table) for table in ("mention", "match", "mention_brand")] == [0, 0, 0]


def test_a_repost_of_what_was_erased_is_not_heard(db: Database) -> None:
    keep(db, _say("a"))
    (person,) = erasing.find_authors(db, "fake", "a")
    erasing.erase_author(db, person, LATER)
    other = replace(QUERY, id="fake/other")
    assert keep(db, _say("b", repost_of="m-a"), query=other).new == 0
    assert number(db, "author") == 0


def test_a_change_or_a_deletion_reads_no_table_whole(sqlite: Database) -> None:
    """One that did would cost more with every mention, and be paid at every poll."""
    first = _say("a")
    keep(sqlite, first, _say("b"), _say("c", OTHER))
    _judge(sqlite)
    steps: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) and isinstance(values, tuple):
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            steps.extend(str(row[3]) for row in plan)

    event.listen(sqlite.engine, "after_cursor_execute", explain)
    keep(sqlite, _edit(first, OTHER))
    _gone(sqlite, "b", "c")
    # of messages and cases there are few; whether there is any tombstone is read from its first
    large = "mention|match|mention_brand|author|prediction|revision|flag"
    large += "|story|story_band|tally|correction"
    assert len(steps) > 50
    assert [one for one in steps if re.match(rf"SCAN ({large})\b", one)] == []


# --- the ledger -----------------------------------------------------------------------------


def test_open_gaps_of_what_is_not_asked_any_more_are_nobodys_trouble(db: Database) -> None:
    polling.register(db, [QUERY])
    gaps = [Gap(since=NOW, until=LATER, reason="full", part=one) for one in ("acme", "akme")]
    ingest.store(db, QUERY, batch(gaps=gaps), about("acme-air"), NOW)
    assert [one.gaps for one in queries.health(db).sources] == [2]
    polling.register(db, [replace(QUERY, any_of=("akme",))])
    assert [one.gaps for one in queries.health(db).sources] == [2]  # until it was asked
    seen = [Seen(since=NOW - HOUR, until=NOW, part="akme")]
    ingest.store(db, QUERY, batch(seen=seen), about("acme-air"), LATER)
    assert [one.gaps for one in queries.health(db).sources] == [1]


def test_names_and_reasons_in_rare_scripts_fit_into_every_index(db: Database) -> None:
    """Four bytes a character, and nothing that could be packed."""
    brands.sync(db, [ACME])
    rare = "".join(chr(0x20000 + 7919 * n % 0xA000) for n in range(5000))
    told = batch(
        _say("a", rare, external_id=rare[:500], url="https://a.example/" + rare),
        rejected=[Rejected(where=rare, reason=rare[::-1], raw=rare)],
        seen=[Seen(since=NOW - HOUR, until=NOW, part=rare[:500])],
        gaps=[Gap(since=NOW, until=LATER, reason=rare, part=rare)],
        gone=[Gone(source="fake", external_id=rare[:499], reason=rare)],
    )
    for _ in range(2):
        ingest.store(db, QUERY, told, about("acme-air"), NOW)
    for table in ("mention", "rejected", "coverage", "gap", "tombstone"):
        assert number(db, table) == 1, table


# --- budgets --------------------------------------------------------------------------------


def test_two_processes_do_not_pass_a_budget_together(db: Database) -> None:
    """Each has its own memory of the account; what is spent is decided in the database."""
    terms = BudgetPolicy(
        account="fake", price=1000, budget_day=50_000, brands=frozenset(["acme-air"])
    )
    taken: list[int] = []

    def spend() -> None:
        own = connect(db.engine.url.render_as_string(hide_password=False))
        meter = AccountMeter(own, QUERY, terms, clock=FrozenClock(), account_state=AccountState())
        with suppress(Spent):
            while True:
                meter.reserve(requests=1, reads=3)
                taken.append(3)
                meter.reconcile(received=10, reads=-1)
        own.close()

    workers = [threading.Thread(target=spend) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    (spent,) = spending.by_query(db, _today())
    assert spent.reads == sum(taken) - len(taken) == 2 * spent.requests
    assert 48_000 <= spent.money == 1000 * spent.reads <= 50_000


def _today() -> spending.Window:
    return spending.Window(since=NOW - timedelta(hours=12), until=NOW + timedelta(hours=12))
