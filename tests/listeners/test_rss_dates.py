"""Dates of feeds: read strictly, in the notations that sites use, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import Site
from pydantic import ValidationError
from rss_watch import Watch

from earful.clock import UNDATED
from listeners.feeds.listener import RssOptions

CASES = Path(__file__).parents[2].parent / "shared" / "data" / "cases"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def watch_at(site: Site, **options: object) -> Watch:
    watch = Watch(site, **options)
    watch.now = NOW
    return watch


def entry(date: str, tag: str = "pubDate", title: str = "Kestrova") -> str:
    return (
        f"<item><title>{title}</title><link>https://n.example/1</link><{tag}>{date}</{tag}></item>"
    )


READ = [
    ("2026/11/20 15:07:41", "2026-11-20T15:07:41"),
    ("Mon, 16 Nov 2026 05:07:00 PM +0200", "2026-11-16T15:07:00"),
    ("Mon, 13 Jul 2026 18:30:00 CEST", "2026-07-13T16:30:00"),
    ("Mon, 16 Nov 2026 10:00 +0100", "2026-11-16T09:00:00"),
    ("Mon, 16 Nov 26 10:00:00 GMT", "2026-11-16T10:00:00"),
    ("Mon, 16 Nov 2026 10:00:00 CST", "2026-11-16T16:00:00"),
    ("16 Nov 2026 10:00:00 EST", "2026-11-16T15:00:00"),
    ("2026-11-16T10:00:00+02:00", "2026-11-16T08:00:00"),
    ("2026-11-16T10:00:00", "2026-11-16T10:00:00"),
    ("20261116T100000Z", "2026-11-16T10:00:00"),
    ("1794823200", "2026-11-16T10:00:00"),
    ("Nov 16, 2026 10:00 AM", "2026-11-16T10:00:00"),
    ("2026-W47-1T10:00:00Z", "2026-11-16T10:00:00"),
    ("2026-11-16T24:00:00Z", "2026-11-17T00:00:00"),
    ("lundi 16 novembre 2026 à 10:00", "2026-11-16T10:00:00"),
    ("16. Dezember 2025, 10:00", "2025-12-16T10:00:00"),
    ("16 de noviembre de 2026 10:00", "2026-11-16T10:00:00"),
    ("Δευ, 16 Νοε 2026 10:00:00 EET", "2026-11-16T08:00:00"),
    ("Пн, 16 ноября 2026 10:00:00 +0300", "2026-11-16T07:00:00"),
    ("16 Kasım 2026 10:00", "2026-11-16T10:00:00"),
]
UNREAD = [
    "16/11/2024 10:00", "05/06/2026", "yesterday", "2 hours ago", "soon", "16 Foo 2026",
    "2026-11-16 10:00:00 CST", "Mon, 31 Feb 2026 10:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 16 Nov 2037 10:00:00 GMT", "12", "16.11", "10:00",
]  # fmt: skip


@pytest.mark.parametrize("tag", ["pubDate", "dc:date"])
@pytest.mark.parametrize(("date", "instant"), READ)
def test_a_date_is_read(site: Site, date: str, instant: str, tag: str) -> None:
    watch = watch_at(site)
    body = (
        "<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/'><channel>"
        f"{entry(date, tag)}</channel></rss>"
    )
    watch.serve(body.encode())
    [mention] = watch.poll()
    assert mention.published_at == datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert watch.reasons() == []


@pytest.mark.parametrize("date", UNREAD)
def test_a_date_that_cannot_be_read_is_never_another_one(site: Site, date: str) -> None:
    watch = watch_at(site)
    watch.show(entry(date))
    [mention] = watch.poll()
    assert mention.published_at == UNDATED
    [reason] = watch.reasons()
    assert "stored as undated" in reason and "none raises an alert" in reason


def test_the_options_decide_dates_with_two_readings(site: Site) -> None:
    watch = watch_at(site, dates="dmy", timezone="America/Chicago")
    watch.show(entry("05/06/2026 10:00") + entry("Mon, 16 Nov 2026 10:00:00 CST", title="Late"))
    first, second = (mention.published_at for mention in watch.poll())
    assert first == datetime(2026, 6, 5, 15, 0, tzinfo=UTC)
    assert second == datetime(2026, 11, 16, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [{"dates": "day first"}, {"timezone": "Mars/Base"}])
def test_a_wrong_option_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        RssOptions.model_validate({"url": "https://n.example/feed.xml", **wrong})


def test_a_later_change_does_not_stand_in_for_an_unreadable_date(site: Site) -> None:
    watch = watch_at(site)
    watch.serve(
        b"<rss version='2.0' xmlns:a='http://www.w3.org/2005/Atom'><channel><item>"
        b"<title>Kestrova</title><pubDate>long ago</pubDate>"
        b"<a:updated>2026-11-28T10:00:00Z</a:updated></item></channel></rss>"
    )
    assert [mention.published_at for mention in watch.poll()] == [UNDATED]


def test_a_date_some_hours_ahead_is_now(site: Site) -> None:
    watch = watch_at(site)
    watch.show(entry("Sat, 28 Nov 2026 20:00:00 GMT"))
    assert [mention.published_at for mention in watch.poll()] == [NOW]


def test_many_undated_entries_are_one_line(site: Site) -> None:
    watch = watch_at(site)
    watch.show("".join(entry("yesterday", title=f"Kestrova {n}") for n in range(30)))
    assert len(watch.poll()) == 30
    assert len(watch.reasons()) == 1
    assert "30 entries are stored as undated" in watch.reasons()[0]


def case(name: str) -> bytes:
    path = CASES / name
    if not path.is_file():
        pytest.skip("the inputs that failed are in shared/, which is not here")
    return path.read_bytes()


def test_the_dates_of_the_case_file(site: Site) -> None:
    watch = watch_at(site)
    watch.serve(case("feed-dates.xml"))
    instants = {
        mention.url.rpartition("/")[2]: mention.published_at
        for mention in watch.poll()
        if mention.url
    }
    assert instants == {
        "slash": datetime(2026, 11, 20, 15, 7, 41, tzinfo=UTC),
        "ampm": datetime(2026, 11, 16, 15, 7, tzinfo=UTC),
        "cest": datetime(2026, 7, 13, 16, 30, tzinfo=UTC),
        "old": UNDATED,
    }


def test_a_guid_made_anew_is_the_same_entry_in_the_case_files(site: Site) -> None:
    watch = watch_at(site)
    watch.serve(case("feed-new-guids-1.xml"))
    assert len(watch.poll()) == 1
    watch.serve(case("feed-new-guids-2.xml"))
    assert watch.poll() == []


def guided(guid: str, link: str = "https://n.example/a", title: str = "Kestrova", at: int = 10,
           more: str = "") -> str:  # fmt: skip
    return (
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{title}</title><link>{link}</link>"
        f"<pubDate>Mon, 16 Nov 2026 {at}:00:00 GMT</pubDate>{more}</item>"
    )


@pytest.mark.parametrize(
    "second",
    [
        guided("2"),
        guided("2", more="<description>3 comments</description>"),
        guided("2", link="https://n.example/a?utm_source=rss&amp;utm_campaign=x"),
        guided("2", title=" Kestrova "),
        guided("1", title="Kestrova, corrected"),
        guided("1", link="https://n.example/a?session=17"),
        guided("1", at=11),
    ],
)
def test_the_same_entry_is_told_once(site: Site, second: str) -> None:
    watch = watch_at(site)
    watch.show(guided("1"))
    assert len(watch.poll()) == 1
    watch.show(second)
    assert watch.poll() == [] and watch.gaps() == []
    watch.show(guided("3") + guided("4"))
    watch.poll()
    watch.show(guided("5"))
    assert watch.poll() == []


@pytest.mark.parametrize(
    "second",
    [
        guided("2", title="Kestrova again"),
        guided("2", at=11),
        guided("2", link="https://n.example/b"),
        guided("2", link="https://n.example/a?article=2"),
        guided("2", link="https://n.example/a#post-2"),
    ],
)
def test_another_entry_is_another_mention(site: Site, second: str) -> None:
    watch = watch_at(site)
    watch.show(guided("1"))
    watch.poll()
    watch.show(guided("1") + second)
    assert len(watch.poll()) == 1
    whole = watch_at(site)
    whole.show(guided("1") + second)
    assert len(whole.poll()) == 2


def test_without_a_date_and_a_link_only_the_guid_tells_entries_apart(site: Site) -> None:
    watch = watch_at(site)
    watch.show("".join(f"<item><guid>{n}</guid><title>Kestrova</title></item>" for n in range(3)))
    assert len(watch.poll()) == 3


def test_a_podcast_is_known_by_its_file(site: Site) -> None:
    watch = watch_at(site)
    episode = (
        "<item><guid>{0}</guid><title>Kestrova</title><enclosure url='https://n.example/1.mp3'/>"
        "<pubDate>Mon, 16 Nov 2026 10:00:00 GMT</pubDate></item>"
    )
    watch.show(episode.format("a"))
    assert len(watch.poll()) == 1
    watch.show(episode.format("b") + episode.format("c").replace("1.mp3", "2.mp3"))
    assert len(watch.poll()) == 1


def test_a_position_without_content_marks_reads_nothing_again(site: Site) -> None:
    """A position of an earlier version knows ids only."""
    watch = watch_at(site)
    watch.show(guided("1"))
    watch.poll()
    assert watch.position is not None
    state = json.loads(watch.position)
    for feed in state["feeds"].values():
        del feed["seen"][1::2]
    watch.position = json.dumps(state)
    watch.now += timedelta(hours=1)
    assert watch.poll() == []
