"""Report the spending of each account against its budgets, with a forecast for the month."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from earful.clock import Window
from earful.limits import money
from pipeline.app import App
from pipeline.budget import fair_share
from storage.collecting import spending
from storage.collecting.spending import account_of

# A week has its weekend: a shorter rate would project quiet or busy days over the whole month.
_PACE = timedelta(days=7)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpending:
    """The spending of an account; amounts of money are in millionths of its currency."""

    account: str
    currency: str
    price: int
    today: int
    month: int
    forecast: int
    budget_day: int | None
    budget_month: int | None
    units: int
    units_per_day: int | None

    def sentences(self) -> Iterator[str]:
        """Yield the sentences for a person; none without a price and a quota."""
        if self.price:
            yield (
                f"{self.account}: {self._of(self.today, self.budget_day)} today, "
                f"{self._of(self.month, self.budget_month)} this month; at the pace of the last "
                f"7 days {money(self.forecast, self.currency)} by its end (UTC){self._warning()}"
            )
        if self.units_per_day is not None:
            yield f"{self.account}: {self.units:,} of {self.units_per_day:,} units of today's quota"

    def _of(self, amount: int, budget: int | None) -> str:
        spent = money(amount, self.currency)
        return spent if budget is None else f"{spent} of {money(budget, self.currency)}"

    def _warning(self) -> str:
        if self.budget_month is None or self.forecast <= self.budget_month:
            return ""
        return ", which is over the budget: polling would stop before"


def account_spendings(
    app: App, now: datetime, query_ids: Collection[str]
) -> tuple[AccountSpending, ...]:
    """Return the spending of the accounts of those queries, by name."""
    queries = {account_of(query): query for query in app.queries if query.id in query_ids}
    spendings = []
    for account, query in sorted(queries.items()):
        policy = app.budget_policy(query)
        month, pace = fair_share.month_of(now), _pace(app, account, now)
        month_total = spending.total(app.db, account, month, "money")
        quota_day = fair_share.day_of(now, policy.limit.zone)
        recent = spending.total(app.db, account, pace, "money")
        spendings.append(
            AccountSpending(
                account=account,
                currency=policy.currency,
                price=policy.price,
                today=spending.total(app.db, account, fair_share.day_of(now), "money"),
                month=month_total,
                forecast=forecast(month_total, recent, pace.length, month.until - now),
                budget_day=policy.budget_day,
                budget_month=policy.budget_month,
                units=spending.total(app.db, account, quota_day, "units"),
                units_per_day=policy.limit.units_per_day,
            )
        )
    return tuple(spendings)


def forecast(month_total: int, recent: int, period: timedelta, remaining: timedelta) -> int:
    """Return the projected month-end spend at the recent rate: ``recent`` in ``period``."""
    return month_total + round(recent * (remaining / period))


def _pace(app: App, account: str, now: datetime) -> Window:
    """Return the last 7 days, or the part since the account's first hour, at least a day.

    The rate of a first hour alone would project too much.
    """
    first = spending.first_hour(app.db, account) or now
    return Window.last(min(_PACE, max(_DAY, now - first)), now)
