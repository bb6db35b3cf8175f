"""Reddit: newest first, a hundred a page, a thousand a listing, a library that likes to sleep."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import Asked, Reply, Site
from reddit_server import REFRESH, SECRET
from reddit_watch import NOW, Watch

import listeners
from earful.contracts import Doubtful, Permanent, Spent, Transient
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.settings.errors import SettingsError
from earful.types import Batch, Mention

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "recorded" / "praw"


@pytest.fixture
def watch(site: Site, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(site, monkeypatch)


def test_what_is_new_arrives_once_and_the_ledger_says_so(watch: Watch) -> None:
    early = watch.publish(130)
    assert watch.poll() == early
    watch.later(minutes=15)
    new = watch.publish(3)
    assert watch.poll() == new
    assert not watch.gaps
    assert max(one.until for batch in watch.batches for one in batch.seen) >= watch.now


def test_1200_posts_between_two_polls_leave_a_lost_gap_where_reddit_ends(watch: Watch) -> None:
    assert watch.poll() == set()
    watch.later(hours=1)
    burst = watch.publish(1200)
    found = watch.poll()
    assert len(found) == 1000
    (gap,) = [one for batch in watch.batches for one in batch.gaps]
    assert gap.lost and gap.kind is GapKind.CEILING and "1000 posts" in gap.reason
    hidden = {watch.server.thing(name)["created_utc"] for name in burst - found}
    assert all(gap.since.timestamp() <= at < gap.until.timestamp() for at in hidden)


def test_a_search_that_ends_where_reddits_do_is_told_as_a_ceiling(watch: Watch) -> None:
    watch.options |= {"kinds": ["search"], "subreddits": ["all"]}
    watch.server.ceiling = 250
    watch.publish(400)
    assert len(watch.poll()) == 250
    assert watch.gaps == [(GapKind.CEILING, True)]


def test_a_search_that_ends_early_has_shown_everything(watch: Watch) -> None:
    watch.options |= {"kinds": ["search"], "subreddits": ["all"]}
    ours = watch.publish(120)
    watch.server.submit(watch.now, title="nothing of ours")
    assert watch.poll() == ours
    assert not watch.gaps
    asked = watch.asked("/search")[0].query
    assert asked["q"] == '"Kestrova"' and asked["restrict_sr"] == "off" and asked["limit"] == "100"


@pytest.mark.parametrize("where", ["all", "trains"])
def test_a_search_finds_what_is_marked_for_adults_too(watch: Watch, where: str) -> None:
    watch.options |= {"kinds": ["search"], "subreddits": [where]}
    marked = watch.server.submit(watch.now - timedelta(minutes=5), over_18=True)
    assert watch.poll() == {marked}


@pytest.mark.parametrize("crash_after", [1, 2, 4])
def test_a_walk_killed_after_any_page_is_taken_up(watch: Watch, crash_after: int) -> None:
    everything = watch.publish(450)
    poll = watch.listener().poll(watch.query(), None)
    for _ in range(crash_after):
        watch.take(next(poll))
    poll.close()
    watch.later(minutes=15)
    everything |= watch.publish(20)
    watch.poll()
    assert set(watch.seen) == everything
    assert not watch.gaps


def test_a_post_that_appears_late_is_found_in_the_overlap(watch: Watch) -> None:
    watch.publish(10)
    watch.poll()
    watch.later(minutes=30)
    late = watch.server.submit(NOW - timedelta(minutes=10))  # held back by a filter until now
    assert watch.poll() == {late}


def test_a_page_that_ends_with_a_post_taken_away_is_not_the_end(watch: Watch) -> None:
    everything = watch.publish(250)
    newest = sorted(everything, key=lambda name: -watch.server.thing(name)["created_utc"])
    watch.server.hidden_after_page = newest[99]
    assert watch.poll() == everything
    assert not watch.gaps


def test_the_same_page_for_ever_ends_as_a_gap(watch: Watch) -> None:
    watch.publish(300)
    watch.server.stuck = True
    watch.poll()
    assert len(watch.asked("/new")) < 5
    assert watch.gaps == [(GapKind.TOKEN, False)]
    watch.server.stuck = False
    watch.poll()
    assert len(watch.seen) == 300


def test_comments_are_filtered_by_their_own_words(watch: Watch) -> None:
    watch.options |= {"kinds": ["comments"]}
    ours = watch.server.comment(watch.now - timedelta(minutes=5))
    watch.server.comment(watch.now, body="lol", link_title="Kestrova is late")
    assert watch.poll() == {ours}
    assert (
        watch.seen[ours].url == f"https://www.reddit.com/r/trains/comments/abc/kestrova/{ours[3:]}/"
    )


def test_mentions_of_our_account_are_direct_and_asked_for_as_ourselves(watch: Watch) -> None:
    watch.options |= {"kinds": ["mentions"]}
    with pytest.raises(Permanent, match="EARFUL_REDDIT_REFRESH_TOKEN is not set"):
        watch.poll()
    watch.monkeypatch.setenv("EARFUL_REDDIT_REFRESH_TOKEN", REFRESH)
    name = watch.server.comment(watch.now - timedelta(minutes=1), body="why, u/us?", dest="us")
    watch.server.comment(watch.now - timedelta(minutes=1))
    assert watch.poll() == {name}
    assert watch.seen[name].direct


def test_a_closed_subreddit_does_not_keep_us_from_the_others(watch: Watch) -> None:
    kind = {"Content-Type": "application/json"}
    watch.server.closed = {
        "secret": Reply(status=403, body=b'{"reason": "private", "error": 403}', headers=kind),
        "nosuch": Reply(status=302, headers={"Location": "/subreddits/search?q=nosuch"}),
        "typo": Reply(status=302, headers={"Location": "http://www.reddit.example/search?q=typo"}),
        "gone": Reply(status=404, body=b'{"reason": "banned", "error": 404}', headers=kind),
    }
    watch.options |= {"subreddits": ["secret", "nosuch", "trains", "typo", "gone"]}
    posts = watch.publish(3)
    assert watch.poll() == posts
    told = {one.where: one.reason for batch in watch.batches for one in batch.rejected}
    assert "is private" in told["r/secret submissions"]
    assert "Check the spelling" in told["r/nosuch submissions"]
    assert "another host" in told["r/typo submissions"]
    assert "has closed" in told["r/gone submissions"]
    lost = {one.part for batch in watch.batches for one in batch.gaps if one.lost}
    assert lost == set(told)
    claims = [one for batch in watch.batches for one in batch.seen]
    assert not {one.part for one in claims if one.since < one.until} & lost
    assert {one.part for one in claims} > lost, "they are asked for all the same"


def test_nothing_but_closed_subreddits_is_for_a_person_to_mend(watch: Watch) -> None:
    watch.options |= {"subreddits": ["secret", "gone"]}
    body = b'{"reason": "private", "error": 403}'
    closed = Reply(status=403, body=body, headers={"Content-Type": "application/json"})
    watch.server.closed = {"secret": closed, "gone": closed}
    with pytest.raises(Permanent, match=r"private\. Take it out of subreddits"):
        watch.poll()


@pytest.mark.parametrize(
    ("place", "kind"),
    [("access_token", "text/html"), ("access_token", "application/json"), ("/new", "text/html")],
)
def test_who_is_blocked_is_not_told_that_every_subreddit_is_closed(
    watch: Watch, place: str, kind: str
) -> None:
    watch.options |= {"subreddits": ["trains", "athens", "ferries"]}
    body = b'{"message": "Forbidden", "error": 403}' if "json" in kind else b"<html>blocked"
    refused = Reply(status=403, body=body, headers={"Content-Type": kind})
    watch.site.script = lambda asked: refused if place in asked.path else watch.server(asked)
    with pytest.raises(Permanent, match="Check contact"):
        watch.poll()
    assert len(watch.asked(place)) == 1
    assert not any(lost for _, lost in watch.gaps)


def test_nothing_sleeps_however_reddit_asks_for_pauses(watch: Watch) -> None:
    watch.server.pace = {
        "x-ratelimit-remaining": "0.0",
        "x-ratelimit-used": "1000",
        "x-ratelimit-reset": "590",
    }
    slept: list[float] = []
    watch.monkeypatch.setattr(time, "sleep", slept.append)
    assert len(watch.poll() | watch.publish(350)) == 350
    watch.later(minutes=15)
    assert len(watch.poll()) == 350
    assert not slept


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_server_error_is_not_tried_again_inside_a_poll(watch: Watch, nth: int) -> None:
    watch.publish(250)
    watch.site.faults = [None] * nth + [Reply(status=503)]
    with pytest.raises(Transient):
        watch.poll()
    assert len(watch.site.asked) == nth + 1


@pytest.mark.parametrize("nth", [0, 1])
def test_a_connection_that_breaks_is_not_tried_again_inside_a_poll(watch: Watch, nth: int) -> None:
    watch.site.faults = [None] * nth + [Reply(fault="reset")]
    with pytest.raises(Transient, match="the connection failed"):
        watch.poll()
    assert len(watch.site.asked) == nth + 1


def test_an_empty_purse_is_told_with_what_it_left_open(watch: Watch) -> None:
    class Small(UnlimitedMeter):
        def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
            if self.requests + requests > 3:
                raise Spent("100 requests a minute", kind=GapKind.LIMIT, retry_after=20)
            UnlimitedMeter.reserve(self, requests=requests, reads=reads, units=units)

    watch.publish(450)
    watch.meter = Small()
    with pytest.raises(Spent):
        watch.poll()
    assert watch.gaps == [(GapKind.LIMIT, False)]
    watch.meter = UnlimitedMeter()
    watch.poll()
    assert len(watch.seen) == 450 and not watch.gaps


def test_a_wrong_secret_is_for_a_person_to_mend(watch: Watch) -> None:
    watch.monkeypatch.setenv("EARFUL_REDDIT_CLIENT_SECRET", "wrong")
    with pytest.raises(Permanent, match=r"Check EARFUL_REDDIT_CLIENT_ID, .*prefs/apps"):
        watch.poll()
    assert len(watch.site.asked) == 1
    watch.monkeypatch.delenv("EARFUL_REDDIT_CLIENT_ID")
    with pytest.raises(Permanent, match="EARFUL_REDDIT_CLIENT_ID is not set"):
        watch.poll()


def test_a_refresh_token_that_was_taken_back(watch: Watch) -> None:
    watch.options |= {"kinds": ["mentions"]}
    watch.monkeypatch.setenv("EARFUL_REDDIT_REFRESH_TOKEN", "revoked")
    with pytest.raises(Permanent, match="EARFUL_REDDIT_REFRESH_TOKEN"):
        watch.poll()


@pytest.mark.parametrize(
    "token",
    [b"{}", b"[]", b"null", b"<html>", b'{"access_token": 1, "expires_in": "x"}', b"[" * 100_000],
)
def test_a_strange_answer_to_the_login_passes(watch: Watch, token: bytes) -> None:
    watch.site.faults = [Reply(body=token)]
    with pytest.raises(Transient, match="not in Reddit's format"):
        watch.poll()


@pytest.mark.parametrize("body", [b"", b"null", b'{"data": {}}', b"\xff\xfe", b"<html>"])
def test_a_strange_answer_to_a_listing_passes(watch: Watch, body: bytes) -> None:
    watch.site.faults = [None, Reply(body=body)]
    with pytest.raises(Transient, match="not in Reddit's format"):
        watch.poll()


def test_a_praw_ini_in_the_folder_changes_nothing(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "praw.ini").write_text(
        "[DEFAULT]\noauth_url=http://127.0.0.1:9\nreddit_url=http://127.0.0.1:9\nusername=a\n"
    )
    watch.monkeypatch.chdir(tmp_path)
    watch.monkeypatch.setenv("praw_password", "b")
    watch.monkeypatch.setenv("praw_site", "nosuch")
    posts = watch.publish(2)
    assert watch.poll() == posts


def test_no_secret_gets_into_a_log(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    watch.publish(2)
    watch.poll()
    assert SECRET not in caplog.text and "bearer-of" not in caplog.text


def test_recheck_tells_edited_and_vanished_posts(watch: Watch) -> None:
    names = sorted(watch.publish(5))
    watch.poll()
    stored = [watch.seen[name] for name in names]
    watch.server.thing(names[0]).update(selftext="Sorry", edited=watch.now.timestamp())
    watch.server.thing(names[1]).update(selftext="[removed]", removed_by_category="moderator")
    watch.server.thing(names[2]).update(author="[deleted]", removed_by_category="deleted")
    watch.server.hide(names[3])
    foreign = Mention(
        source="reddit",
        external_id="an import's own id",
        author=stored[0].author,
        text="x",
        published_at=NOW,
        fetched_at=NOW,
    )
    batch = watch.listener().recheck(watch.query(), [*stored, foreign])
    assert [one.external_id for one in batch.mentions] == [names[0]]
    assert batch.mentions[0].text.endswith("Sorry") and batch.mentions[0].edited_at == watch.now
    assert {one.external_id: one.reason for one in batch.gone} == {
        names[1]: "removed",
        names[2]: "deleted",
        names[3]: "not shown any more",
    }
    assert watch.asked("/api/info")[0].query["id"].count(",") == 4
    assert watch.listener().recheck(watch.query(), [foreign]) == Batch(mentions=(), position=None)


@pytest.mark.parametrize(
    "words",
    [
        "[ Removed by Reddit ]",
        "[ Removed by Reddit on account of violating the [content policy](/help/contentpolicy). ]",
        "[ Removed by reddit in response to a copyright notice. ]",
    ],
)
def test_what_reddit_itself_removed_is_gone_and_no_edit(watch: Watch, words: str) -> None:
    watch.options |= {"kinds": ["comments", "submissions"]}
    comment = watch.server.comment(watch.now - timedelta(minutes=5))
    titled = watch.server.submit(watch.now - timedelta(minutes=6))
    watch.poll()
    watch.server.thing(comment)["body"] = words
    watch.server.thing(titled)["title"] = words
    batch = watch.listener().recheck(watch.query(), list(watch.seen.values()))
    assert not batch.mentions
    assert {(one.external_id, one.reason) for one in batch.gone} == {
        (comment, "removed"),
        (titled, "removed"),
    }


def test_who_deleted_the_account_is_not_kept_as_its_author(watch: Watch) -> None:
    watch.options |= {"kinds": ["comments"]}
    left = watch.server.comment(watch.now - timedelta(minutes=5))
    nobodys = watch.server.comment(watch.now - timedelta(minutes=6), author="[deleted]")
    strange = watch.server.comment(watch.now - timedelta(minutes=7))
    watch.poll()
    watch.server.thing(left).update(author="[deleted]", author_fullname=None, score=40)
    watch.server.thing(strange).update(author=None)
    batch = watch.listener().recheck(watch.query(), list(watch.seen.values()))
    assert {(one.external_id, one.reason) for one in batch.gone} == {
        (left, "its author's account is deleted")
    }
    assert left not in {one.external_id for one in batch.mentions}
    assert nobodys in watch.seen


def test_recheck_does_not_believe_at_once_that_everything_vanished(watch: Watch) -> None:
    names = watch.publish(20)
    watch.poll()
    for name in names:
        watch.server.hide(name)
    with pytest.raises(Doubtful, match="none of 20") as error:
        watch.listener().recheck(watch.query(), list(watch.seen.values()))
    assert {one.external_id for one in error.value.batch.gone} == set(watch.seen)


def test_options_that_cannot_be(watch: Watch) -> None:
    good = watch.options
    for wrong, said in (
        ({"subreddits": ["all"]}, "name the subreddits"),
        ({"subreddits": ["r/trains"]}, "subreddits"),
        ({"contact": "u/somebody else"}, "contact"),
        ({"kinds": []}, "kinds"),
    ):
        watch.options = good | wrong
        with pytest.raises(SettingsError, match=said):
            listeners.check_query(watch.query())
    watch.options = {"kinds": ["search"]}
    with pytest.raises(SettingsError, match="contact"):
        listeners.check_query(watch.query())
    watch.options = good
    with pytest.raises(Permanent, match="any_of is empty"):
        list(watch.listener().poll(watch.query(any_of=("@",)), None))


def _tape(name: str) -> list[dict[str, object]]:
    if not RECORDED.is_dir():
        pytest.skip("../shared/data/recorded/praw is not here")
    tape = json.loads((RECORDED / name).read_text(encoding="utf-8"))
    return [
        one["response"]
        for one in tape.get("interactions") or tape["http_interactions"]
        if one["request"]["method"] == "GET"
    ]


@pytest.mark.parametrize(
    ("tape", "kind", "any_of", "count", "prefix"),
    [
        ("TestSubredditListings.test_new.json", "submissions", "the", 30, "t3_"),
        ("TestSubredditListings.test_comments.json", "comments", "the", 30, "t1_"),
        ("TestSubreddit.test_search.json", "search", "praw", 6, "t3_"),
        ("TestInbox.test_mentions.json", "mentions", "x", 16, "t1_"),
    ],
)
def test_answers_that_reddit_gave_are_read(
    watch: Watch, tape: str, kind: str, any_of: str, count: int, prefix: str
) -> None:
    (answer,) = _tape(tape)
    body = answer["body"]["string"].encode()
    watch.monkeypatch.setenv("EARFUL_REDDIT_REFRESH_TOKEN", REFRESH)
    watch.options |= {"kinds": [kind], "subreddits": ["askreddit"], "max_requests": 2}

    def replay(asked: Asked) -> Reply:
        if asked.path == "/api/v1/access_token":
            return watch.server(asked)
        assert answer["status"]["code"] == 200
        return Reply(body=body, headers={"Content-Type": "application/json"})

    watch.site.script = replay
    watch.now = datetime(2026, 1, 1, tzinfo=UTC)
    batch = next(watch.listener().poll(watch.query(any_of=(any_of,)), None))
    found = len(batch.mentions)
    assert found >= count and not batch.rejected
    for one in batch.mentions:
        assert one.external_id.startswith(prefix) and one.text and one.url
        assert one.direct == (kind == "mentions")
