"""What is asked for in words: days are cut in the zone of the brand that was named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from commands import arguments
from earful.settings.errors import SettingsError
from earful.types import Brand

ATHENS = Brand(id="acme", name="Acme", timezone="Europe/Athens")


def test_a_day_begins_where_the_brand_is() -> None:
    assert arguments.instant("--since", "2026-07-01", ATHENS) == datetime(
        2026, 6, 30, 21, tzinfo=UTC
    )
    assert arguments.instant("--since", "2026-12-01", ATHENS) == datetime(
        2026, 11, 30, 22, tzinfo=UTC
    )


def test_without_a_brand_it_is_utc_and_a_zone_given_counts() -> None:
    assert arguments.instant("--since", "2026-07-01", None) == datetime(2026, 7, 1, tzinfo=UTC)
    with_zone = arguments.instant("--since", "2026-07-01T09:00+05:30", ATHENS)
    assert with_zone == datetime(2026, 7, 1, 3, 30, tzinfo=UTC)


def test_one_side_may_be_left_open() -> None:
    found = arguments.window("2026-07-01", None, None)
    assert found is not None
    assert found.since == datetime(2026, 7, 1, tzinfo=UTC)
    assert found.until.year == 9999
    assert arguments.window(None, None, None) is None


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(SettingsError, match="--since 2026-02-01 is after --until 2026-01-01"):
        arguments.window("2026-02-01", "2026-01-01", None)
