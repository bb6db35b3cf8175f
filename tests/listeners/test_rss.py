"""Feeds as they are met: without ids, without dates, broken, enormous, and moving on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from loopback import Asked, Reply, Site
from rss_watch import NOW, Watch, item

from earful.clock import UNDATED
from earful.contracts import Permanent, Transient
from listeners.common.plain_text import clean

BLNS = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "blns.json"


def test_an_entry_becomes_a_mention(site: Site) -> None:
    watch = Watch(site)
    text = "<p>It&#39;s <b>late</b><script>x()</script></p><p>again &amp; again</p>"
    watch.show(
        f"<item><guid>https://n.example/1</guid><title>Kestrova &amp;amp; co</title>"
        f"<link>https://n.example/1?a=1&amp;b=2</link><author>ann@n.example (Ann B.)</author>"
        f"<description>{escape(text)}</description>"
        "<pubDate>Mon, 20 May 2024 09:00:00 +0300</pubDate></item>",
        head="<language>en-GB</language>",
    )
    [one] = watch.poll()
    assert one.text == "Kestrova & co\nIt's late\nagain & again"
    assert one.url == "https://n.example/1?a=1&b=2"
    assert one.published_at == datetime(2024, 5, 20, 6, tzinfo=UTC)
    assert (one.external_id, one.lang, one.source) == ("https://n.example/1", "en", "rss")
    assert (one.author.handle, one.author.external_id) == ("Ann B.", "127.0.0.1/Ann B.")


def test_atom(site: Site) -> None:
    watch = Watch(site)
    watch.serve(
        b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>B</title>
        <entry><id>tag:b.example,2024:1</id><title type="text">1 &lt; 2 Kestrova</title>
        <updated>2024-05-20T09:00:00Z</updated><link href="javascript:alert(1)"/>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Hello</p></div></content>
        </entry></feed>"""
    )
    [one] = watch.poll()
    assert one.text == "1 < 2 Kestrova\nHello"
    assert one.url is None
    assert (one.author.handle, one.author.name) == ("127.0.0.1", "B")
    assert one.published_at == datetime(2024, 5, 20, 9, tzinfo=UTC)


def test_relative_links_are_made_whole(site: Site) -> None:
    watch = Watch(site)
    links = ("/a?b=1", "http://[bad", "data:x,y", "")
    watch.show("".join(f"<item><guid>{n}</guid><title>K</title><link>{n}</link></item>".replace(
        f"<link>{n}<", f"<link>{link}<") for n, link in enumerate(links)))  # fmt: skip
    assert [one.url for one in watch.poll()] == [f"{site.url}/a?b=1", None, None, None]


def test_without_id_and_date(site: Site) -> None:
    watch = Watch(site)
    watch.show("<item><title>Kestrova</title><link>https://n.example/a</link></item>")
    [one] = watch.poll()
    assert one.published_at == NOW
    assert len(one.external_id) == 32
    watch.position = None
    assert watch.poll()[0].external_id == one.external_id


def test_short_ids_belong_to_their_feed(site: Site) -> None:
    watch = Watch(site, urls=(f"{site.url}/b.xml",))
    for path in ("/feed.xml", "/b.xml"):
        watch.show(f"<item><guid>17</guid><title>Kestrova {path}</title></item>", path)
    assert len({one.external_id for one in watch.poll()}) == 2


@pytest.mark.parametrize(
    "date",
    ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "soon", "32 Foo 20x4",
     "Mon, 20 May 2030 12:00:00 GMT", "0000-00-00"],
)  # fmt: skip
def test_impossible_dates(site: Site, date: str) -> None:
    watch = Watch(site)
    watch.show(f"<item><title>Kestrova</title><pubDate>{date}</pubDate></item>")
    assert watch.poll()[0].published_at == UNDATED
    assert "an entry is stored as undated" in watch.reasons()[0]
    assert watch.poll() == [] and watch.reasons() == []


def test_only_what_names_us_unless_told_otherwise(site: Site) -> None:
    watch = Watch(site, all=False)
    watch.more = {"none_of": ("falcon",), "languages": ("en", "el")}
    inside = "<item><title>Parcels</title><description>says Kestrová</description></item>"
    watch.show(
        item(1) + item(2, title="Other") + item(3, title="Kestrova falcon") + item(4, title="x")
        + inside + "<item><title>T</title><link>https://kestrova.example/a</link></item>"
    )  # fmt: skip
    assert [one.text for one in watch.poll()] == ["Kestrova 1", "Parcels\nsays Kestrová", "T"]
    watch.show(item(7), head="<language>de</language>")
    assert watch.poll() == []


def test_nothing_is_told_twice(site: Site) -> None:
    watch = Watch(site)
    watch.show(item(1) + item(2))
    assert len(watch.poll()) == 2
    watch.show(item(3) + item(1) + item(2))
    assert [one.external_id for one in watch.poll()] == ["https://n.example/3"]
    assert watch.gaps() == []


def test_new_terms_look_at_the_whole_window_again(site: Site) -> None:
    watch = Watch(site, all=False)
    watch.show(item(1) + item(2, title="Tollbridge"), ETag='"1"')
    assert len(watch.poll()) == 1
    watch.more = {"any_of": ("Kestrova", "Tollbridge")}
    assert len(watch.poll()) == 2
    assert "If-None-Match" not in site.asked[-1].headers


def test_conditional_requests(site: Site) -> None:
    watch = Watch(site)
    watch.show(item(1), ETag='W/"a"', **{"Last-Modified": "Mon, 20 May 2024 11:00:00 GMT"})
    watch.poll()
    watch.pages["/feed.xml"] = Reply(status=304)
    assert watch.poll() == []
    assert site.asked[-1].headers["If-None-Match"] == 'W/"a"'
    assert site.asked[-1].headers["If-Modified-Since"] == "Mon, 20 May 2024 11:00:00 GMT"
    assert watch.poll() == []
    assert site.asked[-1].headers["If-None-Match"] == 'W/"a"'
    watch.show(item(2) + item(1))
    assert len(watch.poll()) == 1


def test_a_window_that_moved_on_is_a_gap(site: Site) -> None:
    watch = Watch(site)
    watch.show(item(1, 9) + item(2, 10))
    watch.poll()
    watch.show(item(8, 1) + item(9, 2))
    assert len(watch.poll()) == 2
    [gap] = watch.gaps()
    assert (gap.since, gap.until) == (NOW - timedelta(hours=9), NOW - timedelta(hours=2))
    assert "feed window moved on" in gap.reason
    assert gap.lost and watch.batches[-1].seen[0].since == gap.until
    watch.poll()
    assert watch.gaps() == []


def test_new_ids_for_old_entries_are_no_gap(site: Site) -> None:
    watch = Watch(site)
    watch.show(item(1, 1) + item(2, 5))
    watch.poll()
    watch.show(item(11, 1) + item(12, 5))
    watch.poll()
    assert watch.gaps() == []


def test_an_empty_feed_forgets_nothing(site: Site) -> None:
    watch = Watch(site)
    watch.show(item(1))
    watch.poll()
    watch.show("")
    assert watch.poll() == []
    watch.show(item(1))
    assert watch.poll() == []
    assert watch.gaps() == []


def test_an_entry_without_words_is_told(site: Site) -> None:
    watch = Watch(site)
    watch.show("<item><guid>https://n.example/1</guid></item>" + item(2))
    assert len(watch.poll()) == 1
    assert watch.reasons() == ["it has neither a title nor a text"]


def test_one_id_for_all(site: Site) -> None:
    watch = Watch(site)
    one = "<item><guid>1</guid><title>Kestrova A</title></item>"
    watch.show(one + one + one.replace("A", "B"))
    assert [mention.text for mention in watch.poll()] == ["Kestrova A"]
    assert ["is an earlier entry's" in reason for reason in watch.reasons()] == [True]


@pytest.mark.timeout(200)  # it takes seconds
def test_20000_entries_under_one_id_end(site: Site) -> None:
    watch = Watch(site)
    watch.show("<item><guid>1</guid><title>Kestrova</title></item>" * 20_000)
    assert len(watch.poll()) == 1


def test_a_feed_of_many_entries_is_cut_to_the_newest(site: Site) -> None:
    watch = Watch(site, max_entries=10)
    watch.show("".join(item(number, 200 - number) for number in range(100)))
    found = watch.poll()
    assert len(found) == 10
    assert min(one.published_at for one in found) == NOW - timedelta(hours=110)
    assert "it has 100 entries; the newest 10 are read" in watch.reasons()[0]


def test_a_broken_feed_gives_what_can_be_read(site: Site) -> None:
    watch = Watch(site)
    watch.serve(f"<rss version='2.0'><channel>{item(1)}<item><title>Kestrova & &bad; 2".encode())
    assert "Kestrova 1" in [one.text for one in watch.poll()]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><body>hello", b'{"version": 1}', b"\x00\x01\x02", b"\xff\xfe", b"<" * 10_000,
     b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><x>&b;</x>",
     b"<a>" * 10_000, "<rss>".encode("utf-16")],
)  # fmt: skip
def test_what_never_was_a_feed(site: Site, body: bytes) -> None:
    watch = Watch(site)
    watch.serve(body)
    try:
        assert watch.poll() == []
    except Permanent as error:
        assert f"{site.url}/feed.xml: what came is no feed" in str(error)


def test_a_page_where_a_feed_was_will_pass(site: Site) -> None:
    watch = Watch(site)
    watch.show(item(1))
    watch.poll()
    watch.serve(b"<html><body>We will be back</body></html>")
    with pytest.raises(Transient, match="no feed"):
        watch.poll()


@pytest.mark.timeout(60)  # it takes no time; for ever, were they expanded
def test_entities_are_not_expanded_for_ever(site: Site) -> None:
    bomb = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    watch = Watch(site)
    watch.serve(
        f"<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY e0 'lol'>{bomb}"
        "<!ENTITY f SYSTEM 'file:///etc/passwd'>]><rss version='2.0'><channel>"
        "<item><title>Kestrova &e9; &f;</title></item></channel></rss>".encode()
    )
    found = watch.poll()
    assert not any("root:" in one.text or len(one.text) > 50_000 for one in found)


def test_a_charset_is_believed(site: Site) -> None:
    watch = Watch(site)
    body = "<rss version='2.0'><channel><item><title>Kestrová</title></item></channel></rss>"
    watch.serve(body.encode("iso-8859-1"), **{"Content-Type": "text/xml; charset=iso-8859-1"})
    assert watch.poll()[0].text == "Kestrová"


def test_hostile_text_arrives_plain(site: Site) -> None:
    if not BLNS.is_file():
        pytest.skip("no hostile text: blns.json is in shared/, which is not here")
    lines = json.loads(BLNS.read_text(encoding="utf-8"))
    watch = Watch(site)
    watch.show(
        "".join(
            f"<item><guid>{number}</guid><title>k {number}</title><description>"
            f"{escape(clean(line))}</description></item>"
            for number, line in enumerate(lines)
        )
    )
    found = watch.poll()
    assert len(found) == len(lines)
    for one in found:
        one.text.encode()
        assert "<script" not in one.text.lower() or "&lt;" in "".join(lines)


def test_one_bad_feed_does_not_stop_the_others(site: Site) -> None:
    bad, busy = f"{site.url}/bad.xml?key=hunter2", f"{site.url}/busy.xml"
    watch = Watch(site, urls=(bad, busy))
    watch.show(item(1))
    watch.pages["/busy.xml"] = Reply(status=429, headers={"Retry-After": "3600"})
    assert len(watch.poll()) == 1
    assert sorted(reason.split(" answered ")[1][:3] for reason in watch.reasons()) == ["404", "429"]
    assert "hunter2" not in repr(watch.batches)
    assert not watch.batches[-1].more
    asked = len(site.asked)
    watch.show(item(2) + item(1))
    assert len(watch.poll()) == 1  # the two others are left in peace for now
    assert len(site.asked) == asked + 1
    watch.now += timedelta(hours=1)
    watch.show(item(9), "/busy.xml")
    assert len(watch.poll()) == 1


def test_a_feed_that_failed_while_our_clock_was_ahead_is_not_left_in_peace_for_years(
    site: Site,
) -> None:
    watch = Watch(site, urls=(f"{site.url}/b.xml",))
    watch.show(item(1))
    watch.now += timedelta(days=3 * 365)
    watch.poll()
    watch.now -= timedelta(days=3 * 365)
    watch.show(item(2), path="/b.xml")
    assert [one.external_id for one in watch.poll()] == ["https://n.example/2"]


def test_who_asks_for_a_year_of_peace_is_asked_again_tomorrow(site: Site) -> None:
    watch = Watch(site, urls=(f"{site.url}/b.xml",))
    watch.show(item(1))
    watch.pages["/b.xml"] = Reply(status=503, headers={"Retry-After": "31536000"})
    watch.poll()
    watch.poll()
    assert len(site.asked) == 3
    watch.now += timedelta(days=1)
    watch.poll()
    assert len(site.asked) == 5


def test_when_all_feeds_fail_it_is_an_error(site: Site) -> None:
    watch = Watch(site, urls=(f"{site.url}/b.xml",))
    with pytest.raises(Permanent, match="404"):
        watch.poll()
    watch.pages["/b.xml"] = Reply(status=503, headers={"Retry-After": "60"})
    with pytest.raises(Transient, match=r"404.*503") as error:
        watch.poll()
    assert error.value.retry_after == 60


def test_only_the_feed_is_fetched(site: Site) -> None:
    watch = Watch(site)
    watch.show(
        f"<item><title>Kestrova</title><link>{site.url}/link</link>"
        f"<enclosure url='{site.url}/file' type='audio/mpeg'/></item>"
    )
    watch.poll()
    assert [asked.path for asked in site.asked if isinstance(asked, Asked)] == ["/feed.xml"]
