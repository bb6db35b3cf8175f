"""The meter: limits and budgets of an account, fair between its brands, counted before spending."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import ACME, NOW, OTHER, QUERY, FrozenClock, batch, mention, rows
from hypothesis import given
from hypothesis import strategies as st

import listeners
from commands.budget_report import forecast
from earful.clock import Window
from earful.contracts import Spent
from earful.enums import GapKind
from earful.limits import Limit, money
from earful.settings.load import AccountSettings
from earful.types import Batch, Query
from pipeline.budget import fair_share
from pipeline.budget.fair_share import Grant, WindowUse, grant_for
from pipeline.budget.meter import AccountMeter, AccountState
from pipeline.budget.policy import BudgetPolicy, policy_for
from pipeline.flag import AlertPolicy
from pipeline.poll import Polled, poll
from storage.collecting import polling, spending
from storage.database.engine import Database
from storage.entities import brands

SECOND = replace(QUERY, id="fake/other", brand_id="other")
USD = 1_000_000
PRICED = BudgetPolicy(
    account="fake",
    price=5_000,
    budget_day=USD,
    budget_month=3 * USD,
    brands=frozenset({"acme-air"}),
)
BOTH = frozenset({"acme-air", "other"})


def _meter(
    db: Database,
    clock: FrozenClock,
    policy: BudgetPolicy,
    *,
    account_state: AccountState | None = None,
    query: Query = QUERY,
) -> AccountMeter:
    return AccountMeter(
        db, query, policy, clock=clock, account_state=account_state or AccountState()
    )


def _spent(db: Database) -> Any:
    (row,) = rows(db, "SELECT * FROM spending")
    return row


# --- who may take how much: pure --------------------------------------------------------------


def _use(**other: Any) -> WindowUse:
    fields: dict[str, Any] = {"limit": 100, "brands": frozenset("ab"), "used": {}}
    return WindowUse(**(fields | other))


@pytest.mark.parametrize(
    ("amount", "use", "expected"),
    [
        (100, _use(), Grant.GRANTED),  # the other has never wanted any
        (101, _use(), Grant.SPENT),
        (1, _use(used={"a": 40, "b": 60}), Grant.SPENT),
        (50, _use(used_before={"b": 100}), Grant.GRANTED),  # its own half
        (51, _use(used_before={"b": 100}), Grant.RESERVED_FOR_OTHERS),
        (80, _use(used_before={"b": 20}), Grant.GRANTED),  # all but what the other needed
        (81, _use(used_before={"b": 20}), Grant.RESERVED_FOR_OTHERS),
        (
            70,
            _use(used={"b": 30}, used_before={"b": 20}),
            Grant.GRANTED,
        ),  # b has its reserve
        (
            51,
            _use(refused_before=frozenset("b")),
            Grant.RESERVED_FOR_OTHERS,
        ),  # it got none: its half is kept
        (30, _use(used={"b": 60}, used_before={"b": 60}), Grant.GRANTED),  # b took beyond its half
        (
            8,
            _use(brands=frozenset("abc"), used={"b": 60}, used_before={"c": 99}),
            Grant.RESERVED_FOR_OTHERS,
        ),
        (1, _use(used={"gone": 100}), Grant.SPENT),  # of a brand that is there no more
    ],
)
def test_a_share_is_sure_and_what_others_leave_may_be_taken(
    amount: int, use: WindowUse, expected: Grant
) -> None:
    assert grant_for("a", amount, use) is expected


@given(
    limit=st.integers(1, 200),
    asks=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 40)), max_size=80),
    before=st.dictionaries(st.sampled_from("abc"), st.integers(0, 200)),
)
def test_no_window_is_overdrawn_and_those_who_came_before_get_their_share(
    limit: int, asks: list[tuple[str, int]], before: dict[str, int]
) -> None:
    used: dict[str, int] = {}
    share = limit // 3
    for brand, amount in asks:
        use = WindowUse(limit=limit, brands=frozenset("abc"), used=used, used_before=before)
        if grant_for(brand, amount, use) is Grant.GRANTED:
            used[brand] = used.get(brand, 0) + amount
        elif used.get(brand, 0) + amount <= min(share, before.get(brand, 0)):
            pytest.fail(f"{brand} was refused {amount} of its reserve: {used}")
    assert sum(used.values()) <= limit


def test_windows_begin_and_end_where_the_platform_has_them() -> None:
    at = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
    assert fair_share.month_of(at) == Window(
        since=datetime(2026, 3, 1, tzinfo=UTC), until=datetime(2026, 4, 1, tzinfo=UTC)
    )
    assert fair_share.window_of(at, 60).until == datetime(2026, 4, 1, tzinfo=UTC)
    pacific = fair_share.day_of(datetime(2026, 3, 8, 12, tzinfo=UTC), "America/Los_Angeles")
    assert pacific.since == datetime(2026, 3, 8, 8, tzinfo=UTC)
    assert pacific.length == timedelta(hours=23)  # clocks go forward on that day
    december = fair_share.month_of(datetime(2026, 12, 31, tzinfo=UTC))
    assert december.until == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_forecast_goes_on_at_the_pace_of_late() -> None:
    week, ten_days = timedelta(days=7), timedelta(days=10)
    assert forecast(20 * USD, 7 * USD, week, ten_days) == 30 * USD


@pytest.mark.parametrize(
    ("millionths", "text"),
    [(0, "0.00 USD"), (5_000, "0.005 USD"), (1_234_567_890, "1,234.56789 USD"), (USD, "1.00 USD")],
)
def test_money_is_written_as_people_do(millionths: int, text: str) -> None:
    assert money(millionths, "USD") == text


# --- counted before it is spent -----------------------------------------------------------------


def test_it_is_written_down_before_and_settled_after(db: Database, clock: FrozenClock) -> None:
    meter = _meter(db, clock, PRICED)
    meter.reserve(requests=1, reads=100)
    row = _spent(db)
    assert (row.account, row.query_id, row.brand_id) == ("fake", QUERY.id, "acme-air")
    assert (row.requests, row.reads, row.money) == (1, 100, 500_000)  # killed here: too much
    meter.reconcile(received=2000, reads=-90)
    row = _spent(db)
    assert (row.reads, row.money, row.received) == (10, 50_000, 2000)


def test_what_is_given_back_after_midnight_is_not_the_new_days(
    db: Database, clock: FrozenClock
) -> None:
    clock.now = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    meter = _meter(db, clock, PRICED)
    meter.reserve(reads=200)
    clock.forward(seconds=2)
    meter.reconcile(reads=-200)
    assert _spent(db).money == 0
    meter.reserve(reads=200)
    with pytest.raises(Spent):
        meter.reserve(reads=1)


def test_a_budget_stops_before_it_is_passed_and_says_what_to_do(
    db: Database, clock: FrozenClock
) -> None:
    meter = _meter(db, clock, PRICED)
    meter.reserve(requests=1, reads=150)
    with pytest.raises(Spent) as caught:
        meter.reserve(requests=1, reads=100)
    assert str(caught.value) == (
        "account 'fake': the budget of 1.00 USD a day is used up: 0.75 USD are spent, and 0.50 "
        "USD more would be needed. It goes on by itself at 2026-11-21 00:00:00 UTC. To hear more, "
        "raise budget_day of [[account]] 'fake' in settings.toml."
    )
    assert caught.value.kind is GapKind.BUDGET
    assert caught.value.retry_after == 12 * 3600
    assert _spent(db).requests == 1, "nothing was asked, nothing is counted"
    meter.reserve(requests=1, reads=50)  # what still fits
    clock.forward(hours=12)
    meter.reserve(requests=1, reads=100)


def test_a_budget_that_is_too_small_for_anything_does_not_say_that_it_is_spent(
    db: Database, clock: FrozenClock
) -> None:
    with pytest.raises(Spent) as caught:
        _meter(db, clock, replace(PRICED, budget_day=20_000)).reserve(reads=10)
    assert str(caught.value) == (
        "account 'fake': the budget of 0.02 USD a day is too small: one request may take 0.05 USD. "
        "To hear more, raise budget_day of [[account]] 'fake' in settings.toml."
    )
    assert (caught.value.kind, rows(db, "SELECT * FROM spending")) == (GapKind.BUDGET, [])


def test_a_month_is_kept_to_over_its_days(db: Database, clock: FrozenClock) -> None:
    meter = _meter(db, clock, PRICED)
    for _ in range(3):
        meter.reserve(reads=200)
        clock.forward(days=1)
    with pytest.raises(Spent, match=r"3\.00 USD a month.*raise budget_month") as caught:
        meter.reserve(reads=1)
    assert caught.value.retry_after == (datetime(2026, 12, 1, tzinfo=UTC) - clock()).total_seconds()


def test_units_are_counted_by_the_platforms_own_day(db: Database, clock: FrozenClock) -> None:
    limit = listeners.limit("youtube")
    assert limit is not None
    clock.now = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)  # half an hour before midnight there
    meter = _meter(db, clock, BudgetPolicy(account="fake", limit=limit))
    meter.reserve(requests=1, units=10_000)
    with pytest.raises(Spent, match="quota of 10,000 units a day is used up") as caught:
        meter.reserve(units=1)
    assert caught.value.retry_after == 1800
    clock.forward(minutes=30)
    meter.reserve(requests=1, units=100)


# --- limits of requests ---------------------------------------------------------------------------


def test_queries_of_one_account_share_its_requests(db: Database, clock: FrozenClock) -> None:
    policy = BudgetPolicy(account="fake", limit=Limit(requests=3, per=60))
    account_state = AccountState()
    first = _meter(db, clock, policy, account_state=account_state)
    same_brand = replace(QUERY, id="fake/acme-air/second")
    second = _meter(db, clock, policy, account_state=account_state, query=same_brand)
    first.reserve(requests=2)
    second.reserve(requests=1)
    clock.forward(seconds=10)
    with pytest.raises(Spent, match="limit of 3 requests in 60 s is used up") as caught:
        second.reserve(requests=1)
    assert (caught.value.kind, caught.value.retry_after) == (GapKind.LIMIT, 50)
    clock.forward(seconds=50)
    second.reserve(requests=1)


def test_threads_that_share_an_account_share_its_limit(db: Database, clock: FrozenClock) -> None:
    """Eight ask for one request each at the same moment, and five are allowed."""
    policy, account_state = (
        BudgetPolicy(account="fake", limit=Limit(requests=5, per=60)),
        AccountState(),
    )
    ready = threading.Barrier(8)

    def ask() -> bool:
        meter = _meter(db, clock, policy, account_state=account_state)
        ready.wait(60)
        try:
            meter.reserve(requests=1)
        except Spent:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        allowed = [one.result() for one in [pool.submit(ask) for _ in range(8)]]
    assert sum(allowed) == _spent(db).requests == 5


def test_a_brand_that_was_refused_has_its_share_kept_in_the_next_window(
    db: Database, clock: FrozenClock
) -> None:
    policy, account_state = (
        BudgetPolicy(account="fake", limit=Limit(requests=10, per=60), brands=BOTH),
        AccountState(),
    )
    greedy = _meter(db, clock, policy, account_state=account_state)
    late = _meter(db, clock, policy, account_state=account_state, query=SECOND)
    greedy.reserve(requests=10)
    with pytest.raises(Spent):
        late.reserve(requests=1)
    clock.forward(seconds=60)
    greedy.reserve(requests=5)
    with pytest.raises(Spent, match="brand 'acme-air' has used its share") as caught:
        greedy.reserve(requests=1)
    assert caught.value.kind is GapKind.LIMIT
    late.reserve(requests=5)


def test_a_budget_is_shared_by_what_each_used_the_day_before(
    db: Database, clock: FrozenClock
) -> None:
    policy = replace(PRICED, budget_month=None, brands=BOTH)
    _meter(db, clock, policy, query=SECOND).reserve(reads=60)
    clock.forward(days=1)
    meter = _meter(db, clock, policy)  # another process: nothing is remembered but the tables
    meter.reserve(reads=140)
    with pytest.raises(Spent, match="the remainder is reserved for the other brands"):
        meter.reserve(reads=1)
    _meter(db, clock, policy, query=SECOND).reserve(reads=60)


def test_what_the_platform_says_is_left_counts(db: Database, clock: FrozenClock) -> None:
    account_state, policy = AccountState(), BudgetPolicy(account="fake")
    first = _meter(db, clock, policy, account_state=account_state)
    first.report_remaining(remaining=0, reset_after=90)
    second = _meter(db, clock, policy, account_state=account_state, query=SECOND)
    with pytest.raises(Spent, match="allows no more requests until 2026-11-20 12:01:30 UTC") as no:
        second.reserve(requests=1)
    assert (no.value.kind, no.value.retry_after) == (GapKind.LIMIT, 90)
    _meter(db, clock, replace(policy, account="another"), account_state=account_state).reserve(
        requests=1
    )
    clock.forward(seconds=90)
    second.reserve(requests=1)
    second.report_remaining(remaining=0, reset_after=None)
    with pytest.raises(Spent):
        first.reserve(requests=1)
    first.report_remaining(remaining=7, reset_after=900)
    first.report_remaining(remaining=None, reset_after=900)
    second.reserve(requests=1)


# --- from settings ----------------------------------------------------------------------------


def test_terms_come_from_the_account_or_from_the_platform() -> None:
    paid = AccountSettings(
        name="second",
        source="reddit",
        price_per_read="0.005",  # type: ignore[arg-type]
        budget_day=1.5,  # type: ignore[arg-type]
        requests=60,
        per="1m",  # type: ignore[arg-type]
    )
    own = Query(id="reddit/a", brand_id="a", source="reddit")
    other = replace(own, id="reddit/b", brand_id="b", account="second")
    off = replace(own, id="reddit/c", brand_id="c", enabled=False)
    plain = policy_for(own, [paid], [own, other, off], listeners.limit)
    assert plain == BudgetPolicy(
        account="reddit", limit=Limit(requests=100, per=60), brands=frozenset({"a"})
    )
    policy = policy_for(other, [paid], [own, other, off], listeners.limit)
    assert policy == BudgetPolicy(
        account="second",
        limit=Limit(requests=60, per=60),
        price=5_000,
        budget_day=1_500_000,
        brands=frozenset({"b"}),
    )


# --- in the poll stage ----------------------------------------------------------------------------


class Paid:
    """A source that reserves 100 reads a page, and brings one mention each."""

    name = "fake"

    def __init__(self, meter: AccountMeter) -> None:
        self._meter = meter

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield pages until the meter refuses."""
        for page in range(int(position or 0), 10):
            self._meter.reserve(requests=1, reads=100)
            yield batch(mention(page), position=str(page + 1), complete_since=NOW)


def _poll(
    db: Database, clock: FrozenClock, policy: BudgetPolicy = PRICED, *channels: str
) -> Polled:
    account_state = AccountState()
    return poll(
        db,
        [QUERY, SECOND],
        clock=clock,
        listener_for=lambda query: Paid(
            _meter(db, clock, policy, account_state=account_state, query=query)
        ),
        alert_policy=AlertPolicy(channels=channels, timezone="Europe/Athens"),
    )


@pytest.fixture
def listening(db: Database) -> Database:
    brands.sync(db, [ACME, OTHER])
    polling.register(db, [QUERY, SECOND])
    return db


def test_a_spent_budget_puts_off_until_it_goes_on_and_is_told_once(
    listening: Database, clock: FrozenClock
) -> None:
    found = _poll(listening, clock, PRICED, "desk", "pager")
    assert (found.new, found.waiting, found.failed) == (2, 2, 0)
    assert "2 wait for a limit or budget" in str(found)
    waits = rows(listening, "SELECT due_at, failures, error FROM query")
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    for row in waits:
        since_midnight = row.due_at / 1e6 - midnight.timestamp()
        assert 0 <= since_midnight <= 31
        assert row.failures == 0
        assert "budget of 1.00 USD a day" in row.error
    told = rows(listening, "SELECT key, channel, subject, text FROM delivery ORDER BY channel")
    assert [row.channel for row in told] == ["desk", "pager"]
    assert told[0].key == "budget/fake/2026-11-21/desk"
    assert "'fake' has stopped at its budget" in told[0].subject
    assert "posts since 2026-11-20 14:00 (Europe/Athens) are not seen yet" in told[0].text
    assert "raise budget_day" in told[0].text


def test_who_dies_before_the_wait_is_written_down_has_told(
    listening: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_anything: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(polling, "postpone", dies)
        with pytest.raises(KeyboardInterrupt):
            _poll(listening, clock, PRICED, "desk")
    told = rows(listening, "SELECT key, text FROM delivery")
    assert [row.key for row in told] == ["budget/fake/2026-11-21/desk"]
    assert _poll(listening, clock, PRICED, "desk").waiting == 2
    assert rows(listening, "SELECT key, text FROM delivery") == told


def test_a_limit_is_waited_for_and_nobody_is_told(listening: Database, clock: FrozenClock) -> None:
    policy = BudgetPolicy(account="fake", limit=Limit(requests=2, per=60))
    for _ in range(3):  # waits do not grow
        assert _poll(listening, clock, policy, "desk").waiting == 2
        (due,) = {row.due_at for row in rows(listening, "SELECT max(due_at) AS due_at FROM query")}
        wait = due / 1e6 - clock().timestamp()
        assert 0 < wait <= 66
        clock.forward(seconds=66)
        with listening.write() as connection:
            connection.exec_driver_sql("UPDATE query SET position = '0'")
    assert rows(listening, "SELECT * FROM delivery") == []


def test_when_settings_change_an_account_its_queries_are_asked_at_once(
    listening: Database, clock: FrozenClock
) -> None:
    polling.register(listening, [QUERY, SECOND], {"fake": "budget_day = 1"})
    _poll(listening, clock)
    assert polling.due_queries(listening, [QUERY, SECOND], clock()) == ()
    polling.register(listening, [QUERY, SECOND], {"fake": "budget_day = 1"})
    assert polling.due_queries(listening, [QUERY, SECOND], clock()) == ()
    polling.register(listening, [QUERY, SECOND], {"fake": "budget_day = 2"})
    assert len(polling.due_queries(listening, [QUERY, SECOND], clock())) == 2


def test_what_was_read_again_is_counted_by_day(listening: Database, clock: FrozenClock) -> None:
    _poll(listening, clock, BudgetPolicy(account="fake"))
    (one, other) = spending.by_query(
        listening, Window.last(timedelta(days=1), NOW + timedelta(hours=1))
    )
    assert (one.new + other.new, one.already_stored + other.already_stored) == (10, 10)
    assert one.requests == 10
    assert {one.requests_per_thousand, other.requests_per_thousand} == {1000.0, None}
