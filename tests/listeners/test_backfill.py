"""A backfill loses no post, against a platform that fails in every way we know."""

from __future__ import annotations

from datetime import timedelta

import pytest
from backfill_world import HOUR, START, Ledger, Platform, post
from hypothesis import given, settings
from hypothesis import strategies as st

from earful.contracts import Permanent, Spent, Transient
from earful.enums import GapKind
from listeners.backfill.page_request import StaleCursor


def test_everything_comes_in_one_poll() -> None:
    platform = Platform()
    platform.write(95)
    ledger = Ledger(platform)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained()
    assert len(platform.requests) == 10
    assert not ledger.more


def test_a_quiet_poll_costs_one_request() -> None:
    platform = Platform()
    platform.write(5)
    ledger = Ledger(platform)
    ledger.poll()
    platform.now += HOUR
    platform.requests.clear()
    ledger.poll()
    assert len(platform.requests) == 1
    assert not ledger.unexplained()


def test_1200_posts_between_two_polls() -> None:
    platform = Platform()
    ledger = Ledger(platform, max_requests=20)
    ledger.poll()
    platform.now += HOUR
    platform.write(1200)
    for _ in range(20):
        ledger.poll()
        platform.now += timedelta(seconds=30)
        if not ledger.more:
            break
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost
    assert (GapKind.LIMIT, False) in ledger.reasons


@pytest.mark.parametrize("kill_after", range(1, 14))
def test_killed_after_any_request_and_resumed(kill_after: int) -> None:
    platform = Platform()
    platform.write(95)
    ledger = Ledger(platform)
    ledger.poll(kill_after)
    platform.now += timedelta(minutes=5)
    platform.write(17)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_a_late_post_within_the_overlap() -> None:
    platform = Platform()
    platform.write(20)
    ledger = Ledger(platform)
    ledger.poll()
    platform.posts.append(post(998, platform.now - timedelta(minutes=5)))
    platform.now += timedelta(minutes=1)
    ledger.poll()
    assert not ledger.missing()
    platform.posts.append(post(999, platform.now - timedelta(minutes=9)))
    platform.now += timedelta(minutes=5)
    ledger.poll()
    assert not ledger.missing()


def test_the_whole_overlap_is_read_twice_and_its_top_at_every_poll() -> None:
    platform = Platform(size=100)
    platform.write(1)
    ledger = Ledger(platform, overlap=24 * HOUR, first_lookback=48 * HOUR)
    ledger.poll()
    depths = []
    for _ in range(96):
        platform.now += timedelta(minutes=15)
        platform.write(1)
        platform.requests.clear()
        ledger.poll()
        depths.append(platform.now - platform.requests[0].since)
    assert sum(depth > 12 * HOUR for depth in depths) == 2
    assert all(depth >= timedelta(minutes=20) for depth in depths)


def test_a_new_search_continues_below_a_ceiling() -> None:
    platform = Platform(ceiling=25)
    platform.write(95)
    ledger = Ledger(platform)
    ledger.poll()
    assert not ledger.missing() and not ledger.lost and not ledger.unexplained()


def test_only_a_second_over_the_ceiling_is_reported_lost() -> None:
    platform = Platform(ceiling=25)
    platform.write(10, at=platform.now - timedelta(minutes=5))
    platform.write(40, at=platform.now - timedelta(minutes=2), spacing=0)
    platform.write(10)
    ledger = Ledger(platform)
    ledger.poll()
    assert len(ledger.missing()) == 15
    assert ledger.lost == {int((platform.now - timedelta(minutes=2)).timestamp())}
    assert not ledger.unexplained()


def test_without_seeking_the_time_below_a_ceiling_is_lost_at_once() -> None:
    platform = Platform(ceiling=25, can_seek=False)
    platform.write(20, at=platform.now - HOUR)
    ledger = Ledger(platform)
    ledger.poll()
    platform.now += HOUR
    platform.write(95)
    ledger.poll()
    assert len(ledger.missing()) == 70
    assert ledger.reasons[-1] == (GapKind.CEILING, True)
    assert not ledger.unexplained() and not ledger.open
    platform.now += HOUR
    platform.write(5)
    count = len(ledger.reasons)
    ledger.poll()
    assert len(ledger.missing()) == 70 and len(ledger.reasons) == count


@pytest.mark.parametrize("kill_after", [1, 3, 5])
def test_without_seeking_a_killed_backfill_begins_at_the_top(kill_after: int) -> None:
    platform = Platform(can_seek=False)
    platform.write(95)
    ledger = Ledger(platform)
    ledger.poll(kill_after)
    platform.now += timedelta(minutes=5)
    platform.write(30)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_without_seeking_time_beyond_the_requests_is_given_up() -> None:
    platform = Platform(can_seek=False)
    platform.write(95)
    ledger = Ledger(platform, max_requests=4)
    for _ in range(6):
        ledger.poll()
        platform.now += timedelta(minutes=15)
    assert (GapKind.LIMIT, True) in ledger.reasons
    assert not ledger.more and not ledger.open and not ledger.unexplained()


def test_a_repeated_token_leaves_a_gap_that_the_next_poll_reads() -> None:
    platform = Platform(repeats_token=True)
    platform.write(95)
    ledger = Ledger(platform)
    ledger.poll()
    assert ledger.reasons == [(GapKind.TOKEN, False)]
    assert len(platform.requests) < 6
    platform.repeats_token = False
    platform.now += timedelta(minutes=15)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_a_platform_that_always_repeats_its_token_is_still_read_to_the_end() -> None:
    platform = Platform(repeats_token=True)
    platform.write(95)
    ledger = Ledger(platform)
    for _ in range(12):
        ledger.poll()
        platform.now += timedelta(minutes=15)
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_a_stale_cursor_restarts_the_window() -> None:
    platform = Platform()
    platform.write(95)

    def forget(number: int) -> None:
        if number == 4:
            raise StaleCursor

    platform.before_request = forget
    ledger = Ledger(platform)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained()


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Transient("away"), GapKind.OUTAGE),
        (Permanent("no"), GapKind.OUTAGE),
        (Spent("no money", kind=GapKind.BUDGET), GapKind.BUDGET),
        (Spent("slowly", kind=GapKind.LIMIT), GapKind.LIMIT),
    ],
)
def test_an_error_passes_through_after_its_gap(
    error: Exception, kind: GapKind, number: int
) -> None:
    platform = Platform()
    platform.write(95)

    def fail(count: int) -> None:
        if count == number:
            raise error

    platform.before_request = fail
    ledger = Ledger(platform)
    with pytest.raises(type(error)):
        ledger.poll()
    assert (kind, False) in ledger.reasons
    assert not ledger.unexplained()
    platform.before_request = lambda _number: None
    platform.now += timedelta(minutes=15)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_a_long_outage_keeps_one_window_open() -> None:
    platform = Platform()
    ledger = Ledger(platform)
    ledger.poll()

    def fail(_number: int) -> None:
        raise Transient("away")

    platform.before_request = fail
    for _ in range(40):
        platform.now += timedelta(minutes=15)
        with pytest.raises(Transient):
            ledger.poll()
    assert len(ledger.position or "") < 500
    platform.before_request = lambda _number: None
    platform.write(95)
    ledger.poll()
    assert not ledger.missing() and not ledger.unexplained() and not ledger.lost


def test_posts_beyond_the_retention_are_lost() -> None:
    platform = Platform()
    platform.write(5)
    ledger = Ledger(platform, retention=5 * HOUR)
    ledger.poll()
    platform.now += 10 * HOUR
    ledger.poll()
    assert len(ledger.lost) == 5 * 3600
    assert not ledger.unexplained()
    assert min(request.since for request in platform.requests) >= START - 2 * HOUR
    assert platform.requests[-1].since == platform.now - 5 * HOUR


def test_a_platform_whose_clock_is_ahead_or_behind() -> None:
    for skew in (timedelta(minutes=-7), timedelta(minutes=7)):
        platform = Platform()
        ledger = Ledger(platform, overlap=timedelta(seconds=1))
        for _ in range(5):
            platform.write(13, at=platform.now + skew)
            ledger.poll()
            platform.now += timedelta(minutes=15)
        platform.now += timedelta(minutes=15)
        ledger.poll()
        assert not ledger.missing(), skew


@pytest.mark.parametrize("can_seek", [True, False])
@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=100)])
def test_our_clock_was_ahead_for_one_poll(can_seek: bool, ahead: timedelta) -> None:
    platform = Platform(can_seek=can_seek)
    platform.write(20)
    ledger = Ledger(platform, max_requests=8)
    ledger.poll()
    platform.now += ahead
    ledger.poll()
    platform.now += timedelta(minutes=15) - ahead
    platform.write(200)
    for _ in range(6):
        ledger.poll()
        reported = ledger.open | ledger.lost
        hidden = ledger.missing() - {
            post.external_id
            for post in platform.posts
            if int(post.published_at.timestamp()) in reported
        }
        assert not hidden, "posts are missing, and no gap says so"
        platform.now += timedelta(seconds=30)
    assert not ledger.missing() or not can_seek


def test_our_clock_was_ahead_and_a_late_post_is_read() -> None:
    platform = Platform()
    platform.write(20)
    ledger = Ledger(platform)
    platform.now += HOUR
    ledger.poll()
    platform.now += timedelta(minutes=15) - HOUR
    platform.posts.append(post(20, START - timedelta(minutes=8)))  # deeper than every poll looks
    ledger.poll()
    assert not ledger.missing()


def test_our_clock_was_ahead_at_the_very_first_poll() -> None:
    platform = Platform()
    platform.write(20)
    ledger = Ledger(platform)
    platform.now += timedelta(days=2)
    ledger.poll()
    assert ledger.missing()  # two hours of two days later hold none of them
    platform.now -= timedelta(days=2)
    ledger.poll()
    assert not ledger.missing()


def test_time_expired_by_a_clock_running_ahead_is_read_later() -> None:
    def fail(_number: int) -> None:
        raise Transient("gone")

    platform = Platform(can_seek=False)
    ledger = Ledger(platform, retention=6 * HOUR)
    ledger.poll()
    platform.write(20)
    platform.now += timedelta(days=2)
    platform.before_request = fail
    with pytest.raises(Transient):
        ledger.poll()
    assert (GapKind.WINDOW, True) in ledger.reasons
    platform.before_request = lambda _number: None
    platform.now += timedelta(minutes=15) - timedelta(days=2)
    ledger.poll()
    assert not ledger.missing()


def test_our_clock_was_set_back_and_nothing_is_lost() -> None:
    platform = Platform(can_seek=False)
    platform.write(5)
    ledger = Ledger(platform, retention=6 * HOUR)
    for minutes in (0, 600, -40, 15):  # ten hours in which nobody writes
        platform.now += timedelta(minutes=minutes)
        ledger.reasons.clear()
        ledger.poll()
    assert not ledger.reasons


def test_busy_parts_take_turns() -> None:
    platform = Platform()
    platform.write(95)
    ledger = Ledger(platform, max_requests=6)
    for _ in range(3):
        ledger.poll(parts=("a", "b", "c"))
    assert {request.part for request in platform.requests} == {"a", "b", "c"}


def test_a_part_that_settings_drop_is_closed() -> None:
    platform = Platform()
    platform.write(95)
    ledger = Ledger(platform, max_requests=4)
    ledger.poll()
    ledger.poll(parts=("other",))
    assert (GapKind.LIMIT, True) in ledger.reasons


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"parts": {"p": 3}}',
        '{"parts": {"p": {"floor": 1, "mark": 2, "seen": 3, "open": [[5, 4, 3, 0, "limit", ""]]}}}',
    ],
)
def test_a_damaged_position_begins_again(damaged: str) -> None:
    platform = Platform()
    platform.write(15)
    ledger = Ledger(platform)
    ledger.position = damaged
    ledger.poll()
    assert not ledger.missing()


EVENT = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 60)),
    st.tuples(st.just("burst"), st.integers(1, 15)),
    st.tuples(st.just("wait"), st.integers(1, 1800)),
    st.tuples(st.just("kill"), st.integers(1, 8)),
    st.tuples(st.just("fail"), st.integers(1, 8)),
    st.tuples(st.just("late"), st.integers(1, 500)),
)


@settings(deadline=None)
@given(st.lists(EVENT, max_size=25), st.integers(4, 12))
def test_no_sequence_of_events_loses_a_post_silently(
    events: list[tuple[str, int]], max_requests: int
) -> None:
    platform = Platform()
    ledger = Ledger(platform, max_requests=max_requests, overlap=HOUR / 2)
    for event, number in events:
        if event == "write":
            platform.write(number, spacing=0.7)
        elif event == "burst":
            platform.write(number, spacing=0)
        elif event == "late":
            platform.posts.append(
                post(len(platform.posts), platform.now - timedelta(seconds=number))
            )
        elif event == "wait":
            platform.now += timedelta(seconds=number)
            ledger.poll()
        elif event == "kill":
            ledger.poll(number)
        else:
            _fail_at(platform, number)
            try:
                ledger.poll()
            except Transient:
                platform.now += timedelta(seconds=60)
            platform.before_request = lambda _number: None
    for number in range(200):
        platform.now += timedelta(seconds=1 if number else 901)  # a whole overlap is due
        ledger.poll()
        if '"open":[[' not in (ledger.position or ""):
            break
    reported = ledger.lost
    missing = [mention for mention in platform.posts if mention.external_id in ledger.missing()]
    silent = [
        mention for mention in missing if int(mention.published_at.timestamp()) not in reported
    ]
    assert not silent
    assert not ledger.unexplained()


def _fail_at(platform: Platform, number: int) -> None:
    start = len(platform.requests)

    def fail(count: int) -> None:
        if count - start == number:
            raise Transient("away")

    platform.before_request = fail
