"""YouTube: threads newest first, replies apart, units of a day, a client with ways of its own."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from loopback import Asked, Reply, Site
from youtube_server import KEY, VIDEO, refusal, used_up
from youtube_watch import NOW, Watch

import listeners
from earful.contracts import Doubtful, Permanent, Spent, Transient
from earful.enums import GapKind
from earful.settings.errors import SettingsError

OTHER = "vid-KESTRO2"
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "recorded" / "youtube"


@pytest.fixture
def watch(site: Site, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(site, monkeypatch)


def test_1200_comments_between_two_polls_and_a_late_one_all_arrive(watch: Watch) -> None:
    early = watch.publish(5)
    assert watch.poll() == early
    watch.later(hours=1)
    burst = watch.publish(1200)
    late = watch.server.comment(NOW - timedelta(hours=2))  # held for review until now
    assert watch.poll() == burst | {late}
    assert not watch.gaps
    assert all(one.direct for one in watch.seen.values())


@pytest.mark.parametrize("crash_after", [1, 2, 4])
def test_a_walk_killed_after_any_page_is_taken_up(watch: Watch, crash_after: int) -> None:
    everything = watch.publish(450)
    for name in sorted(everything)[::90]:
        everything |= {watch.server.reply(name, watch.now) for _ in range(8)}
    poll = watch.listener().poll(watch.query, None)
    for _ in range(crash_after):
        watch.take(next(poll))
    poll.close()
    watch.later(minutes=15)
    everything |= watch.publish(20)
    watch.poll()
    assert set(watch.seen) == everything
    assert not watch.gaps


def test_replies_that_a_thread_does_not_show_are_asked_for(watch: Watch) -> None:
    top = watch.server.comment(watch.now - timedelta(hours=1))
    replies = {watch.server.reply(top, watch.now) for _ in range(230)}
    assert watch.poll() == replies | {top}
    assert watch.asked("comments") == 3
    assert watch.seen[max(replies)].reply_to == top
    assert f"watch?v={VIDEO}" in (watch.seen[max(replies)].url or "")
    watch.later(minutes=15)
    new = watch.server.reply(top, watch.now)
    assert watch.poll() == {new}
    watch.options |= {"replies": False}
    before = watch.asked("comments")
    watch.poll()
    assert watch.asked("comments") == before


def test_a_page_is_not_done_before_its_replies_are_there(watch: Watch) -> None:
    top = watch.server.comment(watch.now - timedelta(hours=1))
    replies = {watch.server.reply(top, watch.now) for _ in range(150)}
    watch.site.faults = [None, None, Reply(status=503)]
    with pytest.raises(Transient):
        watch.poll()
    assert [one.kind for one in watch.gaps] == [GapKind.OUTAGE]
    watch.later(minutes=15)
    watch.poll()
    assert set(watch.seen) == replies | {top}
    assert not watch.gaps


def test_a_thread_deleted_before_its_replies_were_asked_for(watch: Watch) -> None:
    top = watch.server.comment(watch.now - timedelta(hours=1))
    for _ in range(9):
        watch.server.reply(top, watch.now)
    kept = watch.publish(1)
    watch.site.faults = [None, refusal(404, "commentNotFound")]
    assert watch.poll() >= kept
    assert not watch.gaps


def test_a_pinned_comment_does_not_end_the_walk(watch: Watch) -> None:
    posts = watch.publish(150)
    watch.server.pinned = watch.server.comment(watch.now - timedelta(days=300))
    assert watch.poll() >= posts
    assert not watch.gaps


def test_a_token_that_youtube_forgot_is_asked_for_anew(watch: Watch) -> None:
    posts = watch.publish(250)
    watch.server.stale_once = True
    assert watch.poll() == posts
    assert not watch.gaps


@pytest.mark.parametrize("reason", ["commentsDisabled", "videoNotFound"])
def test_a_video_without_comments_does_not_keep_us_from_the_others(
    watch: Watch, reason: str
) -> None:
    watch.options |= {"channels": [], "videos": [OTHER, VIDEO]}
    watch.server.refuse[OTHER] = (404 if reason == "videoNotFound" else 403, reason)
    posts = watch.publish(3)
    assert watch.poll() == posts
    (told,) = [one for batch in watch.batches for one in batch.rejected]
    assert told.where == f"video {OTHER}"
    assert [(one.part, one.lost) for one in watch.gaps] == [(f"video {OTHER}", True)]
    claims = [one for batch in watch.batches for one in batch.seen]
    assert {one.part for one in claims if one.since < one.until} == {f"video {VIDEO}"}
    watch.options |= {"videos": [OTHER]}
    watch.position = None
    with pytest.raises(Permanent, match=r"switched off|no such video"):
        watch.poll()


def test_units_that_are_used_up_wait_for_midnight_in_california(watch: Watch) -> None:
    watch.publish(250)
    watch.server.units = 2
    with pytest.raises(Spent, match="midnight Pacific") as error:
        watch.poll()
    assert error.value.kind is GapKind.BUDGET
    assert error.value.retry_after == timedelta(hours=19).total_seconds()  # 5:00 there, in summer
    assert [(one.kind, one.lost) for one in watch.gaps] == [(GapKind.BUDGET, False)]
    watch.server.units = 100
    watch.later(hours=19)
    watch.poll()
    assert len(watch.seen) == 250 and not watch.gaps
    assert watch.meter.units == watch.asked("commentThreads") == watch.meter.requests


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (refusal(403, "rateLimitExceeded"), Spent, "slower"),
        (used_up("Queries"), Spent, "midnight Pacific"),
        (refusal(403, "forbidden", "API_KEY_SERVICE_BLOCKED"), Permanent, "restricted to other"),
        (refusal(403, "forbidden", "API_KEY_IP_ADDRESS_BLOCKED"), Permanent, "from this address"),
        (refusal(400, "keyInvalid"), Permanent, r"API key is not valid\. Copy it from https"),
        (refusal(400, "badRequest", "API_KEY_INVALID"), Permanent, "API key is not valid"),
        (refusal(403, "accessNotConfigured"), Permanent, "Switch on the YouTube Data API"),
        (refusal(400, "processingFailure"), Transient, "processingFailure"),
        (refusal(403, "somethingNew"), Permanent, "refuses the API key"),
        (
            Reply(status=302, headers={"Location": "/elsewhere"}),
            Transient,
            "not in YouTube's format",
        ),
        (Reply(body=b"\xff\xfe"), Transient, "not in YouTube's"),
        (Reply(body=b"[" * 100_000), Transient, "not in YouTube's"),
        (Reply(status=204), Transient, "not in YouTube's"),
    ],
)
def test_refusals_say_what_to_do(
    watch: Watch, reply: Reply, kind: type[Exception], said: str
) -> None:
    watch.site.faults = [reply]
    with pytest.raises(kind, match=said):
        watch.poll()
    assert len(watch.site.asked) == 1


def test_the_recorded_refusal_is_for_a_person_to_mend(watch: Watch) -> None:
    if not RECORDED.is_dir():
        pytest.skip("../shared/data/recorded/youtube is not here")
    said = (RECORDED / "error_response.json").read_bytes()
    kind = {"Content-Type": "application/json"}
    watch.site.faults = [Reply(status=400, body=said, headers=kind)]
    with pytest.raises(Permanent, match="API key is not valid"):
        watch.poll()


def test_nothing_sleeps_and_no_key_is_told(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    caplog.set_level(logging.DEBUG)
    watch.publish(150)
    watch.site.faults = [None, Reply(status=503)]
    with pytest.raises(Transient) as error:
        watch.poll()
    assert not slept
    assert KEY not in caplog.text and KEY not in str(error.value)
    assert all(KEY not in str(one.query) for one in watch.site.asked)
    assert watch.site.asked[0].headers["User-Agent"].startswith("Earful/")


def test_a_search_finds_videos_and_then_comments_that_name_us(watch: Watch) -> None:
    watch.options |= {"channels": [], "search": True}
    film = watch.server.film(watch.now - timedelta(hours=3), "filmaboutus")
    other = watch.server.film(watch.now - timedelta(hours=2), "filmofacats", title="Cats")
    named = watch.server.comment(watch.now - timedelta(hours=1), video=film)
    watch.server.comment(watch.now - timedelta(hours=1), text="lol", video=film)
    watch.server.comment(watch.now - timedelta(hours=1), video=other)
    assert watch.poll() == {film, other}
    asked = next(one for one in watch.site.asked if one.path.endswith("/search"))
    assert asked.query["q"] == '"Kestrova"|"kes trova"'
    assert watch.meter.units == 100
    watch.later(minutes=15)
    assert watch.poll() == {named}
    assert not watch.seen[named].direct
    assert watch.asked("search") == 1, "a search costs too much to do it at every poll"
    watch.later(hours=6)
    again = watch.server.film(watch.now, "filmabout-2")
    assert watch.poll() == {again}
    parts = {one.part for batch in watch.batches for one in batch.seen}
    assert parts == {'search "Kestrova"|"kes trova"'}
    watch.later(days=8)
    before = watch.asked("commentThreads")
    watch.poll()
    assert watch.asked("commentThreads") == before, "old videos are not followed for ever"


def test_comments_that_always_fail_do_not_keep_us_from_the_search(watch: Watch) -> None:
    watch.options |= {"search": True}
    film = watch.server.film(watch.now - timedelta(hours=3), "filmaboutus")
    posts = watch.publish(3)

    def halved(asked: Asked) -> Reply:
        broken = asked.path.endswith("/commentThreads")
        return Reply(status=503) if broken else watch.server(asked)

    watch.site.script = halved
    for _ in range(2):
        with pytest.raises(Transient):
            watch.poll()
        watch.later(minutes=15)
    assert set(watch.seen) == {film}
    watch.site.script = watch.server
    watch.poll()
    assert set(watch.seen) == {film, *posts}


def test_a_found_video_without_comments_stops_nothing(watch: Watch) -> None:
    watch.options |= {"channels": [], "search": True}
    film = watch.server.film(watch.now - timedelta(hours=3), "filmaboutus")
    watch.server.refuse[film] = (403, "commentsDisabled")
    watch.poll()
    watch.later(minutes=15)
    watch.poll()
    assert watch.asked("commentThreads") == 1
    assert not [one for batch in watch.batches for one in batch.rejected] and not watch.gaps


@pytest.mark.parametrize("left", [{"units": 50}, {"searches": 0}])
def test_a_search_without_units_leaves_the_comments_alone(
    watch: Watch, left: dict[str, int]
) -> None:
    watch.options |= {"search": True}
    film = watch.server.film(watch.now - timedelta(hours=3), "filmaboutus")
    posts = watch.publish(3)
    vars(watch.server).update(left)
    assert watch.poll() == posts
    assert [(one.part[:6], one.kind, one.lost) for one in watch.gaps] == [
        ("search", GapKind.BUDGET, False)
    ]
    watch.later(minutes=15)
    new = watch.publish(2)
    assert watch.poll() == new
    assert watch.asked("search") == 1, "what is used up is not asked for at every poll"
    watch.later(hours=19)
    watch.server.units, watch.server.searches = 10_000, 100
    assert watch.poll() == {film}
    assert not watch.gaps


def test_a_key_that_may_not_be_used_is_no_closed_video(watch: Watch) -> None:
    watch.options |= {"channels": [], "videos": [OTHER, VIDEO]}
    watch.site.script = lambda _asked: refusal(403, "forbidden", "API_KEY_SERVICE_BLOCKED")
    with pytest.raises(Permanent, match="Allow it the YouTube Data API"):
        watch.poll()
    assert len(watch.site.asked) == 1
    assert not any(one.lost for one in watch.gaps)


def test_recheck_tells_edited_and_vanished_ones(watch: Watch) -> None:
    watch.options |= {"search": True}
    film = watch.server.film(watch.now - timedelta(hours=3), "filmaboutus")
    gone_film = watch.server.film(watch.now - timedelta(hours=3), "filmaboutXX")
    names = sorted(watch.publish(60))
    watch.poll()
    watch.server.snippet(names[0]).update(textDisplay="Sorry", updatedAt="2024-05-20T12:30:00Z")
    watch.server.delete(names[1])
    watch.server.videos.pop()
    before = dict(watch.seen)
    batch = watch.listener().recheck(watch.query, list(before.values()))
    (edited,) = batch.mentions
    assert (edited.external_id, edited.text, edited.direct) == (names[0], "Sorry", True)
    assert edited.url == before[names[0]].url and edited.edited_at is not None
    assert {one.external_id for one in batch.gone} == {names[1], gone_film}
    assert film in before
    assert watch.asked("comments") == 3


def test_recheck_does_not_believe_at_once_that_everything_vanished(watch: Watch) -> None:
    watch.publish(20)
    watch.poll()
    stored = list(watch.seen.values())
    watch.server.threads.clear()
    with pytest.raises(Doubtful, match="none of 20") as error:
        watch.listener().recheck(watch.query, stored)
    assert {one.external_id for one in error.value.batch.gone} == set(watch.seen)
    few = watch.listener().recheck(watch.query, stored[:3])
    assert len(few.gone) == 3


def test_a_missing_client_says_how_to_get_it(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "listeners.youtube.client", raising=False)
    monkeypatch.setitem(sys.modules, "googleapiclient.discovery", None)
    with pytest.raises(Permanent, match=r"pip install 'earful\[youtube\]'"):
        watch.poll()


def test_a_missing_key_says_where_to_get_one(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARFUL_YOUTUBE_API_KEY")
    with pytest.raises(Permanent, match=r"EARFUL_YOUTUBE_API_KEY is not set\. Make an API key"):
        watch.poll()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"channels": []}, "nothing is named"),
        ({"channels": ["@kestrova"]}, "channels"),
        ({"videos": ["https://youtu.be/x"]}, "videos"),
    ],
)
def test_options_that_cannot_be(watch: Watch, wrong: dict[str, object], said: str) -> None:
    watch.options |= wrong
    with pytest.raises(SettingsError, match=said):
        listeners.check_query(watch.query)


def test_a_damaged_position_costs_a_second_reading_only(watch: Watch) -> None:
    posts = watch.publish(3)
    damaged = ("{", "[]", "7", '{"found": 3}', '{"searched": "x"}', json.dumps({"walk": [1]}))
    for watch.position in damaged:
        watch.seen = {}
        assert watch.poll() == posts
