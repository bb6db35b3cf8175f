"""Read the budget policy of a query's account from settings, else from the platform's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from earful.limits import Limit
from earful.settings.load import AccountSettings
from earful.types import Query
from storage.collecting.spending import account_of

NO_LIMIT = Limit()
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy:
    """The limits of an account, the brands that share it, and the price of a read.

    ``price`` and budgets are in millionths of ``currency``.
    """

    account: str
    limit: Limit = NO_LIMIT
    price: int = 0
    currency: str = "USD"
    budget_day: int | None = None
    budget_month: int | None = None
    brands: frozenset[str] = frozenset()


def policy_for(
    query: Query,
    accounts: Sequence[AccountSettings],
    queries: Iterable[Query],
    limit_of: Callable[[str], Limit | None],
) -> BudgetPolicy:
    """Return the policy of a query's account: its [[account]] block, else the source's limits.

    The brands that share it are those of all enabled ``queries`` under the same account.
    """
    name = account_of(query)
    limit = limit_of(query.source) or NO_LIMIT
    brands = {
        sharer.brand_id for sharer in queries if sharer.enabled and account_of(sharer) == name
    }
    # the query's own brand too: an import is no query of settings
    shared = frozenset(brands | {query.brand_id})
    block = next((account for account in accounts if account.name == name), None)
    if block is None:
        return BudgetPolicy(account=name, limit=limit, brands=shared)
    if block.requests is not None:
        limit = replace(limit, requests=block.requests, per=block.per.total_seconds())
    return BudgetPolicy(
        account=name,
        limit=limit,
        price=_millionths(block.price_per_read),
        currency=block.currency,
        budget_day=None if block.budget_day is None else _millionths(block.budget_day),
        budget_month=None if block.budget_month is None else _millionths(block.budget_month),
        brands=shared,
    )


def _millionths(amount: Decimal) -> int:
    # exact: settings allow no finer amount (Money in earful/settings/blocks.py)
    return int(amount * _MICRO)
