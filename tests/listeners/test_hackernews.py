"""Hacker News: newest first, a ceiling of 1,000 hits, posts that are indexed late."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from algolia import Algolia
from loopback import Asked, Reply, Site

from earful.contracts import Permanent, Transient
from earful.types import Batch, Query
from listeners.common.search_terms import search_terms
from listeners.hackernews import HackerNews

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


class Watch:
    """Polls one fake Algolia, remembering position and everything that arrived."""

    def __init__(self, site: Site, algolia: Algolia, **options: object) -> None:
        site.script = algolia
        self.site = site
        self.now = NOW
        self.position: str | None = None
        self.options = {"endpoint": f"{site.url}/api/v1", "timeout": 60, "deadline": 120} | options
        self.any_of: tuple[str, ...] = ("Kestrova",)
        self.seen: dict[str, str] = {}
        self.batches: list[Batch] = []

    def poll(self) -> set[str]:
        query = Query(
            id="hackernews/kestrova",
            brand_id="kestrova",
            source="hackernews",
            any_of=self.any_of,
            none_of=("falcon",),
            options=self.options,
        )
        self.batches = []
        before = set(self.seen)
        for batch in HackerNews(clock=lambda: self.now).poll(query, self.position):
            self.batches.append(batch)
            self.position = batch.position
            self.seen |= {one.external_id: one.text for one in batch.mentions}
        return set(self.seen) - before

    def later(self, **by: int) -> None:
        self.now += timedelta(**by)


def test_1200_posts_between_two_polls_and_a_late_one_all_arrive(site: Site) -> None:
    algolia = Algolia()
    for number in range(5):
        algolia.post(number, EPOCH - 3600 + number)
    watch = Watch(site, algolia)
    assert watch.poll() == {str(number) for number in range(5)}
    for number in range(100, 1300):
        algolia.post(number, EPOCH + number)
    algolia.post(77, EPOCH - 1800)  # written before the last poll, indexed after it
    watch.later(minutes=30)
    assert watch.poll() == {str(number) for number in range(100, 1300)} | {"77"}
    assert len(watch.seen) == 1206


@pytest.mark.parametrize("largest_page", [1000, 200])
def test_more_than_the_ceiling_is_walked_back(site: Site, largest_page: int) -> None:
    algolia = Algolia(largest_page)
    for number in range(1500):
        algolia.post(number, EPOCH - 5000 + number // 3)  # three to a second
    watch = Watch(site, algolia, max_requests=500)
    assert len(watch.poll()) == 1500
    assert min(one.since for batch in watch.batches for one in batch.seen) == NOW - timedelta(
        days=7
    )
    assert not watch.batches[-1].more
    assert not any(batch.gaps for batch in watch.batches)


def test_a_quiet_brand_costs_one_request_a_poll(site: Site) -> None:
    algolia = Algolia()
    algolia.post(1, EPOCH - 100)
    watch = Watch(site, algolia)
    watch.poll()
    watch.later(minutes=15)
    assert watch.poll() == set()
    assert len(site.asked) == 2
    asked = site.asked[-1].query
    assert asked["query"] == '"kestrova"'
    assert asked["numericFilters"] == f"created_at_i>={EPOCH - 100 - 300}"


def test_the_budget_is_kept_and_the_walk_taken_up_again(site: Site) -> None:
    algolia = Algolia(largest_page=100)
    for number in range(1500):
        algolia.post(number, EPOCH - 1500 + number)
    watch = Watch(site, algolia, max_requests=4, overlap="5s")
    polls = 0
    while polls == 0 or watch.batches[-1].more:
        before = len(site.asked)
        watch.poll()
        polls += 1
        assert len(site.asked) - before <= 4
        algolia.post(10_000 + polls, int(watch.now.timestamp()) + 5)  # it goes on while we walk
        watch.later(minutes=1)
        assert polls < 20
    watch.poll()
    assert set(watch.seen) == {hit["objectID"] for hit in algolia.posts}


def test_what_a_cut_walk_leaves_open_is_told_and_walked_later(site: Site) -> None:
    algolia = Algolia(largest_page=100)
    algolia.post(1, EPOCH - 9000)
    watch = Watch(site, algolia, max_requests=4)
    watch.poll()
    for number in range(10, 600):
        algolia.post(number, EPOCH + number)
    watch.later(hours=1)
    watch.poll()
    (gap,) = (gap for batch in watch.batches for gap in batch.gaps)
    assert gap.since == NOW and NOW < gap.until < NOW + timedelta(seconds=300)
    assert "4 requests" in gap.reason and not gap.lost
    watch.later(minutes=1)
    watch.poll()
    assert len(watch.seen) == 591


def test_a_second_with_too_many_posts_is_a_gap(site: Site) -> None:
    algolia = Algolia(largest_page=100)
    for number in range(1200):
        algolia.post(number, EPOCH - 600)
    for number in range(2000, 2300):
        algolia.post(number, EPOCH - 700 + number % 2)
    watch = Watch(site, algolia, max_requests=100)
    new = watch.poll()
    assert {str(number) for number in range(2000, 2300)} <= new
    assert len(new) == 1300
    gaps = [gap for batch in watch.batches for gap in batch.gaps]
    assert len(gaps) == 1
    assert gaps[0].since == NOW - timedelta(seconds=600)
    assert gaps[0].until == NOW - timedelta(seconds=599)
    assert gaps[0].lost
    assert "1,500 hits; the search shows 1,000" in gaps[0].reason
    assert not any(
        seen.since <= gaps[0].since < seen.until for batch in watch.batches for seen in batch.seen
    )


def test_a_crowded_second_is_passed_with_few_requests(site: Site) -> None:
    algolia = Algolia(largest_page=50)
    for number in range(140):
        algolia.post(number, EPOCH - 600 + (number < 20))
    watch = Watch(site, algolia, max_requests=4)
    for _ in range(5):
        watch.poll()
        watch.later(minutes=1)
    assert len(watch.seen) == 140


def test_a_busy_term_does_not_starve_the_others(site: Site) -> None:
    algolia = Algolia(largest_page=20)
    for number in range(3000):
        algolia.post(number, EPOCH - 6000 + number)
    algolia.post(9000, EPOCH - 50, "Tollbridge parcels")
    watch = Watch(site, algolia, max_requests=4)
    watch.any_of = ("Kestrova", "Tollbridge")
    watch.poll()
    watch.later(minutes=1)
    watch.poll()
    assert "9000" in watch.seen


def test_a_new_term_looks_back_and_the_old_one_goes_on(site: Site) -> None:
    algolia = Algolia()
    algolia.post(1, EPOCH - 100)
    algolia.post(2, EPOCH - 86400 * 5, "what is Tollbridge?")
    watch = Watch(site, algolia)
    watch.poll()
    watch.any_of = ("Kestrova", "Tollbridge")
    watch.later(minutes=5)
    assert watch.poll() == {"2"}


def test_a_post_from_the_future_does_not_move_the_mark_past_now(site: Site) -> None:
    algolia = Algolia()
    algolia.post(1, EPOCH + 86400 * 30)
    watch = Watch(site, algolia)
    watch.poll()
    watch.later(days=3)
    algolia.post(2, EPOCH + 86400)
    assert watch.poll() == {"2"}


def test_hits_are_read(site: Site) -> None:
    algolia = Algolia()
    algolia.post(
        5,
        EPOCH - 10,
        None,  # type: ignore[arg-type]
        title="Kestrova&#x27;s outage",
        story_text="<p>It&#x27;s <i>down</i> &amp; out<p>again<script>x()</script>",
        points=12,
        num_comments=3,
        parent_id=None,
        _tags=["story"],
        author="pg_2",
    )
    algolia.post(
        6,
        0,
        None,  # type: ignore[arg-type]
        title="How we cut our bill",
        url="https://kestrova.example/blog",
        created_at_i=EPOCH - 20,
        created_at="2024-05-20T11:59:40.000Z",
        _tags=["story"],
    )
    watch = Watch(site, algolia)
    watch.poll()
    first, second = (one for batch in watch.batches for one in batch.mentions)
    assert first.text == "Kestrova's outage\nIt's down & out\nagain"
    assert first.url == "https://news.ycombinator.com/item?id=5"
    assert (first.engagement.likes, first.engagement.replies) == (12, 3)
    assert (first.author.handle, first.reply_to) == ("pg_2", None)
    assert first.published_at == NOW - timedelta(seconds=10)
    assert second.text == "How we cut our bill\nhttps://kestrova.example/blog"


@pytest.mark.parametrize("written", ["2024-05-20T11:59:00Z", "2024-05-20T11:59:00.000Z"])
def test_created_at_alone_will_do(site: Site, written: str) -> None:
    algolia = Algolia()
    algolia.post(1, 0, created_at_i=None, created_at=written, broken=True)
    algolia._fits = lambda hit, query: True  # type: ignore[method-assign]
    watch = Watch(site, algolia)
    assert watch.poll() == {"1"}
    assert watch.batches[0].mentions[0].published_at == NOW - timedelta(minutes=1)


def test_what_only_its_link_names_us_shows_the_link(site: Site) -> None:
    algolia = Algolia()
    algolia.post(1, EPOCH - 1, "look at this", url="https://kestrova.example/a")
    algolia.post(2, EPOCH - 2, "KESTROVA!", url="https://kestrova.example/a")
    watch = Watch(site, algolia)
    watch.poll()
    assert watch.seen == {"1": "look at this\nhttps://kestrova.example/a", "2": "KESTROVA!"}


@pytest.mark.parametrize("text", ["", " ", "<p></p>", "[flagged]", "[deleted]", None])
def test_a_hit_without_words_is_left_out(site: Site, text: str | None) -> None:
    algolia = Algolia()
    algolia._fits = lambda hit, query: True  # type: ignore[method-assign]
    algolia.post(1, EPOCH - 5, text)  # type: ignore[arg-type]
    algolia.post(2, EPOCH - 6)
    watch = Watch(site, algolia)
    assert watch.poll() == {"2"}
    assert sum(len(batch.rejected) for batch in watch.batches) == 0


@pytest.mark.parametrize(
    "hit",
    [
        None,
        7,
        [],
        {},
        {"objectID": None, "created_at_i": EPOCH, "comment_text": "kestrova"},
        {"objectID": "8", "created_at_i": True, "comment_text": "kestrova"},
        {"objectID": "8", "created_at_i": 1e300, "comment_text": "kestrova"},
    ],
)
def test_one_malformed_hit_does_not_lose_the_page(site: Site, hit: object) -> None:
    algolia = Algolia()
    algolia.post(1, EPOCH - 5)
    algolia.posts.append(hit | {"broken": True} if isinstance(hit, dict) else hit)  # type: ignore[arg-type]
    algolia.post(2, EPOCH - 6)
    watch = Watch(site, algolia)
    assert watch.poll() == {"1", "2"}
    assert sum(len(batch.rejected) for batch in watch.batches) == 1


def test_strange_values_in_a_hit_are_survived(site: Site) -> None:
    algolia = Algolia()
    strange = {"title": ["kestrova"], "url": {"a": 1}, "points": "many", "parent_id": [1]}
    algolia.post(1, EPOCH - 5, "kestrova \ud83d \x00 \u202e odd", **strange, author=None)
    watch = Watch(site, algolia)
    assert watch.poll() == {"1"}
    mention = watch.batches[0].mentions[0]
    assert mention.text == "kestrova odd"
    assert mention.author.external_id == "anonymous-1"


def test_the_same_page_for_ever_ends(site: Site) -> None:
    hits = [{"objectID": str(n), "created_at_i": EPOCH - n, "comment_text": "x"} for n in range(9)]
    body = json.dumps({"hits": hits, "nbHits": 5000}).encode()
    watch = Watch(site, Algolia())
    site.script = lambda _asked: Reply(body=body)
    watch.poll()
    assert len(site.asked) <= 30


def test_a_fault_in_the_middle_keeps_what_came_before(site: Site) -> None:
    algolia = Algolia(largest_page=100)
    for number in range(450):
        algolia.post(number, EPOCH - 500 + number)
    watch = Watch(site, algolia)
    site.faults = [None, None, Reply(status=500)]
    with pytest.raises(Transient, match="500"):
        watch.poll()
    assert 150 < len(watch.seen) < 300
    watch.poll()
    assert len(watch.seen) == 450


def test_any_of_is_needed(site: Site) -> None:
    watch = Watch(site, Algolia())
    watch.any_of = ("@",)
    with pytest.raises(Permanent, match="any_of is empty"):
        watch.poll()


def test_search_terms_are_few() -> None:
    assert search_terms(("Kestrova", "Kestrova Plus", "@kestrova", 'Le "Faucon"')) == [
        "kestrova",
        "le faucon",
    ]
    assert search_terms(("Acme", "Acmeist")) == ["acme", "acmeist"]
    as_written = ("Yapı Kredi", "yapi kredi", "@أرامكو", "Café  Noir")
    assert search_terms(as_written) == ["Yapı Kredi", "أرامكو", "Café Noir"]


def test_a_request_says_who_asks(site: Site) -> None:
    seen: list[Asked] = site.asked
    Watch(site, Algolia()).poll()
    assert seen[0].headers["User-Agent"].startswith("Earful/")
    assert "http" not in seen[0].headers["User-Agent"]
