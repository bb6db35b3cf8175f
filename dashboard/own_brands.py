"""Our own brands in their order, and the page that stands in for a board without any mention."""

from __future__ import annotations

from datetime import datetime

from dashboard import states
from dashboard.silence import explain_silence
from earful import clock
from earful.settings.load import Settings
from pipeline.brand_order import order_brands
from storage import queries
from storage.database.engine import Database
from storage.views import BrandView


def list_own(db: Database, settings: Settings) -> list[BrandView]:
    """Return the stored brands that are not competitors, in the order of settings."""
    return [brand for brand in order_brands(db, settings) if brand.competitor_of is None]


def draw_missing(db: Database, settings: Settings, brands: list[BrandView]) -> datetime | None:
    """Return when the newest mention was published; None after drawing why there is nothing.

    ``brands`` are those of ``list_own``.
    """
    if not brands and not settings.brand:
        states.draw_no_brand()
        return None
    listening = queries.health(db)
    if not brands or listening.newest_mention_at is None:
        states.draw_nothing_collected(
            explain_silence(listening, settings, clock.now()),
            lambda: queries.health(db).newest_mention_at is not None,
            settings.dashboard.refresh,
        )
        return None
    return listening.newest_mention_at
