"""What the register says of each source stands on its class."""

from __future__ import annotations

import pytest

import listeners

WITHOUT_AT = {
    *("appstore", "feedback", "folder", "hackernews", "mail", "mbox", "replay", "rss", "webhook")
}


@pytest.mark.parametrize("source", listeners.names())
def test_handles_have_an_at_where_people_have_handles(source: str) -> None:
    assert listeners.handles_have_at(source) == (source not in WITHOUT_AT)


def test_an_imported_platform_has_handles_with_an_at() -> None:
    assert listeners.handles_have_at("g2-reviews")
    assert listeners.limit("g2-reviews") is None


@pytest.mark.parametrize("source", listeners.names())
def test_limits_are_those_that_platforms_publish(source: str) -> None:
    limit = listeners.limit(source)
    requests = {"bluesky": 3000, "hackernews": 10_000, "mastodon": 300, "reddit": 100}
    assert (limit.requests if limit else None) == requests.get(source)
    assert (limit.units_per_day if limit else None) == (10_000 if source == "youtube" else None)
