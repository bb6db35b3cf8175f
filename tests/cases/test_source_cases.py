"""The cases of feeds, mailboxes, names and digests: each gives its right value now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from case_world import SETTINGS, Cases, CaseWorld
from loopback import Reply, Site, serve

from earful.matching import Matcher
from earful.settings.load import DigestSettings
from pipeline.digest import last_hour

_FEED = """
[[listen]]
source = "rss"
brand = "Kestrova"
every = "1m"
any_of = ["Kestrova"]

[listen.options]
url = "{url}/feed.xml"
"""
_MBOX = """
[[listen]]
source = "mbox"
brand = "Kestrova"

[listen.options]
path = "takeout-labels.mbox"
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as site:
        yield site


def _poll_feed(world: CaseWorld, cases: Cases, site: Site, name: str) -> None:
    body = cases.read(name).encode()
    site.script = lambda _asked: Reply(body=body)
    world.workspace.settings(text=SETTINGS + _FEED.format(url=site.url))
    done = world.earful("poll --once")
    assert done.status == 0, done.err


def test_dates_of_a_feed(world: CaseWorld, cases: Cases, site: Site) -> None:
    _poll_feed(world, cases, site, "feed-dates.xml")
    at = {row["text"].split()[1]: row["at"] for row in world.mentions()}
    # the zone of the first is unknown, so its day alone is sure
    assert at["slash"].startswith("2026-11-20")
    assert at["ampm"] == "2026-11-16T15:07:00Z"
    assert at["cest"] == "2026-07-13T16:30:00Z"
    old = [value for word, value in at.items() if word not in ("slash", "ampm", "cest")]
    assert all(value < "2026-11-25" for value in old), "an old entry must not pass for a fresh one"


def test_new_guids_of_a_feed(world: CaseWorld, cases: Cases, site: Site) -> None:
    _poll_feed(world, cases, site, "feed-new-guids-1.xml")
    _poll_feed(world, cases, site, "feed-new-guids-2.xml")
    assert len(world.mentions()) == 1


def test_labels_of_takeout(world: CaseWorld) -> None:
    world.workspace.settings(text=SETTINGS + _MBOX)
    assert world.earful("poll --once").status == 0
    assert world.mentions() == []


def test_names_in_their_usual_spellings(cases: Cases) -> None:
    lines = [line.split("\t") for line in cases.read("match.tsv").splitlines()[1:]]
    assert len(lines) >= 5
    for want, term, text in lines:
        assert Matcher([term]).matches(text) == (want == "found"), (term, text)


@pytest.mark.parametrize(
    ("zone", "at", "start"),
    [
        ("Europe/Athens", "03:30", datetime(2026, 10, 24, 21, 0, tzinfo=UTC)),
        ("America/Havana", "00:30", datetime(2026, 11, 1, 3, 0, tzinfo=UTC)),
    ],
)
def test_a_digest_hour_that_comes_twice(cases: Cases, zone: str, at: str, start: datetime) -> None:
    assert "digest-dst" in cases.names()
    settings = DigestSettings.model_validate({"at": at})
    instants = {
        last_hour(settings, zone, start + step * timedelta(minutes=5)) for step in range(12 * 9)
    }
    # yesterday's, and one in this night
    assert len(instants) == 2
