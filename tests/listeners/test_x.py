"""X: paid by the post, newest first, seven days, pages of a hundred."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from loopback import Reply, Site
from x_server import TOKEN, snowflake
from x_watch import NOW, Budget, Watch

import listeners
from earful.contracts import Permanent, Spent, Transient
from earful.enums import GapKind
from earful.settings.errors import SettingsError
from earful.types import Author, Engagement, Mention


@pytest.fixture
def watch(site: Site, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(site, monkeypatch)


def publish(watch: Watch, count: int, *, first: float, every: float = 1.0) -> set[str]:
    """``count`` posts, the first ``first`` seconds from now, one each ``every`` seconds."""
    return {
        watch.server.post(
            f"Kestrova again, {number}", watch.now + timedelta(seconds=first + number * every)
        )
        for number in range(count)
    }


def test_1200_posts_between_two_polls_and_a_late_one_all_arrive(watch: Watch) -> None:
    early = publish(watch, 5, first=-3600)
    assert watch.poll() == early
    late = watch.server.post(
        "late Kestrova", watch.now - timedelta(seconds=3700), indexed_at=watch.now
    )
    between = publish(watch, 1200, first=60, every=0.5)
    watch.later(minutes=30)
    assert watch.poll() == between | {late}
    assert not watch.gaps
    seen = [one for batch in watch.batches for one in batch.seen]
    assert max(one.until for one in seen) == watch.now - timedelta(seconds=30)
    assert min(one.since for one in seen) <= NOW - timedelta(seconds=30)


def test_nothing_comes_twice_in_one_poll(watch: Watch) -> None:
    everything = publish(watch, 350, first=-4000)
    watch.poll()
    assert set(watch.times) == everything
    assert set(watch.times.values()) == {1}


@pytest.mark.parametrize("crash_after", [1, 2, 5, 12])
def test_a_walk_killed_after_any_request_is_taken_up(watch: Watch, crash_after: int) -> None:
    everything = publish(watch, 1200, first=-20_000, every=10)
    walk = watch.listener().poll(watch.query, None)
    for _ in range(crash_after):
        watch.keep(next(walk))
    walk.close()
    everything |= publish(watch, 40, first=1)
    watch.later(minutes=15)
    watch.poll()
    assert set(watch.seen) == everything


def test_a_full_poll_goes_on_in_the_next_one(watch: Watch) -> None:
    watch.ask_for(options=watch.query.options | {"max_requests": 4})
    everything = publish(watch, 900, first=-20_000, every=10)
    watch.poll()
    assert watch.batches[-1].more
    assert [gap.kind for gap in watch.gaps] == [GapKind.LIMIT]
    for _ in range(8):
        watch.later(minutes=1)
        watch.poll()
    assert set(watch.seen) == everything
    assert not watch.batches[-1].more and not watch.gaps


def test_the_budget_stops_a_walk_and_the_rest_comes_when_there_is_more(watch: Watch) -> None:
    everything = publish(watch, 500, first=-10_000, every=10)
    watch.meter = Budget(most=225)
    with pytest.raises(Spent) as error:
        watch.poll()
    assert error.value.kind is GapKind.BUDGET
    assert len(watch.seen) == 220  # two pages of 100, then small ones while there is enough left
    assert watch.meter.reads == len(watch.server.given) == 220
    (gap,) = watch.gaps
    assert (gap.kind, gap.lost) == (GapKind.BUDGET, False)
    assert gap.reason == "the budget of the day is used up"
    oldest = min(one.published_at for one in watch.seen.values())
    assert gap.since < NOW - timedelta(days=1) and gap.until == oldest + timedelta(seconds=1)
    watch.later(hours=12)
    watch.meter = Budget(most=5000)
    watch.poll()
    assert set(watch.seen) == everything
    assert not watch.gaps


def test_what_was_not_read_is_given_back(watch: Watch) -> None:
    publish(watch, 7, first=-600)
    watch.poll()
    assert (watch.meter.reads, watch.meter.requests) == (7, 1)
    watch.site.faults = [Reply(status=503)]
    with pytest.raises(Transient):
        watch.poll()
    assert watch.meter.reads == 7


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(body=b'{"data": [' + b" " * 90, fault="cut"), Transient),
        (Reply(fault="reset"), Transient),
        (Reply(fault="silence"), Transient),
        (Reply(body=b'{"data": [{"id": "1"'), Transient),
        (Reply(body=b" " * 2000), Permanent),
    ],
)
def test_posts_that_x_may_have_given_stay_counted(
    watch: Watch, reply: Reply, kind: type[Exception]
) -> None:
    timeout = 0.5 if reply.fault == "silence" else 60
    watch.ask_for(options=watch.query.options | {"timeout": timeout, "max_bytes": 1024})
    watch.site.faults = [reply]
    with pytest.raises(kind):
        watch.poll()
    assert watch.meter.reads == 100, "X bills what it gave, and we cannot know that it gave nothing"


def test_a_connection_that_was_never_made_costs_nothing(watch: Watch) -> None:
    watch.ask_for(options=watch.query.options | {"endpoint": "http://127.0.0.1:1"})
    with pytest.raises(Transient, match="the connection failed"):
        watch.poll()
    assert watch.meter.reads == 0


def test_a_program_stopped_in_the_middle_of_a_request_has_counted_it(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("listeners.x.posts.has_page", stopped)
    with pytest.raises(KeyboardInterrupt):
        watch.poll()
    assert watch.meter.reads == 100


@pytest.mark.parametrize(
    ("status", "title", "kind", "detail"),
    [
        (429, "UsageCapExceeded", "usage-capped", "Usage cap exceeded: Monthly product cap"),
        (403, "SpendCapReached", "credits", "Your account has reached its spend cap"),
    ],
)
def test_a_limit_of_the_month_at_x_waits_and_says_so(
    watch: Watch, status: int, title: str, kind: str, detail: str
) -> None:
    said = {"title": title, "detail": detail, "type": f"https://api.twitter.com/2/problems/{kind}"}
    headers = {"Content-Type": "application/json", "x-rate-limit-remaining": "39999"}
    body = json.dumps(said).encode()
    watch.site.faults = [Reply(status=status, body=body, headers=headers)]
    posts = publish(watch, 5, first=-600)
    with pytest.raises(Spent, match=rf"{detail}\. It is asked again every hour.*console") as error:
        watch.poll()
    assert (error.value.kind, error.value.retry_after) == (GapKind.BUDGET, 3600)
    assert watch.meter.reads == 0
    assert [(gap.kind, gap.lost) for gap in watch.gaps] == [(GapKind.BUDGET, False)]
    watch.later(hours=1)
    assert watch.poll() == posts and not watch.gaps


def test_the_same_token_for_ever_ends_the_walk_as_a_gap(watch: Watch) -> None:
    publish(watch, 300, first=-4000)
    watch.server.stuck = True
    watch.poll()
    assert GapKind.TOKEN in {gap.kind for gap in watch.gaps}
    assert len(watch.site.asked) < 6
    watch.server.stuck = False
    watch.later(minutes=15)
    watch.poll()
    assert len(watch.seen) == 300


@pytest.mark.parametrize("headers", [{}, {"x-rate-limit-reset": str(int(NOW.timestamp()) + 600)}])
def test_429_is_one_request_and_goes_to_the_schedule(watch: Watch, headers: dict[str, str]) -> None:
    publish(watch, 5, first=-600)
    watch.site.faults = [Reply(status=429, headers=headers)]
    with pytest.raises(Transient) as error:
        watch.poll()
    assert error.value.retry_after == (600 if headers else None)
    assert len(watch.site.asked) == 1
    assert [gap.kind for gap in watch.gaps] == [GapKind.OUTAGE]


def test_what_is_older_than_a_week_is_told_as_lost(watch: Watch) -> None:
    publish(watch, 3, first=-600)
    watch.poll()
    publish(watch, 20, first=3600)
    watch.later(days=9)
    fresh = publish(watch, 4, first=-600)
    assert watch.poll() == fresh
    (gap,) = watch.gaps
    assert gap.lost and gap.kind is GapKind.WINDOW
    assert gap.since == NOW - timedelta(seconds=30)
    assert gap.until < watch.now - timedelta(days=6)


def test_a_week_of_looking_back_is_not_refused(watch: Watch) -> None:
    watch.ask_for(options=watch.query.options | {"since": "7d"})
    assert watch.poll() == set()
    assert len(watch.site.asked) == 1


def test_a_clock_that_was_set_back_asks_for_nothing_in_the_future(watch: Watch) -> None:
    watch.poll()
    watch.later(minutes=10)
    publish(watch, 3, first=-60)
    watch.poll()
    watch.later(minutes=-40)
    watch.poll()
    assert not watch.gaps


def test_a_long_query_is_several_searches(watch: Watch) -> None:
    terms = tuple(f"Kestrova product number {number}" for number in range(40))
    watch.ask_for(any_of=terms, none_of=("falcon",))
    wanted = {
        watch.server.post(f"my {term}!", watch.now - timedelta(minutes=5 + number))
        for number, term in enumerate(terms)
    }
    watch.server.post(f"{terms[3]} falcon", watch.now - timedelta(minutes=2))
    assert watch.poll() == wanted
    queries = {asked.query["query"] for asked in watch.site.asked}
    assert len(queries) > 2
    assert max(map(len, queries)) <= 512
    parts = {one.part for batch in watch.batches for one in batch.seen}
    assert len(parts) == len(queries)


def test_one_bad_post_is_told_and_the_page_is_kept(watch: Watch) -> None:
    good = publish(watch, 3, first=-900)
    good.add(watch.server.post("Kestrova", NOW - timedelta(hours=1), created_at="yesterday"))
    watch.server.post("Kestrova", NOW - timedelta(hours=2), raw={"id": "x", "text": "Kestrova"})
    watch.server.post("Kestrova", NOW - timedelta(hours=2), raw="Kestrova")
    assert watch.poll() == good
    assert [one.reason for one in watch.rejected] == [
        "it is not an object",
        "id: 'x' is not an id",
    ]


def test_nothing_found_is_no_error(watch: Watch) -> None:
    assert watch.poll() == set()
    assert not watch.batches[-1].more and not watch.gaps


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Over capacity</html>",
        b"[]",
        b'{"data": 7, "meta": {}}',
        b"{}",
        b'{"errors": [{"title": "Service Unavailable", "detail": "later", "type": "about:blank"}]}',
        b"[" * 200_000,
    ],
)
def test_an_answer_that_is_no_page_is_tried_again(watch: Watch, body: bytes) -> None:
    watch.site.faults = [Reply(body=body)]
    with pytest.raises(Transient, match="check the option endpoint"):
        watch.poll()
    assert watch.meter.reads == 0


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "Check any_of"),
        (401, "Make a new one"),
        (402, "Buy some"),
        (403, "the rights of the app"),
        (302, "another host"),
    ],
)
def test_refusals_say_how_to_mend_them(watch: Watch, status: int, hint: str) -> None:
    elsewhere = {"Location": "https://elsewhere.example/"}
    watch.site.faults = [Reply(status=status, headers=elsewhere if status == 302 else {})]
    with pytest.raises(Permanent, match=hint) as error:
        watch.poll()
    assert TOKEN not in str(error.value)


def test_a_redirect_on_the_same_host_is_tried_again_later(watch: Watch) -> None:
    watch.site.faults = [Reply(status=307, headers={"Location": f"{watch.site.url}/3/"})]
    with pytest.raises(Transient):
        watch.poll()


def test_without_a_token_nothing_is_asked(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARFUL_X_BEARER_TOKEN")
    with pytest.raises(Permanent, match=r"EARFUL_X_BEARER_TOKEN is not set\. Make an app"):
        watch.poll()
    assert not watch.site.asked


def test_the_token_is_in_no_log_line(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    publish(watch, 1, first=-60)
    watch.poll()
    assert watch.site.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert watch.site.asked[0].headers["User-Agent"].startswith("Earful/")
    assert TOKEN not in caplog.text


OUR_ACCOUNT = "2244994945"


@pytest.fixture
def timeline(watch: Watch) -> Watch:
    watch.ask_for(options=watch.query.options | {"kind": "mentions", "user_ids": [OUR_ACCOUNT]})
    watch.server.post("we are Kestrova", NOW - timedelta(days=30), author=OUR_ACCOUNT)
    watch.server.users[OUR_ACCOUNT]["username"] = "kestrova"
    return watch


def name_us(watch: Watch, count: int, *, first: float, every: float = 1.0) -> set[str]:
    return {
        watch.server.post(f"@kestrova {n}", watch.now + timedelta(seconds=first + n * every))
        for n in range(count)
    }


def test_the_timeline_brings_what_names_our_account(timeline: Watch) -> None:
    wanted = name_us(timeline, 250, first=-4000)
    publish(timeline, 3, first=-900)
    assert timeline.poll() == wanted
    assert all(one.direct for one in timeline.seen.values())
    assert {asked.path for asked in timeline.site.asked} == {f"/2/users/{OUR_ACCOUNT}/mentions"}
    new = name_us(timeline, 130, first=30)
    timeline.later(minutes=15)
    assert timeline.poll() == new
    assert not timeline.gaps


def test_more_than_the_timeline_shows_is_lost_and_told(timeline: Watch) -> None:
    name_us(timeline, 1000, first=-20_000, every=10)
    timeline.poll()
    assert len(timeline.seen) == 800
    (gap,) = timeline.gaps
    assert (gap.kind, gap.lost) == (GapKind.CEILING, True)
    assert "800 newest posts" in gap.reason
    oldest = min(one.published_at for one in timeline.seen.values())
    assert gap.since == NOW - timedelta(days=1, seconds=30)
    assert gap.until == oldest + timedelta(seconds=1)  # more may have been written in its second
    timeline.later(minutes=15)
    assert timeline.poll() == set()
    assert not timeline.gaps


def test_a_timeline_cut_by_the_budget_is_walked_again(timeline: Watch) -> None:
    wanted = name_us(timeline, 300, first=-4000)
    timeline.meter = Budget(most=100)
    with pytest.raises(Spent):
        timeline.poll()
    assert [gap.kind for gap in timeline.gaps] == [GapKind.BUDGET]
    timeline.meter = Budget(most=1000)
    timeline.later(minutes=15)
    timeline.poll()
    assert set(timeline.seen) == wanted
    assert not timeline.gaps


def test_the_timeline_keeps_the_languages_that_were_asked_for(timeline: Watch) -> None:
    timeline.ask_for(languages=("el", "en-GB"))
    at = NOW - timedelta(minutes=5)
    wanted = {timeline.server.post("@kestrova hi", at, lang=lang) for lang in ("el", "en", "und")}
    timeline.server.post("@kestrova hola", at, lang="es")
    assert timeline.poll() == wanted


def test_an_account_that_x_hides_is_said(timeline: Watch) -> None:
    hidden = (
        b'{"errors": [{"title": "Authorization Error", "detail": "Sorry, you are not authorized to '
        b'see the user with id: [2244994945].", "type": '
        b'"https://api.twitter.com/2/problems/not-authorized-for-resource"}]}'
    )
    timeline.site.faults = [Reply(body=hidden)]
    with pytest.raises(Permanent, match=r"not authorized to see the user.*Check user_ids"):
        timeline.poll()


def test_a_timeline_needs_an_account(watch: Watch) -> None:
    watch.ask_for(options={"kind": "mentions"})
    with pytest.raises(SettingsError, match="needs the number of an account"):
        listeners.check_query(watch.query)


def stored(number: str, text: str, **fields: object) -> Mention:
    author = Author(source="x", external_id="77", handle="person_77")
    whole = {"published_at": NOW, "fetched_at": NOW, "author": author} | fields
    return Mention(source="x", external_id=number, text=text, **whole)  # type: ignore[arg-type]


def test_recheck_tells_what_was_edited_deleted_and_hidden(watch: Watch) -> None:
    server, at = watch.server, NOW - timedelta(hours=3)
    same = server.post("Kestrova, same", at)
    liked = server.post("Kestrova, liked", at, public_metrics={"like_count": 9})
    first, second = snowflake(at, 99), snowflake(at + timedelta(minutes=9))
    versions = [first, second]
    server.post("Kestrova, bad", at, author="5", edit_history_tweet_ids=versions)
    server.posts[-1].id = first
    server.post("Kestrova, good after all", at, edit_history_tweet_ids=versions)
    server.posts[-1].id = second
    gone = server.post("Kestrova, gone", at)
    server.deleted.add(gone)
    hidden = server.post("Kestrova, hidden", at, author="6")
    server.hidden_users.add("6")
    asked = [
        stored(same, "Kestrova, same"),
        stored(liked, "Kestrova, liked"),
        stored(first, "Kestrova, bad", direct=True),
        stored(gone, "Kestrova, gone"),
        stored(hidden, "Kestrova, hidden"),
        stored("row-0a1b", "out of a file"),
    ]
    batch = watch.listener().recheck(watch.query, asked)
    changed = {one.external_id: one for one in batch.mentions}
    assert set(changed) == {liked, first}
    assert changed[liked].engagement == Engagement(likes=9)
    assert changed[first].text == "Kestrova, good after all"
    assert changed[first].direct and changed[first].edited_at == at + timedelta(minutes=9)
    assert {(one.external_id, one.reason) for one in batch.gone} == {
        (gone, "deleted"),
        (hidden, "protected"),
    }
    assert batch.position is None
    assert watch.meter.reads == len(watch.server.given) == 4


def test_recheck_of_nothing_that_x_knows_asks_nothing(watch: Watch) -> None:
    assert watch.listener().recheck(watch.query, [stored("row-0a1b", "x")]).mentions == ()
    assert not watch.site.asked


def test_recheck_stops_at_the_budget(watch: Watch) -> None:
    watch.meter = Budget(most=0)
    with pytest.raises(Spent):
        watch.listener().recheck(watch.query, [stored("1792000000000000000", "a")])
    assert not watch.site.asked


def test_the_forecast_counts_the_week(watch: Watch) -> None:
    publish(watch, 700, first=-600_000, every=800)
    hourly = replace(watch.query, every=3600.0)
    assert watch.listener().forecast(hourly) == pytest.approx(100 * (1 + 5 / 60) + 24)
    assert watch.meter.reads == 1
    assert not watch.server.given


def test_the_forecast_knows_that_every_poll_reads_the_newest_post_again(watch: Watch) -> None:
    watch.ask_for(every=900.0)
    for number in range(1, 8):
        watch.server.post("Kestrova", NOW - timedelta(hours=23 * number))
    expected = watch.listener().forecast(watch.query)
    watch.poll()
    watch.meter.reads = 0
    watch.server.post("Kestrova", NOW + timedelta(hours=5))
    for _ in range(96):
        watch.later(minutes=15)
        watch.poll()
    assert watch.meter.reads == pytest.approx(expected, abs=1)


def test_a_search_that_finds_nothing_costs_nothing(watch: Watch) -> None:
    assert watch.listener().forecast(watch.query) == 0


def test_a_timeline_has_no_forecast(timeline: Watch) -> None:
    assert timeline.listener().forecast(timeline.query) is None
    assert not timeline.site.asked
