"""The source "mastodon" against a server on loopback that keeps Mastodon's rules."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from loopback import Asked, Reply, Site
from mastodon_server import Instance
from mastodon_watch import EPOCH, NOW, Watch

from earful.contracts import Permanent, Spent, Transient
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from listeners.common.search_terms import hashtags
from listeners.mastodon.listener import Mastodon


def test_1200_posts_between_two_polls_all_arrive(site: Site) -> None:
    watch = Watch(site)
    assert watch.poll() == set()
    first = watch.toots(5, EPOCH - 3600)
    watch.later(minutes=1)
    assert watch.poll() == first
    watch.later(hours=1)
    new_uris = watch.toots(1200, EPOCH + 60, apart=2)
    assert watch.poll() == new_uris
    assert watch.gaps() == []
    assert watch.seen_span()[1] == watch.now
    assert watch.batches[-1].more is False


def test_the_first_time_it_looks_back_as_far_as_since(site: Site) -> None:
    watch = Watch(site, since="2d")
    watch.toots(90, EPOCH - 86400 * 9)
    expected = watch.toots(90, EPOCH - 86400, apart=3)
    assert watch.poll() == expected
    assert watch.seen_span() == (NOW - timedelta(days=2), NOW)


@pytest.mark.parametrize("killed_after", range(1, 9))
def test_a_killed_poll_goes_on_where_it_was(site: Site, killed_after: int) -> None:
    watch = Watch(site, max_requests=100)
    expected = watch.toots(130, EPOCH - 5000, apart=3)
    watch.poll(max_batches=killed_after)
    watch.later(minutes=5)
    expected |= watch.toots(130, EPOCH + 10)
    watch.poll(max_batches=killed_after)
    watch.poll()
    watch.poll()
    assert set(watch.seen) == expected


def test_a_cut_poll_reports_a_gap_and_goes_on(site: Site) -> None:
    watch = Watch(site, max_requests=3)
    watch.toots(3, EPOCH - 60)
    watch.poll()
    watch.later(hours=2)
    expected = watch.toots(200, EPOCH + 60, apart=10)
    new = watch.poll()
    assert len(new) == 120
    ((since, until, kind),) = watch.gaps()
    assert (until, kind) == (watch.now, GapKind.LIMIT)
    assert NOW < since < watch.now
    assert watch.batches[-1].more
    polls = 0
    while not expected <= set(watch.seen) and polls < 5:
        watch.poll()
        polls += 1
    assert expected <= set(watch.seen)
    assert watch.gaps() == []


def test_the_post_of_a_checkpoint_may_be_deleted(site: Site) -> None:
    watch = Watch(site)
    watch.toots(3, EPOCH - 60)
    watch.poll()
    watch.instance.toots.pop()
    watch.later(minutes=15)
    new = watch.toots(60, EPOCH + 30)
    assert watch.poll() == new


def test_a_post_that_the_server_fetched_late_is_found_within_the_overlap(site: Site) -> None:
    watch = Watch(site, overlap="1h")
    watch.toots(3, EPOCH - 60)
    watch.poll()
    for _ in range(3):
        watch.later(minutes=15)
        watch.poll()
    watch.toots(3, EPOCH + 2600)
    watch.later(minutes=15)
    watch.poll()
    late_uri = watch.instance.toot(EPOCH + 600)["uri"]
    watch.later(minutes=16)
    assert watch.poll() == {late_uri}


def test_polling_often_keeps_the_position_small(site: Site) -> None:
    watch = Watch(site, overlap="1h")
    for n in range(45):
        watch.toots(1, EPOCH + n * 60)
        watch.later(minutes=1)
        watch.poll()
    assert len(watch.position or "") < 3000
    assert len(watch.seen) == 45
    late_uri = watch.instance.toot(EPOCH + 45 * 60 - 2000)["uri"]
    request_count = len(site.asked)
    watch.poll()
    assert late_uri not in watch.seen, (
        "between full overlaps only the last quarter of an hour is read again"
    )
    assert len(site.asked) == request_count + 2
    watch.later(minutes=15)
    assert watch.poll() == {late_uri}


def test_ids_are_text_and_are_not_compared(site: Site) -> None:
    watch = Watch(site)
    for n in range(100):
        uri = f"https://flake.example/objects/{n}"
        watch.instance.toot(EPOCH - 600 + n, id=f"9v{chr(122 - n % 26)}{n}", order=n + 1, uri=uri)
    watch.instance._list = _by_order(watch.instance)  # type: ignore[method-assign]
    assert len(watch.poll()) == 100
    watch.instance.toot(EPOCH + 5, id="1A", order=999, uri="https://flake.example/objects/x")
    watch.later(minutes=5)
    assert watch.poll() == {"https://flake.example/objects/x"}


def _by_order(instance: Instance):
    """Page by the order in the timeline, for ids that are no numbers."""
    plain = Instance._list

    def list_page(path: str, items: list, query: dict[str, str]) -> Reply:
        ranks = {post["id"]: str(post["order"]) for post in items}
        bounds = {key: ranks.get(value, value) for key, value in query.items()}
        reply = plain(instance, path, items, bounds)
        return Reply(body=reply.body, headers={"Content-Type": "application/json"})

    return list_page


def test_a_server_that_gives_the_same_page_again_does_not_catch_us(site: Site) -> None:
    watch = Watch(site)
    watch.toots(60, EPOCH - 60)
    instance = watch.instance

    def without_bounds(request: Asked) -> Reply:
        query = {
            key: value for key, value in request.query.items() if key not in ("min_id", "max_id")
        }
        return instance(Asked(path=request.path, query=query, headers=request.headers))

    site.script = without_bounds
    watch.poll()
    assert len(site.asked) == 2
    assert [kind for _, _, kind in watch.gaps()] == [GapKind.TOKEN]


def test_checkpoints_of_a_clock_that_was_ahead_do_not_block_later_ones(site: Site) -> None:
    watch = Watch(site, overlap="1h")
    watch.toots(3, EPOCH - 60)
    watch.poll()
    for _ in range(3):  # ahead
        watch.later(days=365)
        watch.poll()
    watch.later(days=-3 * 365)
    for n in range(60):
        watch.toots(1, EPOCH + n * 300)
        watch.later(minutes=5)
        watch.poll()
    late_uri = watch.instance.toot(EPOCH + 60 * 300 - 2400)["uri"]
    watch.later(minutes=15)
    assert watch.poll() == {late_uri}, "the whole overlap is read again"
    for _ in range(3):
        watch.later(minutes=5)
        watch.poll()
    oldest = min(span.since for batch in watch.batches for span in batch.seen)
    assert watch.now - oldest < timedelta(hours=2), "not all posts since then are read"


def test_mentions_of_our_account_may_be_for_few_and_are_direct(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_MASTODON_ACCESS_TOKEN", "mine")
    watch = Watch(site, kinds=["mentions"])
    watch.instance.token = "mine"
    expected = {watch.instance.mention(EPOCH - 600 + n, content="help")["uri"] for n in range(90)}
    assert watch.poll() == expected
    assert all(mention.direct for batch in watch.batches for mention in batch.mentions)
    watch.later(minutes=5)
    newer = {watch.instance.mention(EPOCH + n)["uri"] for n in range(90)}
    assert watch.poll() == newer


def test_mentions_are_neither_grouped_nor_filtered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_MASTODON_ACCESS_TOKEN", "mine")
    watch = Watch(site, kinds=["mentions"])
    thread = [watch.instance.mention(EPOCH - 600 + n, thread="a") for n in range(3)]
    stranger = watch.instance.mention(EPOCH - 500, filtered=True)
    assert watch.poll() == {post["uri"] for post in (*thread, stranger)}
    assert {request.query["include_filtered"] for request in site.asked} == {"true"}


def test_likes_and_polls_of_our_own_posts_are_no_mentions(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not know the parameter types sends likes and polls too."""
    monkeypatch.setenv("EARFUL_MASTODON_ACCESS_TOKEN", "mine")
    for knows in (True, False):
        watch = Watch(site, kinds=["mentions"])
        watch.instance.knows_types = knows
        ours = watch.instance.toot(EPOCH - 700, "our sale ends tonight")
        for kind in ("favourite", "reblog", "poll", "update"):
            watch.instance.notify(EPOCH - 600, kind, ours)
        expected = watch.instance.mention(EPOCH - 500)
        watch.instance.notify(EPOCH - 400, "favourite", ours)
        assert watch.poll() == {expected["uri"]}
        assert [reject for batch in watch.batches for reject in batch.rejected] == []


def test_search_walks_back_page_by_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_SHOP_ACCESS_TOKEN", "mine")
    watch = Watch(site, kinds=["search"])
    watch.account = "shop"
    watch.instance.token = "mine"
    watch.any_of = ("kestrova is late",)
    expected = watch.toots(200, EPOCH - 7000, apart=7)
    watch.instance.toot(EPOCH - 50, visibility="private")
    assert watch.poll() == expected
    watch.later(hours=3)
    newer = watch.toots(1200, EPOCH, apart=8)
    watch.poll()
    watch.poll()
    assert newer <= set(watch.seen)


def test_private_posts_are_not_taken_from_a_hashtag(site: Site) -> None:
    watch = Watch(site)
    watch.instance.toot(EPOCH - 60, visibility="private")
    unlisted = watch.instance.toot(EPOCH - 50, visibility="unlisted")
    watch.instance._open = lambda: watch.instance.toots  # type: ignore[method-assign]
    assert watch.poll() == {unlisted["uri"]}


def test_a_missing_token_names_the_variable(site: Site) -> None:
    watch = Watch(site, kinds=["mentions"])
    with pytest.raises(Permanent, match="EARFUL_MASTODON_ACCESS_TOKEN"):
        watch.poll()
    assert site.asked == []


def test_one_poll_is_one_request_when_nothing_is_new(site: Site) -> None:
    watch = Watch(site, overlap="1s")
    watch.toots(3, EPOCH - 60)
    watch.poll()
    request_count = len(site.asked)
    watch.later(minutes=15)
    watch.poll()
    assert len(site.asked) == request_count + 1
    assert watch.meter.requests == len(site.asked)
    assert all(request.path.startswith("/api/v1/timelines/tag/") for request in site.asked)


def test_a_spent_budget_stops_the_poll_with_a_gap(site: Site) -> None:
    class Empty(UnlimitedMeter):
        def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
            raise Spent("nothing is left", kind=GapKind.BUDGET, retry_after=60)

    watch = Watch(site)
    watch.meter = Empty()
    with pytest.raises(Spent):
        watch.poll()
    assert [kind for _, _, kind in watch.gaps()] == [GapKind.BUDGET]
    assert site.asked == []


@pytest.mark.parametrize(
    "body",
    [b"<html>soon</html>", b"[" * 100_000, b'[{"id":', b"null", b"7", b'"a"', b'{"error": "x"}'],
)
def test_an_answer_that_is_no_list_is_transient(site: Site, body: bytes) -> None:
    watch = Watch(site)
    site.script = lambda _request: Reply(body=body, headers={"Content-Type": "application/json"})
    with pytest.raises(Transient, match="It will be tried again") as error:
        watch.poll()
    assert len(str(error.value)) < 400


BROKEN = [None, 7, "a", [], {}, {"id": "7"}, {"id": {}, "visibility": "public"}]


@pytest.mark.parametrize("field", ["uri", "created_at", "content", "account", "id", "visibility"])
@pytest.mark.parametrize("value", [None, 7, "", [], {}, ["a"], {"a": 1}, True, "\x00", 10**400])
def test_one_broken_post_loses_nothing_else(site: Site, field: str, value: object) -> None:
    watch = Watch(site)
    before = watch.toots(3, EPOCH - 100)
    bad = watch.instance.toot(EPOCH - 90)
    after = watch.toots(3, EPOCH - 80)
    bad["order"] = bad["id"]
    bad["visibility"] = "public"
    visible = watch.instance._open()
    bad[field] = value
    watch.instance._open = lambda: visible  # type: ignore[method-assign]
    assert watch.poll() >= before | after
    watch.poll()


@pytest.mark.parametrize("item", BROKEN)
def test_an_item_that_is_no_post(site: Site, item: object) -> None:
    watch = Watch(site)
    posts = [watch.instance.toot(EPOCH - 100 + n) for n in range(3)]
    page = [posts[2], item, posts[1], posts[0]]

    def script(request: Asked) -> Reply:
        fresh = not {"min_id", "max_id"} & request.query.keys()
        return Reply(body=json.dumps(page if fresh else []).encode())

    site.script = script
    assert watch.poll() == {post["uri"] for post in posts}


@pytest.mark.parametrize("knows_batches", [True, False])
def test_recheck_reports_changed_and_deleted_posts(site: Site, knows_batches: bool) -> None:
    watch = Watch(site)
    watch.instance.knows_batches = knows_batches
    posts = [watch.instance.toot(EPOCH - 100 + n) for n in range(3)]
    elsewhere = watch.instance.toot(EPOCH - 50, uri="https://other.example/users/a/statuses/5")
    watch.poll()
    stored = [mention for batch in watch.batches for mention in batch.mentions]
    assert len(stored) == 4
    watch.instance.toots.remove(posts[0])
    watch.instance.toots.remove(elsewhere)
    edited = (NOW + timedelta(minutes=3)).isoformat()
    posts[1] |= {"content": "<p>kestrova is fine</p>", "edited_at": edited}
    batch = Mastodon(clock=lambda: watch.now).recheck(watch.query(), stored)
    assert [post.external_id for post in batch.gone] == [posts[0]["uri"]]
    assert [(mention.external_id, mention.text) for mention in batch.mentions] == [
        (posts[1]["uri"], "kestrova is fine")
    ]
    assert batch.mentions[0].edited_at == NOW + timedelta(minutes=3)
    assert batch.position is None
    site.script = lambda _request: Reply(status=404)
    assert Mastodon(clock=lambda: watch.now).recheck(watch.query(), stored).gone == ()
    site.script = lambda _request: Reply(status=503)
    with pytest.raises(Transient):
        Mastodon(clock=lambda: watch.now).recheck(watch.query(), stored)


def test_addresses_are_https(site: Site) -> None:
    for address in (
        "http://social.example",
        "social.example",
        "https://a.example/path",
        "https://",
    ):
        watch = Watch(site, instances=[address])
        with pytest.raises(Permanent, match="instances"):
            watch.poll()


def test_terms_become_hashtags() -> None:
    terms = ("Kestrova Air", "@kestrova", "kestrova", "KESTROVA", "42", "Ακμή", "…")
    assert hashtags(terms) == ["kestrovaair", "kestrova", "ακμή"]


def test_a_hashtag_is_spelled_as_its_people_spell_it() -> None:
    """A server compares small letters: another final sigma, or no vowel signs, is another tag."""
    terms = ("Ολυμπιακός", "ΑΕΡΑΣ", "कोका कोला", "Straßenbahn", "กีฬา", "Kafe\u0301")
    expected = ["ολυμπιακός", "αερας", "कोकाकोला", "straßenbahn", "กีฬา", "kafé"]
    assert hashtags(terms) == expected
