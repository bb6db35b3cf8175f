"""Meter one query's poll: write down each spending first, and keep to limits and budgets.

The queries of an account (a credential) share its limits. The database counts the spending of each
by the hour, before it is spent. A process that is killed in between has counted too much, never
too little. This process alone remembers short-lived facts: windows of requests, and the remaining
requests that a platform reports.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from earful.clock import Clock, PlannedWait, Window
from earful.contracts import Spent
from earful.enums import GapKind
from earful.limits import money
from earful.types import Query
from pipeline.budget import fair_share
from pipeline.budget.fair_share import Grant, WindowUse
from pipeline.budget.policy import BudgetPolicy
from storage.collecting import spending
from storage.database.engine import Database, Transaction

# Seconds, where a platform reports that no requests remain and not when they reset. Windows of
# platforms last a minute or more.
_DEFAULT_RESET = 60.0


@dataclass(slots=True, kw_only=True)
class UsageWindow:
    """The use of one window in this process: amounts by brand, and the brands that were refused."""

    window: Window
    used: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    used_before: Mapping[str, int] = field(default_factory=dict)
    refused_before: frozenset[str] = frozenset()


class AccountState:
    """The memory of this process about its accounts, from one poll to the next.

    Threads share it: hold ``lock`` from reading a usage until counting on it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._usage: dict[tuple[str, str], UsageWindow] = {}
        self._empty: dict[str, PlannedWait] = {}

    def usage(self, account: str, cap: str, window: Window) -> UsageWindow:
        """Return the usage of an account's window; a new window inherits from the one before."""
        usage = self._usage.get((account, cap))
        if usage is None or usage.window != window:
            successor = UsageWindow(window=window)
            # only the window just before counts: after a pause nothing is reserved
            if usage is not None and usage.window.until == window.since:
                successor.used_before = usage.used
                successor.refused_before = frozenset(usage.refused)
            usage = self._usage[(account, cap)] = successor
        return usage

    def empty_until(self, account: str, now: datetime) -> datetime | None:
        """Return until when the platform allows no requests; None when it allows some."""
        wait = self._empty.get(account)
        return None if wait is None or wait.is_over(now) else wait.until

    def set_empty(self, account: str, wait: PlannedWait | None) -> None:
        """Remember the platform's latest report on remaining requests."""
        if wait is None:
            self._empty.pop(account, None)
        else:
            self._empty[account] = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cap:
    """One limit or budget in its present window.

    ``title`` and ``hint`` are for people, as is ``amount``, which writes a number with its unit.
    """

    name: str
    limit: int
    window: Window
    kind: GapKind
    title: str
    hint: str
    amount: Callable[[int], str]


class AccountMeter:
    """A SpendMeter for one poll of one query."""

    def __init__(
        self,
        db: Database,
        query: Query,
        policy: BudgetPolicy,
        *,
        clock: Clock,
        account_state: AccountState,
    ) -> None:
        self._db = db
        self._query = query
        self._policy = policy
        self._clock = clock
        self._account_state = account_state
        self._reserved_at: datetime | None = None

    def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
        """Count a spending before it happens; raises Spent, with the seconds until it may go on."""
        # two threads must not both find room for the last request
        with self._account_state.lock:
            self._reserve(requests, reads, units)

    def _reserve(self, requests: int, reads: int, units: int) -> None:
        now, price = self._clock(), self._policy.price
        usage = self._request_usage(now, requests) if requests else None
        # in the transaction that counts: two processes must not both find room for the last post
        with self._db.write() as transaction:
            if reads and price:
                for cap, window_before in self._budgets(now):
                    self._check_stored(transaction, cap, window_before, "money", reads * price, now)
            if units and self._policy.limit.units_per_day is not None:
                cap, window_before = self._quota(now, self._policy.limit.units_per_day)
                self._check_stored(transaction, cap, window_before, "units", units, now)
            amounts = {"requests": requests, "reads": reads, "units": units, "money": reads * price}
            spending.add(transaction, self._query, now, **amounts)
        if usage is not None:
            usage.used[self._query.brand_id] += requests
        self._reserved_at = now

    def reconcile(self, *, received: int = 0, reads: int = 0, units: int = 0) -> None:
        """Count the response, and return the reserved reads and units that it did not use."""
        # in the hour of the reservation: a return after midnight is not the new day's
        at = self._reserved_at or self._clock()
        amounts = {"received": received, "reads": reads, "units": units}
        amounts["money"] = reads * self._policy.price
        with self._db.write() as transaction:
            spending.add(transaction, self._query, at, **amounts)

    def report_remaining(self, *, remaining: int | None, reset_after: float | None) -> None:
        """Remember until when the platform has no requests left for this account."""
        if remaining is None:
            return
        wait = timedelta(seconds=_DEFAULT_RESET if reset_after is None else reset_after)
        now = self._clock()
        empty = PlannedWait(planned_at=now, until=now + wait) if remaining <= 0 else None
        self._account_state.set_empty(self._policy.account, empty)

    def _request_usage(self, now: datetime, requests: int) -> UsageWindow | None:
        """Return the usage to count requests on, None without a limit; raises Spent."""
        policy = self._policy
        until = self._account_state.empty_until(policy.account, now)
        if until is not None:
            raise Spent(
                f"account {policy.account!r}: the platform allows no more requests until "
                f"{_clock_time(until)}",
                hint="It goes on by itself then.",
                kind=GapKind.LIMIT,
                retry_after=(until - now).total_seconds(),
            )
        if policy.limit.requests is None:
            return None
        cap = _Cap(
            name="requests",
            limit=policy.limit.requests,
            window=fair_share.window_of(now, policy.limit.per),
            kind=GapKind.LIMIT,
            title=f"limit of {policy.limit.requests:,} requests in {policy.limit.per:g} s",
            hint="A longer `every` in its [[listen]] blocks makes fewer requests.",
            amount=lambda number: f"{number:,} requests",
        )
        usage = self._account_state.usage(policy.account, cap.name, cap.window)
        self._check(cap, requests, usage.used, usage.used_before, now)
        return usage

    def _budgets(self, now: datetime) -> list[tuple[_Cap, Window]]:
        """Return the budgets of money that are set, each with its previous window."""
        policy = self._policy
        budgets = []
        for key, period, limit, window_of in (
            ("budget_day", "day", policy.budget_day, fair_share.day_of),
            ("budget_month", "month", policy.budget_month, fair_share.month_of),
        ):
            if limit is None:
                continue
            window = window_of(now)
            cap = _Cap(
                name=key,
                limit=limit,
                window=window,
                kind=GapKind.BUDGET,
                title=f"budget of {money(limit, policy.currency)} a {period}",
                hint=f"To hear more, raise {key} of [[account]] {policy.account!r} in "
                "settings.toml.",
                amount=lambda number: money(number, policy.currency),
            )
            budgets.append((cap, window_of(fair_share.moment_before(window))))
        return budgets

    def _quota(self, now: datetime, limit: int) -> tuple[_Cap, Window]:
        """Return the platform's quota of units a day, with its previous window."""
        zone = self._policy.limit.zone
        window = fair_share.day_of(now, zone)
        cap = _Cap(
            name="units",
            limit=limit,
            window=window,
            kind=GapKind.BUDGET,
            title=f"quota of {limit:,} units a day",
            hint="To hear all day long, poll less often (`every`) or search for less in its "
            "[[listen]] blocks.",
            amount=lambda number: f"{number:,} units",
        )
        return cap, fair_share.day_of(fair_share.moment_before(window), zone)

    def _check_stored(
        self,
        transaction: Transaction,
        cap: _Cap,
        window_before: Window,
        column: str,
        amount: int,
        now: datetime,
    ) -> None:
        """Check a cap that is counted in the database."""
        account = self._policy.account
        used = spending.by_brand(transaction, account, cap.window, column)
        used_before = spending.by_brand(transaction, account, window_before, column)
        self._check(cap, amount, used, used_before, now)

    def _check(
        self,
        cap: _Cap,
        amount: int,
        used: Mapping[str, int],
        used_before: Mapping[str, int],
        now: datetime,
    ) -> None:
        """Raise Spent unless the brand may take ``amount`` more of ``cap``."""
        brand = self._query.brand_id
        usage = self._account_state.usage(self._policy.account, cap.name, cap.window)
        use = WindowUse(
            limit=cap.limit,
            brands=self._policy.brands,
            used=used,
            used_before=used_before,
            refused_before=usage.refused_before,
        )
        grant = fair_share.grant_for(brand, amount, use)
        if grant is Grant.GRANTED:
            return
        usage.refused.add(brand)
        # a new window will not change that, so the hint must not say that it goes on by itself
        too_small = amount > cap.limit
        resumes = f"It goes on by itself at {_clock_time(cap.window.until)}."
        raise Spent(
            f"account {self._policy.account!r}: {self._refusal(cap, grant, amount, used)}",
            hint=cap.hint if too_small else f"{resumes} {cap.hint}",
            kind=cap.kind,
            retry_after=(cap.window.until - now).total_seconds(),
        )

    def _refusal(self, cap: _Cap, grant: Grant, amount: int, used: Mapping[str, int]) -> str:
        total, brand = cap.amount(sum(used.values())), self._query.brand_id
        if amount > cap.limit:
            return f"the {cap.title} is too small: one request may take {cap.amount(amount)}"
        if grant is Grant.SPENT:
            state = f"the {cap.title} is used up: {total} are spent"
        else:
            state = (
                f"brand {brand!r} has used its share of the {cap.title}: "
                f"{cap.amount(used.get(brand, 0))} of {total}, and the remainder is reserved for "
                "the other brands"
            )
        return f"{state}, and {cap.amount(amount)} more would be needed"


def _clock_time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
