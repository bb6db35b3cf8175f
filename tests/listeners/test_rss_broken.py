"""Feeds that break off, and feeds that were made to cost hours."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from loopback import Reply, Site
from rss_watch import NOW, Watch, item

from earful.contracts import Permanent
from listeners.feeds import bounded_feedparser

HEAD = "<?xml version='1.0'?><rss version='2.0'><channel><title>The News</title>"
STORY = (
    "<item><title>Parcels</title><description>Kestrova lost mine</description>"
    "<guid>https://n.example/23</guid></item>"
)
WHOLE = f"{HEAD}{item(3)}{STORY}{item(1)}</channel></rss>"
AT = WHOLE.index(STORY)


@pytest.mark.parametrize(
    "cut",
    [
        *(WHOLE.index(one) for one in ("arcels", "lost mine", "3</guid>", "</item>" + item(1))),
        AT,
        len(HEAD) - 12,
    ],
)
def test_a_feed_that_breaks_off_loses_nothing_and_doubles_nothing(site: Site, cut: int) -> None:
    """The server died in the middle of its answer, and takes it for given: its ETag is the same."""
    watch = Watch(site, all=False)
    watch.show(item(1), ETag='"1"')
    found = [one.external_id for one in watch.poll()]
    whole = Reply(body=WHOLE.encode(), headers={"ETag": '"2"'})
    watch.pages["/feed.xml"] = Reply(body=WHOLE[:cut].encode(), headers={"ETag": '"2"'})
    found += [one.external_id for one in watch.poll()]
    assert watch.gaps() == []
    assert [seen for batch in watch.batches for seen in batch.seen] == []
    assert "breaks off in the middle" in watch.reasons()[0]
    site.script = lambda asked: (
        Reply(status=304) if asked.headers.get("If-None-Match") == '"2"' else whole
    )
    found += [one.external_id for one in watch.poll()]
    assert sorted(found) == [f"https://n.example/{number}" for number in (1, 23, 3)]
    assert watch.gaps() == []
    assert watch.batches[-1].seen[0].since == NOW  # since the last look at all of it


def test_after_a_feed_that_broke_off_new_terms_look_at_all_of_it(site: Site) -> None:
    watch = Watch(site, all=False)
    watch.more = {"any_of": ("Tollbridge",)}
    watch.serve(WHOLE.encode())
    assert watch.poll() == []
    watch.more = {}
    watch.serve(WHOLE[: AT + 9].encode())
    assert len(watch.poll()) == 1
    watch.serve(WHOLE.encode())
    assert len(watch.poll()) == 2


def test_a_feed_with_a_fault_and_an_end_is_whole(site: Site) -> None:
    watch = Watch(site)
    watch.serve(WHOLE.replace("The News", "News & more").encode(), ETag='"1"')
    assert len(watch.poll()) == 3
    assert watch.reasons() == []
    watch.pages["/feed.xml"] = Reply(status=304)
    watch.poll()
    assert site.asked[-1].headers["If-None-Match"] == '"1"'


def test_a_mark_that_cannot_be_sent_back_is_not_kept(site: Site) -> None:
    watch = Watch(site)
    watch.show(item(1), ETag='"a\x01b"', **{"Last-Modified": "yesterday\x7f"})
    assert len(watch.poll()) == 1
    watch.show(item(2) + item(1))
    assert len(watch.poll()) == 1


# each took from a quarter of an hour to days, in one of them with all other threads standing still
SLOW = {
    "an author": "<author>' + 'a.' * 500_000 + '</author>",
    "a creator": "<creator xmlns=\"http://purl.org/dc/elements/1.1/\">' + 'T1-' * 300_000 + "
    "'</creator>",
    "categories": "' + ''.join(f'<category>{n}</category>' for n in range(100_000)) + '",
    "attributes": "<x ' + ' '.join(f'a{n}=\"1\"' for n in range(500_000)) + '/>",
}


def hostile_feeds() -> list[Any]:
    """Every kind of slow markup, in a whole feed and in a broken one: each kind once by default."""
    faults = {"well-formed": "", "malformed": "&"}
    params = []
    for at, what in enumerate(SLOW):
        for turn, (name, fault) in enumerate(faults.items()):
            marks = () if at % len(faults) == turn else (pytest.mark.slow,)
            params.append(pytest.param(what, fault, marks=marks, id=f"{what}-{name}"))
    return params


@pytest.mark.parametrize(("what", "fault"), hostile_feeds())
def test_a_hostile_feed_is_read_in_no_time(what: str, fault: str) -> None:
    """In a process of its own, which can be ended."""
    script = f"""
from listeners.feeds.parser import parse
from listeners.http.fetch import HttpResponse
item = '<item><title>K{fault}</title>{SLOW[what]}</item>'
body = f'<rss version="2.0"><channel>{{item}}</channel></rss>'
feed = parse(HttpResponse(url="https://n.example/", body=body.encode()), max_entries=10)
assert feed.is_complete and [entry.raw["title"][0] for entry in feed.entries] == ["K"]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=200)


# each grew with the square of its size, or faster: ten to sixty seconds for a megabyte
COSTLY = {
    "namespaces": "".join(f"<p{n}:x xmlns:p{n}='u{n}'/>" for n in range(12_000)),
    "nested namespaces": "".join(f"<p{n}:x xmlns:p{n}='u{n}'>" for n in range(8_000))
    + "".join(f"</p{n}:x>" for n in reversed(range(8_000))),
}
HEADS = {
    "line ends": "\n" * 60_000,
    "line ends behind the declaration": "<?xml version='1.0'?>" + "\n" * 60_000,
    "declarations": "<?xml " + "encoding='" * 6000 + "?>\n",
    "open doctypes": "\n<!DOCTYPE x" * 5000,
    "open entities": "\n<!ENTITY x" * 5000,
}


@pytest.mark.timeout(60)  # it takes a second or two
@pytest.mark.parametrize("fault", ["", "&"])
@pytest.mark.parametrize("markup", COSTLY)
def test_many_namespaces_take_no_time(site: Site, markup: str, fault: str) -> None:
    watch = Watch(site)
    watch.show(COSTLY[markup] + f"<item><title>K{fault}</title></item>")
    assert len(watch.poll()) == 1


@pytest.mark.timeout(60)  # it takes a tenth of a second
@pytest.mark.parametrize("head", HEADS)
def test_a_long_head_takes_no_time(site: Site, head: str) -> None:
    watch = Watch(site)
    watch.serve(f"{HEADS[head]}<rss version='2.0'><channel>{item(1)}</channel></rss>".encode())
    assert len(watch.poll()) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (" " * 70_000 + "<rss version='2.0'><channel/></rss>", "its first element is behind"),
        ("<rss version='2.0'><channel>" + "<a>" * 3000, "more than 2,000 elements"),
        (f"<rss version='2.0'><channel><title>{'x' * 6000}</title>", "more than 5,000 characters"),
        (f"<rss version='2.0'><channel><title>{'&amp;' * 6000}", "more than 5,000 characters"),
    ],
)
def test_a_feed_over_its_budget_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    monkeypatch.setattr(bounded_feedparser, "MAX_ELEMENTS", 2000)
    monkeypatch.setattr(bounded_feedparser, "MAX_CHARACTERS", 5000)
    watch = Watch(site)
    watch.serve(body.encode())
    with pytest.raises(Permanent, match=reason):
        watch.poll()


def test_a_feed_that_takes_too_long_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_feedparser, "MAX_SECONDS", -1.0)
    watch = Watch(site)
    watch.show("".join(item(number) for number in range(40)))
    with pytest.raises(Permanent, match="takes over -1 s of processor time"):
        watch.poll()


def test_an_entity_cannot_multiply_a_text(site: Site) -> None:
    watch = Watch(site)
    watch.serve(
        f'<!DOCTYPE rss [\n<!ENTITY big "{"x" * 5000}">\n<!ENTITY c "&#169;">\n]>\n'
        f"<rss version='2.0'><channel><item><title>K &c;</title><description>{'&big;' * 5000}"
        "</description></item></channel></rss>".encode()
    )
    assert all(len(mention.text) < 50_000 for mention in watch.poll())
