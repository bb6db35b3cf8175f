"""One query of several Mastodon servers: a fault of one does not harm the others."""

from __future__ import annotations

import pytest
from loopback import Reply, Site, serve
from mastodon_server import Instance
from mastodon_watch import EPOCH, Watch

from earful.contracts import Permanent, Transient
from earful.enums import GapKind


def test_two_servers_showing_the_same_post_give_one_mention(site: Site) -> None:
    with serve() as second_site:
        watch = Watch(site, instances=[site.url, second_site.url])
        home = watch.instance
        post = home.toot(EPOCH - 60)
        instance = Instance(second_site.url)
        account = post["account"] | {"acct": f"user0@{home.host}", "id": "99"}
        instance.toot(EPOCH - 60, **(post | {"id": "5", "account": account}))
        second_site.script = instance
        assert watch.poll() == {post["uri"]}
        authors = {mention.author for batch in watch.batches for mention in batch.mentions}
        assert len([mention for batch in watch.batches for mention in batch.mentions]) == 2
        assert {(author.external_id, author.handle) for author in authors} == {
            (post["account"]["uri"], f"user0@{home.host}")
        }


def test_one_server_that_fails_does_not_stop_the_other(site: Site) -> None:
    with serve() as second_site:
        watch = Watch(site, instances=[second_site.url, site.url])
        second_site.script = lambda _request: Reply(status=503, headers={"Retry-After": "1800"})
        expected = watch.toots(3, EPOCH - 60)
        assert watch.poll() == expected
        (reject,) = [reject for batch in watch.batches for reject in batch.rejected]
        assert "answered 503" in reject.reason
        assert [kind for _, _, kind in watch.gaps()] == [GapKind.OUTAGE]
        assert len(second_site.asked) == 1
        watch.later(minutes=15)
        watch.poll()
        assert len(second_site.asked) == 1, "it asked to wait for half an hour"
        second_site.script = instance = Instance(second_site.url)
        late_uri = instance.toot(EPOCH - 600)["uri"]
        watch.later(minutes=20)
        assert watch.poll() == {late_uri}
        site.script = second_site.script = lambda _request: Reply(status=500)
        with pytest.raises(Transient, match="answered 500"):
            watch.poll()


def test_a_cooldown_of_a_clock_that_was_ahead_does_not_last_for_years(site: Site) -> None:
    with serve() as second_site:
        watch = Watch(site, instances=[second_site.url, site.url])
        second_site.script = lambda _request: Reply(status=503)
        watch.later(days=3 * 365)
        watch.poll()
        watch.later(days=-3 * 365)
        second_site.script = instance = Instance(second_site.url)
        uri = instance.toot(EPOCH - 600)["uri"]
        assert watch.poll() == {uri}


def test_an_unreachable_server_gets_one_request_a_poll(site: Site) -> None:
    with serve() as second_site:
        watch = Watch(site, instances=[second_site.url, site.url])
        watch.any_of = ("kestrova", "lantern", "larkspur")
        second_site.script = lambda _request: Reply(status=503)
        expected = watch.toots(3, EPOCH - 60)
        assert watch.poll() == expected
        assert len(second_site.asked) == 1
        assert len(watch.gaps()) == 3


def test_a_token_goes_to_its_own_server_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_MASTODON_ACCESS_TOKEN", "mine")
    watch = Watch(site)
    watch.poll()
    assert site.asked[-1].headers.get("Authorization") is None
    watch.options["instances"] = [site.url, "https://other.example"]
    watch.options["kinds"] = ["search"]
    with pytest.raises(Permanent, match="belongs to one server"):
        watch.poll()
