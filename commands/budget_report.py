"""What each account has spent of its budgets, and where that leads by the end of the month."""

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

_PACE = timedelta(days=7)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account now; amounts of money are in millionths of its currency."""

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
        """What a person should know of it; nothing where nothing is billed or counted."""
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
        return ", which is over the budget: it would stop before"


def states(app: App, now: datetime, query_ids: Collection[str]) -> tuple[AccountState, ...]:
    """The accounts of those queries, by name."""
    queries = {account_of(one): one for one in app.queries if one.id in query_ids}
    found = []
    for account, query in sorted(queries.items()):
        terms = app.budget_policy(query)
        month, pace = fair_share.month_of(now), _pace(app, account, now)
        so_far = spending.total(app.db, account, month, "money")
        quota_day = fair_share.day_of(now, terms.limit.zone)
        lately = spending.total(app.db, account, pace, "money")
        found.append(
            AccountState(
                account=account,
                currency=terms.currency,
                price=terms.price,
                today=spending.total(app.db, account, fair_share.day_of(now), "money"),
                month=so_far,
                forecast=forecast(so_far, lately, pace.length, month.until - now),
                budget_day=terms.budget_day,
                budget_month=terms.budget_month,
                units=spending.total(app.db, account, quota_day, "units"),
                units_per_day=terms.limit.units_per_day,
            )
        )
    return tuple(found)


def forecast(so_far: int, lately: int, over: timedelta, left: timedelta) -> int:
    """What it comes to when it goes on as lately: ``lately`` was spent ``over`` that time."""
    return so_far + round(lately * (left / over))


def _pace(app: App, account: str, now: datetime) -> Window:
    """The last 7 days, or what the account has of them; a first hour alone would tell too much."""
    first = spending.first_hour(app.db, account) or now
    return Window.last(min(_PACE, max(_DAY, now - first)), now)
