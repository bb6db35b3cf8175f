"""The order in which people see brands: those of settings first, as settings list them."""

from __future__ import annotations

from datetime import UTC, datetime

from earful.clock import Window
from earful.settings.load import Settings
from storage import queries
from storage.database.engine import Database
from storage.views import BrandView

_ALWAYS = Window(since=datetime(1970, 1, 1, tzinfo=UTC), until=datetime(9999, 12, 30, tzinfo=UTC))


def order_brands(db: Database, settings: Settings) -> tuple[BrandView, ...]:
    """Return the stored brands that settings name, in their order, then former ones.

    A former brand is one that settings no longer name. Its mentions stay readable, so it comes
    last; without mentions it is left out.
    """
    stored = {brand.id: brand for brand in queries.brands(db)}
    named = [stored.pop(brand.id) for brand in settings.brands() if brand.id in stored]
    # only former brands are counted: each costs a query
    former = [brand for brand in stored.values() if queries.counts(db, brand.id, _ALWAYS).mentions]
    return (*named, *former)


def is_former(brand: BrandView, settings: Settings) -> bool:
    """Say whether settings no longer name the brand."""
    return brand.id not in {named.id for named in settings.brands()}
