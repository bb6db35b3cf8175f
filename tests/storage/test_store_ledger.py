"""The coverage ledger: the last word counts, nothing is noted twice, old rows are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import ACME, NOW, QUERY, about, batch, mention, number, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from earful.enums import GapKind
from earful.types import Batch, Gap, Seen
from storage.collecting import ingest, polling
from storage.collecting.coverage_rules import LedgerGap, PartLedger, apply_claims
from storage.database.engine import Database
from storage.database.utc import to_micros
from storage.entities import brands
from storage.queries import health

MINUTE = timedelta(minutes=1)
PARTS = ("", "r/acme")


def _at(minute: float) -> datetime:
    return NOW + minute * MINUTE


def _seen(since: float, until: float, part: str = "") -> Seen:
    return Seen(since=_at(since), until=_at(until), part=part)


def _gap(since: float, until: float, part: str = "", **other: Any) -> Gap:
    other = {"reason": "1,000 posts"} | other
    return Gap(since=_at(since), until=_at(until), part=part, **other)


@pytest.fixture
def app(db: Database) -> Database:
    brands.sync(db, [ACME])
    polling.register(db, [QUERY])
    return db


def _keep(db: Database, *claims: Seen | Gap, at: datetime = NOW) -> None:
    seen = tuple(one for one in claims if isinstance(one, Seen))
    gaps = tuple(one for one in claims if isinstance(one, Gap))
    ingest.store(db, QUERY, Batch(mentions=(), position="p", seen=seen, gaps=gaps), about(), at)


def _minutes(micros: int) -> float:
    return (micros - to_micros(NOW)) / 60e6


def _covered(db: Database, part: str = "") -> list[tuple[float, float]]:
    found = rows(db, "SELECT since, until FROM coverage WHERE part = :part ORDER BY 1", part=part)
    return [(_minutes(since), _minutes(until)) for since, until in found]


def _gaps(db: Database, state: str, part: str = "") -> list[tuple[float, float]]:
    asked = "SELECT since, until FROM gap WHERE part = :part AND state = :state ORDER BY 1, id"
    return [(_minutes(a), _minutes(b)) for a, b in rows(db, asked, part=part, state=state)]


def _complete(db: Database) -> tuple[float, float] | None:
    ((since, until),) = rows(db, "SELECT complete_since, complete_until FROM query")
    return None if since is None else (_minutes(since), _minutes(until))


# --- one thing at a time --------------------------------------------------------------------


def test_what_touches_is_one_stretch_and_a_hole_stays_a_hole(app: Database) -> None:
    _keep(app, _seen(0, 10))
    _keep(app, _seen(10, 20), _seen(30, 40))
    assert _covered(app) == [(0, 20), (30, 40)]
    _keep(app, _seen(15, 31))
    assert _covered(app) == [(0, 40)]


def test_a_gap_shrinks_splits_and_is_filled(app: Database) -> None:
    _keep(app, _gap(0, 100))
    _keep(app, _seen(40, 50))
    assert _gaps(app, "open") == [(0, 40), (50, 100)]
    _keep(app, _seen(30, 40))
    assert _gaps(app, "open") == [(0, 30), (50, 100)]
    _keep(app, _seen(0, 30), at=_at(7))
    assert (_gaps(app, "open"), _gaps(app, "filled")) == ([(50, 100)], [(0, 30)])
    assert rows(app, "SELECT closed_at FROM gap WHERE state = 'filled'") == [(to_micros(_at(7)),)]


def test_what_the_batch_itself_has_seen_is_no_gap(app: Database) -> None:
    _keep(app, _gap(0, 100), _seen(20, 30))
    assert _gaps(app, "open") == [(0, 20), (30, 100)]
    assert _covered(app) == [(20, 30)]
    assert number(app, "gap") == 2


def test_a_gap_told_again_or_larger_is_noted_once(app: Database) -> None:
    for _ in range(3):
        _keep(app, _gap(0, 10))
    _keep(app, _gap(0, 20, reason="1,200 posts"), at=_at(3))
    asked = "SELECT since, until, noted_at, reason FROM gap"
    assert rows(app, asked) == [(to_micros(NOW), to_micros(_at(20)), to_micros(NOW), "1,200 posts")]


def test_gaps_of_another_kind_stay_apart(app: Database) -> None:
    _keep(app, _gap(0, 10))
    _keep(app, _gap(5, 20, kind=GapKind.OUTAGE, reason="answered 503"))
    assert rows(app, "SELECT kind, reason FROM gap ORDER BY since") == [
        ("limit", "1,000 posts"),
        ("outage", "answered 503"),
    ]
    assert _gaps(app, "open") == [(0, 10), (10, 20)]


def test_what_is_lost_is_not_open_any_more_and_may_be_found_again(app: Database) -> None:
    _keep(app, _gap(0, 100))
    _keep(app, _gap(-10, 40, lost=True, reason="older than 7 days"), at=_at(5))
    assert (_gaps(app, "open"), _gaps(app, "lost")) == ([(40, 100)], [(-10, 40)])
    ((reason, noted, closed),) = rows(
        app, "SELECT reason, noted_at, closed_at FROM gap WHERE state = 'lost'"
    )
    assert (reason, noted, closed) == ("older than 7 days", to_micros(NOW), to_micros(_at(5)))
    _keep(app, _gap(-10, 40, lost=True, reason="older than 7 days"), at=_at(9))
    assert _gaps(app, "lost") == [(-10, 40)]
    _keep(app, _seen(-10, 40))
    assert (_gaps(app, "lost"), _gaps(app, "filled")) == ([], [(-10, 40)])


def test_a_gap_over_what_was_seen_takes_it_back(app: Database) -> None:
    """Posts are indexed late: the listener knows that this stretch must be walked again."""
    _keep(app, _seen(0, 100))
    _keep(app, _gap(90, 120))
    assert (_covered(app), _gaps(app, "open")) == ([(0, 90)], [(90, 120)])
    assert _complete(app) == (0, 90)


def test_parts_do_not_close_each_others_gaps(app: Database) -> None:
    _keep(app, _gap(0, 10), _gap(0, 10, "r/acme"))
    _keep(app, _seen(0, 10))
    assert (_gaps(app, "open"), _gaps(app, "open", "r/acme")) == ([], [(0, 10)])


@pytest.mark.parametrize("claim", [_seen(5, 5), _gap(5, 5), _gap(5, 5, lost=True)])
def test_a_stretch_without_length_is_nothing(app: Database, claim: Seen | Gap) -> None:
    _keep(app, claim)
    assert (number(app, "coverage"), number(app, "gap")) == (0, 0)


def test_names_that_a_database_refuses_are_cleaned(app: Database) -> None:
    bad = "part\0\ud800" + "x" * 600
    for _ in range(2):
        _keep(app, _gap(0, 10, bad, reason=bad))
    assert number(app, "gap") == 1
    _keep(app, _seen(0, 10, bad))
    assert rows(app, "SELECT state FROM gap") == [("filled",)]


# --- how far all is known -------------------------------------------------------------------


def test_a_query_has_seen_what_all_its_parts_have_seen(app: Database) -> None:
    _keep(app, _seen(0, 50), _seen(10, 40, "r/acme"))
    assert _complete(app) == (10, 40)
    _keep(app, _seen(60, 90))  # a hole in one part, and nothing new of the other
    assert _complete(app) == (10, 40)
    _keep(app, _seen(40, 80, "r/acme"))
    assert _complete(app) == (60, 80)
    _keep(app, _seen(50, 60))
    assert _complete(app) == (10, 80)


def test_a_part_of_which_nothing_was_seen_keeps_it_unknown(app: Database) -> None:
    _keep(app, _seen(0, 50), _gap(0, 50, "r/acme"))
    assert _complete(app) is None


def test_a_part_that_is_asked_for_and_was_not_seen_yet_keeps_it_unknown(app: Database) -> None:
    _keep(app, _seen(0, 50), _seen(0, 0, "r/acme"))
    assert _complete(app) is None
    assert (_covered(app, "r/acme"), number(app, "gap")) == ([], 0)
    _keep(app, _seen(10, 40, "r/acme"))
    assert _complete(app) == (10, 40)


def test_a_part_that_settings_ask_for_no_more_holds_nothing_up(app: Database) -> None:
    _keep(app, _seen(0, 10), _seen(0, 10, "old"))
    polling.register(app, [replace(QUERY, any_of=("acme", "acme air"))])
    _keep(app, _gap(5, 8, "old", lost=True), _seen(10, 20))
    assert _complete(app) == (0, 20)


def test_what_a_listener_says_itself_comes_first(app: Database) -> None:
    one = batch(mention(1), complete_since=_at(-5), seen=(_seen(-60, 0),))
    ingest.store(app, QUERY, one, about("acme-air"), NOW)
    assert _complete(app) == (-5, 0)


# --- whatever comes ----------------------------------------------------------------------------

_claim = st.builds(
    lambda since, length, part, what: (
        _seen(since, since + length, part)
        if what == "seen"
        else _gap(
            since,
            since + length,
            part,
            lost=what == "lost",
            kind=GapKind.OUTAGE if what == "outage" else GapKind.LIMIT,
            reason=f"why {what}",
        )
    ),
    st.integers(0, 24),
    st.integers(0, 12),
    st.sampled_from(PARTS),
    st.sampled_from(["seen", "seen", "gap", "outage", "lost"]),
)
_history = st.lists(st.lists(_claim, min_size=1, max_size=4), min_size=1, max_size=8)


def _model(history: Iterable[Sequence[Seen | Gap]]) -> dict[tuple[str, int], str]:
    """The last word on every minute of every part, kept minute by minute."""
    word: dict[tuple[str, int], str] = {}
    for claims in history:
        gaps = [one for one in claims if isinstance(one, Gap)]
        seen = [one for one in claims if isinstance(one, Seen)]
        for one in [*sorted(gaps, key=lambda gap: gap.lost), *seen]:
            state = "covered" if isinstance(one, Seen) else "lost" if one.lost else "open"
            for minute in range(40):
                if one.since <= _at(minute) < one.until:
                    word[(one.part, minute)] = state
    return word


def _words(stretches: Iterable[tuple[str, str, float, float]]) -> dict[tuple[str, int], str]:
    word: dict[tuple[str, int], str] = {}
    for state, part, since, until in stretches:
        for minute in range(int(since), int(until)):
            assert (part, minute) not in word, f"{state} and {word[(part, minute)]} at once"
            word[(part, minute)] = state
    return word


def _stored(db: Database) -> dict[tuple[str, int], str]:
    found = rows(
        db,
        "SELECT 'covered', part, since, until FROM coverage UNION ALL "
        "SELECT state, part, since, until FROM gap WHERE state <> 'filled'",
    )
    return _words((state, part, _minutes(a), _minutes(b)) for state, part, a, b in found)


def _emptied(db: Database) -> None:
    with db.write() as connection:
        for table in ("coverage", "gap", "part"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=_history, again=st.integers(0, 7))
def test_the_ledger_is_the_last_word_on_every_minute(
    app: Database, history: list[list[Seen | Gap]], again: int
) -> None:
    """Also when a killed poll is resumed from an earlier position and tells its end again."""
    _emptied(app)
    for claims in (*history, *history[again:]):
        _keep(app, *claims)
    assert _stored(app) == _model(history)


def _told(before: PartLedger, claims: Sequence[Seen | Gap]) -> PartLedger:
    seen = [one for one in claims if isinstance(one, Seen)]
    return apply_claims(before, seen, [one for one in claims if isinstance(one, Gap)], NOW)


def _states(claims: PartLedger) -> dict[tuple[str, int], str]:
    def stretch(one: LedgerGap) -> tuple[str, str, float, float]:
        return one.state, "", (one.since - NOW) / MINUTE, (one.until - NOW) / MINUTE

    covered = [("covered", "", (a - NOW) / MINUTE, (b - NOW) / MINUTE) for a, b in claims.covered]
    return _words([*covered, *(stretch(one) for one in claims.gaps if one.state != "filled")])


@given(
    st.lists(st.tuples(st.integers(0, 29), st.sampled_from(["seen", "gap", "lost"])), max_size=30),
    st.randoms(use_true_random=False),
)
def test_claims_that_do_not_contradict_each_other_may_come_in_any_order(
    facts: list[tuple[int, str]], dice: Any
) -> None:
    """Every minute is one thing: told in any order, in pieces, once or twice, it is the same."""
    truth = dict(facts)
    claims: list[Seen | Gap] = [
        _seen(minute, minute + 1)
        if what == "seen"
        else _gap(minute, minute + 1, lost=what == "lost")
        for minute, what in truth.items()
    ]
    ledgers = []
    for _ in range(2):
        order = [*claims, *dice.choices(claims, k=len(claims) // 2)] if claims else []
        dice.shuffle(order)
        ledger = PartLedger()
        while order:
            few = dice.randint(1, 4)
            ledger = _told(ledger, order[:few])
            order = order[few:]
        ledgers.append(_states(ledger))
    assert ledgers[0] == ledgers[1]


# --- what it costs ----------------------------------------------------------------------------


def test_what_is_new_costs_the_same_after_a_long_history(sqlite: Database) -> None:
    """Only rows that touch what is told are read: each by one step into an index."""
    app = sqlite
    brands.sync(app, [ACME])
    for hole in range(0, 2000, 20):
        _keep(app, _seen(hole, hole + 10), _gap(hole + 12, hole + 15))
    plans: list[tuple[str, str]] = []

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and re.search("FROM (coverage|gap)", statement):
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.append((" ".join(str(step[3]) for step in plan), statement))

    event.listen(app.engine, "after_cursor_execute", explain)
    _keep(app, _seen(2000, 2010))
    assert len(plans) == 3
    for plan, statement in plans:
        assert plan.startswith("SEARCH"), plan
        assert "TEMP B-TREE" not in plan and "SCAN" not in plan, plan
        assert "since" in plan or "LIMIT" in statement, plan


def test_the_dashboard_counts_open_gaps_and_says_lost_ones_apart(app: Database) -> None:
    _keep(app, _gap(0, 10), _gap(20, 30), _gap(40, 50, lost=True))
    _keep(app, _seen(0, 10))
    (state,) = health(app).sources
    assert (state.gaps, state.lost) == (1, 1)
