"""The source "bluesky" in its mode "search", against XRPC on loopback that keeps the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bluesky_server import HANDLE, PASSWORD, POST, Network, iso
from loopback import Asked, Reply, Site

from earful.contracts import Permanent, Transient
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.types import Batch, Mention, Query
from listeners.bluesky import client
from listeners.bluesky.listener import Bluesky
from listeners.bluesky.posts import to_mention

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


@pytest.fixture(autouse=True)
def _no_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as a process does: logged in nowhere."""
    monkeypatch.setattr(client, "_LOGINS", {})
    monkeypatch.setenv("EARFUL_BLUESKY_APP_PASSWORD", PASSWORD)


class Watch:
    """Polls, and remembers the position and all mentions."""

    def __init__(self, site: Site, **options: object) -> None:
        self.site = site
        self.network = Network()
        site.script = self.network
        self.now = NOW
        self.position: str | None = None
        self.any_of: tuple[str, ...] = ("Kestrova",)
        self.options = {
            "service": site.url,
            "api": site.url,
            "handle": f"@{HANDLE}",
            "timeout": 60,
            "deadline": 120,
        } | options
        self.meter = UnlimitedMeter()
        self.batches: list[Batch] = []
        self.seen: set[str] = set()

    def query(self) -> Query:
        return Query(
            id="bluesky/kestrova",
            brand_id="kestrova",
            source="bluesky",
            any_of=self.any_of,
            options=self.options,
        )

    def poll(self) -> set[str]:
        self.batches = []
        before = set(self.seen)
        listener = Bluesky(clock=lambda: self.now, meter=self.meter)
        for batch in listener.poll(self.query(), self.position):
            self.batches.append(batch)
            self.position = batch.position
            self.seen |= {mention.external_id for mention in batch.mentions}
        return self.seen - before

    def mentions(self) -> list[Mention]:
        return [mention for batch in self.batches for mention in batch.mentions]

    def posts(self, count: int, start: float, first: int = 0, apart: float = 1) -> set[str]:
        return {self.network.post(first + n, start + n * apart)["uri"] for n in range(count)}

    def requests(self, name: str) -> list[Asked]:
        return [request for request in self.site.asked if request.path.endswith(name)]


def test_1200_posts_between_two_polls_and_a_late_one(site: Site) -> None:
    watch = Watch(site)
    assert watch.poll() == set()
    watch.now += timedelta(hours=1)
    new_uris = watch.posts(1200, EPOCH + 60, apart=2)
    assert watch.poll() == new_uris
    late_uri = watch.network.post(5000, EPOCH + 30)["uri"]
    watch.now += timedelta(hours=2)
    assert watch.poll() == {late_uri}
    assert [gap for batch in watch.batches for gap in batch.gaps] == []
    assert watch.batches[-1].more is False


def test_a_thousand_posts_in_one_second(site: Site) -> None:
    watch = Watch(site)
    new_uris = watch.posts(1000, EPOCH - 60, apart=0)
    assert watch.poll() == new_uris


def test_a_cursor_that_ends_early_is_replaced_by_a_new_search(site: Site) -> None:
    watch = Watch(site)
    watch.network.deepest = 300
    new_uris = watch.posts(1200, EPOCH - 7000, apart=3)
    assert watch.poll() == new_uris


def test_one_login_serves_many_polls_and_is_renewed(site: Site) -> None:
    watch = Watch(site)
    for _ in range(5):
        watch.poll()
        watch.now += timedelta(minutes=15)
    assert (watch.network.logins, watch.network.renewals) == (1, 0)
    watch.network.valid = 70  # both tokens have run out
    watch.poll()
    assert (watch.network.logins, watch.network.renewals) == (2, 0)
    key = next(iter(client._LOGINS))
    tokens = client._LOGINS[key]
    client._LOGINS[key] = client._Tokens("access-1", tokens.refresh)
    watch.poll()
    assert (watch.network.logins, watch.network.renewals) == (2, 1)
    assert watch.meter.requests == len(site.asked)


def test_the_login_is_in_no_position_and_no_error(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(site)
    watch.posts(3, EPOCH - 60)
    watch.poll()
    assert "access-" not in (watch.position or "")
    monkeypatch.setattr(client, "_LOGINS", {})
    monkeypatch.setenv("EARFUL_BLUESKY_APP_PASSWORD", "wrong-word")
    with pytest.raises(Permanent, match="app password") as error:
        watch.poll()
    assert "wrong-word" not in str(error.value)
    monkeypatch.delenv("EARFUL_BLUESKY_APP_PASSWORD")
    with pytest.raises(Permanent, match="EARFUL_BLUESKY_APP_PASSWORD"):
        watch.poll()


def test_a_service_that_gives_no_login(site: Site) -> None:
    watch = Watch(site)
    site.script = lambda _request: Reply(body=b'{"accessJwt": 7}')
    with pytest.raises(Permanent, match="gave no login"):
        watch.poll()
    assert client._LOGINS == {}


def test_a_term_of_several_words_is_a_phrase(site: Site) -> None:
    watch = Watch(site)
    watch.any_of = ("Kestrova Air", "@kestrova.example", "Kestrova Air Plus")
    watch.poll()
    assert [request.query["q"] for request in watch.requests("searchPosts")] == [
        '"kestrova air"',
        "kestrova.example",
    ]
    assert watch.requests("searchPosts")[0].query["since"] == "2024-05-13T12:00:00Z"


def test_mentions_replies_and_quotes_are_direct(site: Site) -> None:
    watch = Watch(site, kinds=["mentions"])
    expected = {
        watch.network.notify(n, EPOCH - 7000 + n, reason=reason)["uri"]
        for n, reason in enumerate(["mention", "reply", "quote"] * 70)
    }
    watch.network.notify(900, EPOCH - 30, reason="like")
    assert watch.poll() == expected
    assert all(mention.direct for mention in watch.mentions())
    assert watch.requests("listNotifications")[0].every["reasons"] == ["mention", "reply", "quote"]
    watch.now += timedelta(hours=1)
    newer = {watch.network.notify(1000 + n, EPOCH + n)["uri"] for n in range(150)}
    assert watch.poll() == newer


def test_a_page_of_likes_does_not_end_the_notifications(site: Site) -> None:
    watch = Watch(site, kinds=["mentions"])
    watch.network.ignores_reasons = True
    expected = {watch.network.notify(n, EPOCH - 7000 + n)["uri"] for n in range(3)}
    for n in range(250):
        watch.network.notify(10 + n, EPOCH - 3000 + 10 * n, reason="like")
    assert watch.poll() == expected
    assert [reject for batch in watch.batches for reject in batch.rejected] == []
    assert [gap for batch in watch.batches for gap in batch.gaps] == []
    asked = len(watch.requests("listNotifications"))
    watch.now += timedelta(hours=1)
    assert watch.poll() == set()
    # the likes' own times end the second poll: it does not read down to the mentions again
    assert len(watch.requests("listNotifications")) - asked == 1


def test_both_kinds_share_the_requests(site: Site) -> None:
    watch = Watch(site, kinds=["search", "mentions"], max_requests=8)
    watch.network.notify(1, EPOCH - 30)
    posts = watch.posts(900, EPOCH - 7000, first=10, apart=3)
    watch.poll()
    assert len(site.asked) <= 9  # and one for the login
    assert [gap.kind for batch in watch.batches for gap in batch.gaps] == [GapKind.LIMIT]
    assert watch.batches[-1].more
    for _ in range(6):
        watch.poll()
    assert posts < watch.seen
    assert len(watch.seen) == 901


@pytest.mark.parametrize("broken", ["listNotifications", "searchPosts"])
def test_a_kind_that_always_fails_does_not_block_the_other(site: Site, broken: str) -> None:
    watch = Watch(site, kinds=["search", "mentions"])
    notified = watch.network.notify(1, EPOCH - 30)["uri"]
    posts = watch.posts(3, EPOCH - 7000, first=10)

    def half_broken(request: Asked) -> Reply:
        return Reply(status=503) if request.path.endswith(broken) else watch.network(request)

    site.script = half_broken
    for _ in range(2):
        with pytest.raises(Transient):
            watch.poll()
    assert watch.seen == (posts if broken == "listNotifications" else {notified})
    site.script = watch.network
    watch.poll()
    assert watch.seen == {notified, *posts}


def test_recheck_asks_without_a_login(site: Site) -> None:
    watch = Watch(site)
    views = [watch.network.post(n, EPOCH - 100 + n) for n in range(60)]
    watch.poll()
    stored = watch.mentions()
    site.asked.clear()
    watch.network.posts.remove(views[3])
    views[5]["record"] = views[5]["record"] | {"text": "kestrova is fine"}
    batch = Bluesky(clock=lambda: watch.now).recheck(watch.query(), stored)
    assert [post.external_id for post in batch.gone] == [views[3]["uri"]]
    assert [(mention.external_id, mention.text) for mention in batch.mentions] == [
        (views[5]["uri"], "kestrova is fine")
    ]
    assert len(site.asked) == 3
    assert all(request.headers.get("Authorization") is None for request in site.asked)
    site.script = lambda _request: Reply(body=b'{"posts": []}')
    with pytest.raises(Transient, match="shows none of 60 posts"):
        Bluesky(clock=lambda: watch.now).recheck(watch.query(), stored)
    site.script = lambda _request: Reply(body=b'{"posts": null}')
    with pytest.raises(Transient, match="no posts"):
        Bluesky(clock=lambda: watch.now).recheck(watch.query(), stored)


@pytest.mark.parametrize("field", ["uri", "author", "record", "indexedAt", "embed", "likeCount"])
@pytest.mark.parametrize("value", [None, 7, "", [], {}, ["a"], {"record": []}, True, "\x00"])
def test_one_broken_post_loses_nothing_else(site: Site, field: str, value: object) -> None:
    watch = Watch(site)
    good = watch.posts(3, EPOCH - 100)
    bad = watch.network.post(99, EPOCH - 90)
    bad |= {field: value, "broken": True}
    good |= watch.posts(3, EPOCH - 80, first=10)
    assert watch.poll() >= good
    watch.poll()


def test_a_page_on_which_nothing_can_be_read(site: Site) -> None:
    watch = Watch(site)
    watch.network.posts += [{"broken": True}, 7, None, "x", []]
    assert watch.poll() == set()
    assert len([reject for batch in watch.batches for reject in batch.rejected]) == 5


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"[]", b"null", b'{"posts": 7}'])
def test_an_unreadable_answer_is_transient(site: Site, body: bytes) -> None:
    watch = Watch(site)
    watch.poll()
    site.script = lambda _request: Reply(body=body)
    with pytest.raises(Transient, match="It will be tried again"):
        watch.poll()


def test_a_search_without_a_handle_is_refused_at_once() -> None:
    query = Query(id="b", brand_id="b", source="bluesky", any_of=("a",))
    with pytest.raises(Permanent, match="handle: the search needs a login"):
        list(Bluesky().poll(query, None))


def read(**overrides: Any) -> Mention:
    record = overrides.pop("record", {})
    view = Network().post(7, EPOCH, **overrides)
    view["record"] = view["record"] | record
    return to_mention(view, fetched_at=NOW)


def test_a_post_is_published_when_its_author_says_unless_that_is_impossible() -> None:
    indexed_at = iso(EPOCH)
    for written, published in {
        "2024-05-20T11:30:00Z": NOW - timedelta(minutes=30),
        "2024-05-20T14:30:00+02:00": NOW,  # a post cannot arrive before it is written
        "1970-01-01T00:00:00Z": NOW,
        "2124-01-01T00:00:00Z": NOW,
        "yesterday": NOW,
    }.items():
        assert read(indexedAt=indexed_at, record={"createdAt": written}).published_at == published


def test_text_beside_the_post_is_context() -> None:
    mention = read(
        record={
            "text": "🦅 see example.com/abc…",
            "facets": [
                {
                    "index": {"byteStart": 9, "byteEnd": 27},
                    "features": [
                        {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/abcd"}
                    ],
                },
                {"features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "Kestrova"}]},
            ],
            "tags": ["unseen"],
            "embed": {
                "$type": "app.bsky.embed.recordWithMedia",
                "media": {"images": [{"alt": "a broken bottle"}]},
            },
            "reply": {"parent": {"uri": f"at://did:plc:x/{POST}/1"}},
        },
        embed={
            "$type": "app.bsky.embed.recordWithMedia#view",
            "record": {
                "record": {"value": {"text": "the quoted one"}, "author": {"handle": "q.example"}}
            },
        },
    )
    assert mention.text == "🦅 see example.com/abc…"
    assert mention.context.splitlines() == [
        "https://example.com/abcd",
        *("#Kestrova", "#unseen", "a broken bottle", "the quoted one", "q.example"),
    ]
    assert mention.reply_to == f"at://did:plc:x/{POST}/1"


def test_numbers_names_and_addresses() -> None:
    mention = read(
        author={"did": "did:plc:author0", "handle": "handle.invalid", "displayName": "K\n"}
    )
    assert mention.author.handle == mention.author.external_id == "did:plc:author0"
    assert mention.author.name == "K"
    assert mention.url == "https://bsky.app/profile/did:plc:author0/post/7"
    engagement = mention.engagement
    assert (engagement.shares, engagement.likes, engagement.replies) == (6, 3, 1)
    assert mention.lang == "en"
