"""The purse of one query's poll: writes down before it spends, and keeps to limits and budgets.

An account (a credential) is shared by its queries: what each spends is counted in the database,
by the hour, before it is spent. A process killed on the way has counted too much, never too
little. What lasts no longer than minutes (windows of requests, what a platform says is left) is
kept in this process alone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from earful.clock import Clock, Window
from earful.contracts import Spent
from earful.enums import GapKind
from earful.limits import money
from earful.types import Query
from pipeline.budget import fair_share
from pipeline.budget.fair_share import Answer, Use
from pipeline.budget.policy import BudgetPolicy
from storage.collecting import spending
from storage.database.engine import Database, Transaction

_BEFORE_THAT = "to hear more before that, "
_UNSAID = 60.0  # seconds to wait where a platform says that nothing is left, and not until when


@dataclass(slots=True, kw_only=True)
class UsageWindow:
    """What happened in one window: requests by brand, and who was refused."""

    window: Window
    used: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    before: Mapping[str, int] = field(default_factory=dict)
    refused_before: frozenset[str] = frozenset()


class AccountState:
    """What this process remembers of its accounts between polls.

    Several threads share it: who looks at it and then counts on it holds ``lock`` meanwhile.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._usage: dict[tuple[str, str], UsageWindow] = {}
        self._empty_until: dict[str, datetime] = {}

    def usage(self, account: str, what: str, window: Window) -> UsageWindow:
        """The usage of an account's window; a new window knows the one just before it."""
        usage = self._usage.get((account, what))
        if usage is None or usage.window != window:
            next_one = UsageWindow(window=window)
            if usage is not None and usage.window.until == window.since:
                next_one.before, next_one.refused_before = usage.used, frozenset(usage.refused)
            usage = self._usage[(account, what)] = next_one
        return usage

    def empty_until(self, account: str, now: datetime) -> datetime | None:
        """Until when the platform said that nothing is left; None when there is something."""
        until = self._empty_until.get(account)
        return until if until is not None and now < until else None

    def set_empty_until(self, account: str, *, empty_until: datetime | None) -> None:
        """The platform's last word on what is left."""
        if empty_until is None:
            self._empty_until.pop(account, None)
        else:
            self._empty_until[account] = empty_until


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cap:
    """One limit or budget in its present window; ``said`` is how a person reads it."""

    what: str
    most: int
    window: Window
    kind: GapKind
    said: str
    hint: str
    amount: Callable[[int], str]


class AccountMeter:
    """A SpendMeter for one poll of one query."""

    def __init__(
        self,
        db: Database,
        query: Query,
        terms: BudgetPolicy,
        *,
        clock: Clock,
        account_state: AccountState,
    ) -> None:
        self._db = db
        self._query = query
        self._terms = terms
        self._clock = clock
        self._account_state = account_state
        self._asked_at: datetime | None = None

    def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
        """Write down what is about to be spent; raises Spent, with when it goes on."""
        # two threads must not both find room for the last request
        with self._account_state.lock:
            self._reserve(requests, reads, units)

    def _reserve(self, requests: int, reads: int, units: int) -> None:
        now, price = self._clock(), self._terms.price
        usage = self._request_usage(now, requests) if requests else None
        with self._db.write() as transaction:
            if reads and price:
                for cap, before in self._budgets(now):
                    self._stored(transaction, cap, before, "money", reads * price, now)
            if units and self._terms.limit.units_per_day is not None:
                cap, before = self._quota(now, self._terms.limit.units_per_day)
                self._stored(transaction, cap, before, "units", units, now)
            spent = {"requests": requests, "reads": reads, "units": units, "money": reads * price}
            spending.add(transaction, self._query, now, **spent)
        if usage is not None:
            usage.used[self._query.brand_id] += requests
        self._asked_at = now

    def reconcile(self, *, received: int = 0, reads: int = 0, units: int = 0) -> None:
        """Count what came, and give back what was asked for and not used."""
        # in the hour of the asking: what is given back after midnight is not the new day's
        at = self._asked_at or self._clock()
        spent = {"received": received, "reads": reads, "units": units}
        spent["money"] = reads * self._terms.price
        with self._db.write() as transaction:
            spending.add(transaction, self._query, at, **spent)

    def report_remaining(self, *, remaining: int | None, reset_after: float | None) -> None:
        """Remember until when the platform has nothing left for this account."""
        if remaining is None:
            return
        wait = timedelta(seconds=_UNSAID if reset_after is None else reset_after)
        until = self._clock() + wait if remaining <= 0 else None
        self._account_state.set_empty_until(self._terms.account, empty_until=until)

    def _request_usage(self, now: datetime, requests: int) -> UsageWindow | None:
        """The usage to count requests on, where requests are limited; raises Spent."""
        terms = self._terms
        until = self._account_state.empty_until(terms.account, now)
        if until is not None:
            raise Spent(
                f"account {terms.account!r}: the platform allows no more requests until "
                f"{_clock_time(until)}; it goes on by itself then",
                kind=GapKind.LIMIT,
                retry_after=(until - now).total_seconds(),
            )
        if terms.limit.requests is None:
            return None
        cap = _Cap(
            what="requests",
            most=terms.limit.requests,
            window=fair_share.window_of(now, terms.limit.per),
            kind=GapKind.LIMIT,
            said=f"limit of {terms.limit.requests:,} requests in {terms.limit.per:g} s",
            hint="it goes on by itself; a longer `every` in its [[listen]] blocks asks for less",
            amount=lambda number: f"{number:,} requests",
        )
        usage = self._account_state.usage(terms.account, cap.what, cap.window)
        self._decide(cap, requests, usage.used, usage.before, now)
        return usage

    def _budgets(self, now: datetime) -> list[tuple[_Cap, Window]]:
        """The budgets of money that are set, each with the window before."""
        terms = self._terms
        found = []
        for key, word, most, window_of in (
            ("budget_day", "day", terms.budget_day, fair_share.day_of),
            ("budget_month", "month", terms.budget_month, fair_share.month_of),
        ):
            if most is None:
                continue
            window = window_of(now)
            cap = _Cap(
                what=key,
                most=most,
                window=window,
                kind=GapKind.BUDGET,
                said=f"budget of {money(most, terms.currency)} a {word}",
                hint=f"{_BEFORE_THAT}raise {key} of [[account]] {terms.account!r} in settings.toml",
                amount=lambda number: money(number, terms.currency),
            )
            found.append((cap, window_of(fair_share.moment_before(window))))
        return found

    def _quota(self, now: datetime, most: int) -> tuple[_Cap, Window]:
        zone = self._terms.limit.zone
        window = fair_share.day_of(now, zone)
        cap = _Cap(
            what="units",
            most=most,
            window=window,
            kind=GapKind.BUDGET,
            said=f"quota of {most:,} units a day",
            hint="to hear all day long, ask less often (`every`) or for less in its [[listen]] "
            "blocks",
            amount=lambda number: f"{number:,} units",
        )
        return cap, fair_share.day_of(fair_share.moment_before(window), zone)

    def _stored(
        self,
        transaction: Transaction,
        cap: _Cap,
        before: Window,
        column: str,
        asked: int,
        now: datetime,
    ) -> None:
        """Decide over a window that is counted in the database."""
        account = self._terms.account
        used = spending.by_brand(transaction, account, cap.window, column)
        earlier = spending.by_brand(transaction, account, before, column)
        self._decide(cap, asked, used, earlier, now)

    def _decide(
        self,
        cap: _Cap,
        asked: int,
        used: Mapping[str, int],
        before: Mapping[str, int],
        now: datetime,
    ) -> None:
        brand, usage = (
            self._query.brand_id,
            self._account_state.usage(self._terms.account, cap.what, cap.window),
        )
        use = Use(
            most=cap.most,
            brands=self._terms.brands,
            used=used,
            before=before,
            refused=usage.refused_before,
        )
        answer = fair_share.may_take(brand, asked, use)
        if answer is Answer.YES:
            return
        usage.refused.add(brand)
        raise Spent(
            self._why(cap, answer, asked, used),
            kind=cap.kind,
            retry_after=(cap.window.until - now).total_seconds(),
        )

    def _why(self, cap: _Cap, answer: Answer, asked: int, used: Mapping[str, int]) -> str:
        all_of_it, brand = sum(used.values()), self._query.brand_id
        text = f"account {self._terms.account!r}: "
        if asked > cap.most:  # midnight will not change that
            text += f"the {cap.said} is too small: one request may take {cap.amount(asked)}"
            return f"{text}; {cap.hint.removeprefix(_BEFORE_THAT)}"
        if answer is Answer.SPENT:
            text += f"the {cap.said} is used up: {cap.amount(all_of_it)} are spent"
        else:
            text += f"brand {brand!r} has used its share of the {cap.said}: "
            text += f"{cap.amount(used.get(brand, 0))} of {cap.amount(all_of_it)}, and the rest is "
            text += "kept for the other brands"
        text += f", {cap.amount(asked)} more would be asked for"
        return f"{text}. It goes on at {_clock_time(cap.window.until)}; {cap.hint}"


def _clock_time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
