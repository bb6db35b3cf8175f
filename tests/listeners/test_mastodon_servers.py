"""One query of several Mastodon servers: what one of them does is no harm to the others."""

from __future__ import annotations

import pytest
from loopback import Reply, Site, serve
from mastodon_server import Instance
from mastodon_watch import EPOCH, Watch

from earful.contracts import Permanent, Transient
from earful.enums import GapKind


def test_two_servers_showing_the_same_post_give_one_mention(site: Site) -> None:
    with serve() as other:
        watch = Watch(site, instances=[site.url, other.url])
        home = watch.instance
        post = home.toot(EPOCH - 60)
        away = Instance(other.url)
        account = post["account"] | {"acct": f"user0@{home.host}", "id": "99"}
        away.toot(EPOCH - 60, **(post | {"id": "5", "account": account}))
        other.script = away
        assert watch.poll() == {post["uri"]}
        authors = {one.author for batch in watch.batches for one in batch.mentions}
        assert len([one for batch in watch.batches for one in batch.mentions]) == 2
        assert {(one.external_id, one.handle) for one in authors} == {
            (post["account"]["uri"], f"user0@{home.host}")
        }


def test_one_server_that_fails_does_not_stop_the_other(site: Site) -> None:
    with serve() as other:
        watch = Watch(site, instances=[other.url, site.url])
        other.script = lambda _asked: Reply(status=503, headers={"Retry-After": "1800"})
        expected = watch.toots(3, EPOCH - 60)
        assert watch.poll() == expected
        (told,) = [one for batch in watch.batches for one in batch.rejected]
        assert "answered 503" in told.reason
        assert [kind for _, _, kind in watch.gaps()] == [GapKind.OUTAGE]
        assert len(other.asked) == 1
        watch.later(minutes=15)
        watch.poll()
        assert len(other.asked) == 1, "it asked for half an hour of peace"
        other.script = away = Instance(other.url)
        late = away.toot(EPOCH - 600)["uri"]
        watch.later(minutes=20)
        assert watch.poll() == {late}
        site.script = other.script = lambda _asked: Reply(status=500)
        with pytest.raises(Transient, match="answered 500"):
            watch.poll()


def test_what_failed_while_our_clock_was_ahead_is_not_left_in_peace_for_years(site: Site) -> None:
    with serve() as other:
        watch = Watch(site, instances=[other.url, site.url])
        other.script = lambda _asked: Reply(status=503)
        watch.later(days=3 * 365)
        watch.poll()
        watch.later(days=-3 * 365)
        other.script = away = Instance(other.url)
        letter = away.toot(EPOCH - 600)["uri"]
        assert watch.poll() == {letter}


def test_of_a_server_that_is_away_one_question_is_asked(site: Site) -> None:
    with serve() as other:
        watch = Watch(site, instances=[other.url, site.url])
        watch.any_of = ("kestrova", "lantern", "larkspur")
        other.script = lambda _asked: Reply(status=503)
        expected = watch.toots(3, EPOCH - 60)
        assert watch.poll() == expected
        assert len(other.asked) == 1
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
