"""Asking again: what changed or vanished upstream is followed; trouble leaves the rest alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from factories import (
    ACME,
    HOUR,
    NOW,
    OTHER,
    QUERY,
    RIVAL,
    FrozenClock,
    about,
    author,
    batch,
    check_all,
    mention,
    number,
    rows,
)
from structlog.testing import capture_logs

from earful.contracts import BadItem, Doubtful, Listener, Permanent, Transient
from earful.types import Batch, Engagement, Gone, Mention, Query, Rating
from pipeline.recheck import Cooldowns, Rechecked, recheck
from storage.collecting import ingest, polling, rechecks
from storage.database.engine import Database
from storage.entities import brands

DAY = timedelta(days=1)
SECOND = replace(QUERY, id="fake/second")
ELSEWHERE = replace(QUERY, id="other/acme-air", source="other")


@dataclass(slots=True)
class Platform:
    """A source that knows what became of its posts; raises what ``raises`` holds first."""

    clock: FrozenClock
    now: dict[str, Mention] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    raises: list[Exception] = field(default_factory=list)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    name: str = "fake"

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Nothing new."""
        yield from ()

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """What became of them."""
        ids = tuple(one.external_id for one in mentions)
        self.asked.append((query.id, ids))
        if self.raises:
            raise self.raises.pop(0)
        return Batch(
            mentions=tuple(
                replace(self.now[one], fetched_at=self.clock()) for one in ids if one in self.now
            ),
            gone=tuple(Gone(source="fake", external_id=one) for one in ids if one in self.gone),
            position=None,
        )

    @property
    def ids(self) -> list[str]:
        """Every post that was asked about, in turn."""
        return [one for _, ids in self.asked for one in ids]


class Silent:
    """A source that cannot be asked about a post."""

    name = "fake"

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Nothing new."""
        yield from ()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW + DAY)


@pytest.fixture
def platform(clock: FrozenClock) -> Platform:
    return Platform(clock)


@pytest.fixture
def db(db: Database) -> Database:
    brands.sync(db, [ACME, RIVAL, OTHER])
    polling.register(db, [QUERY, SECOND, ELSEWHERE])
    return db


def _keep(db: Database, *mentions: Mention, query: Query = QUERY) -> None:
    ingest.store(db, query, batch(*mentions, position="p1"), about("acme-air"), NOW)


def _turn(
    db: Database,
    clock: FrozenClock,
    listener: Listener,
    *,
    queries: Sequence[Query] = (QUERY,),
    cooldowns: Cooldowns | None = None,
    billed: bool = False,
) -> Rechecked:
    return recheck(
        db,
        queries,
        clock=clock,
        listener_for=lambda _query: listener,
        every=DAY,
        within=timedelta(days=7),
        is_billed=lambda _query: billed,
        cooldowns=cooldowns,
    )


def test_where_reads_have_a_price_each_post_is_asked_about_once(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    assert _turn(db, clock, platform, billed=True).checked == 1
    clock.forward(hours=25)
    assert _turn(db, clock, platform, billed=True).checked == 0
    assert _turn(db, clock, platform).checked == 1


def test_edits_and_deletions_are_followed_and_the_poll_stays_where_it_was(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1), mention(2), mention(3))
    platform.now["m-1"] = replace(mention(1), text="Acme is lovely")
    platform.gone.add("m-2")
    before = rows(db, "SELECT position, polled_at, seen, stored FROM query ORDER BY id")
    done = _turn(db, clock, platform)
    assert (done.checked, done.changed, done.gone, done.failed) == (3, 1, 1, 0)
    found = rows(db, "SELECT external_id, text FROM mention ORDER BY id")
    assert [tuple(row) for row in found] == [("m-1", "Acme is lovely"), ("m-3", "awful (3)")]
    assert rows(db, "SELECT position, polled_at, seen, stored FROM query ORDER BY id") == before
    assert polling.read_position(db, QUERY.id) == "p1"
    check_all(db)


def test_the_answer_is_kept_with_the_question_or_not_at_all(
    db: Database,
    clock: FrozenClock,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _keep(db, mention(1), mention(2))
    platform.now["m-1"] = replace(mention(1), text="Acme is lovely")
    platform.gone.add("m-2")
    state = "SELECT external_id, text, checked_at FROM mention ORDER BY external_id"
    counted = "SELECT sum(new), sum(already_stored) FROM spending"
    before = rows(db, state), rows(db, counted)

    def dies(*_anything: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(rechecks, "mark_checked", dies)
        with pytest.raises(KeyboardInterrupt):
            _turn(db, clock, platform)
    assert (rows(db, state), rows(db, counted)) == before
    done = _turn(db, clock, platform)
    assert (done.checked, done.changed, done.gone) == (2, 1, 1)
    assert rows(db, counted) == [(2, 1)]  # the answer is counted once


def test_a_stored_mention_is_given_back_as_it_was_told(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    who = author("maria", name="Maria", followers=9, verified=True, url="https://a.example/maria")
    told = mention(
        1,
        by=who,
        url="https://a.example/1",
        lang="es",
        reply_to="m-0",
        repost_of="",
        engagement=Engagement(shares=1, likes=2, replies=3),
        rating=Rating(kind="stars", value=2, lowest=1, highest=5),
        edited_at=NOW - HOUR,
        direct=False,  # that is not stored
    )
    _keep(db, told)
    seen: list[Mention] = []

    class Looking(Platform):
        def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
            seen.extend(mentions)
            return Batch(mentions=(), position=None)

    _turn(db, clock, Looking(clock))
    assert seen == [told]


def test_each_once_a_day_the_one_seen_longest_ago_first(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1, fetched_at=NOW - HOUR), mention(2, fetched_at=NOW - 2 * HOUR))
    _keep(db, mention(3, fetched_at=NOW + HOUR))
    assert _turn(db, clock, platform).checked == 2
    assert platform.ids == ["m-2", "m-1"]
    assert _turn(db, clock, platform).checked == 0
    clock.forward(hours=1)
    assert _turn(db, clock, platform).checked == 1
    clock.forward(hours=22, minutes=59)
    assert _turn(db, clock, platform).checked == 0
    clock.forward(minutes=1)
    _turn(db, clock, platform)
    assert platform.ids == ["m-2", "m-1", "m-3", "m-1", "m-2"]


def test_a_post_that_a_poll_met_again_has_been_seen(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    _keep(db, mention(1, fetched_at=NOW + HOUR))
    assert _turn(db, clock, platform).checked == 0


@pytest.mark.parametrize(("days", "asked"), [(6, 1), (8, 0)])
def test_old_posts_are_left_alone(
    db: Database, clock: FrozenClock, platform: Platform, days: int, asked: int
) -> None:
    _keep(db, mention(1, published_at=clock() - days * DAY))
    assert _turn(db, clock, platform).checked == asked


def test_a_hundred_of_a_source_in_a_turn(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, *(mention(n) for n in range(130)))
    assert _turn(db, clock, platform).checked == 100
    assert _turn(db, clock, platform).checked == 30
    assert len(set(platform.ids)) == 130


def test_each_query_asks_about_what_it_found_itself(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    _keep(db, mention(2), mention(1), query=SECOND)
    _keep(db, mention(3), query=replace(QUERY, id="fake/of the past"))
    _turn(db, clock, platform, queries=(QUERY, SECOND))
    assert sorted(platform.asked) == [(QUERY.id, ("m-1",)), (SECOND.id, ("m-2",))]


def test_other_sources_and_those_that_cannot_tell_are_not_asked(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1, source="other", by=author(source="other")), query=ELSEWHERE)
    assert _turn(db, clock, platform).checked == 0
    assert _turn(db, clock, Silent(), queries=(ELSEWHERE,)).checked == 0
    assert rows(db, "SELECT checked_at FROM mention") == [(None,)]


def test_paused_and_disabled_queries_ask_nothing(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    assert _turn(db, clock, platform, queries=(replace(QUERY, enabled=False),)).checked == 0
    polling.pause(db, QUERY.id, error="no key")
    assert _turn(db, clock, platform).checked == 0
    assert platform.asked == []


def test_only_what_was_asked_about_is_stored(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))

    class Chatty(Platform):
        def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
            return batch(mention(2), position=None, gone=[Gone(source="fake", external_id="m-3")])

    assert _turn(db, clock, Chatty(clock)).checked == 1
    assert (number(db, "mention"), number(db, "tombstone")) == (1, 0)


@pytest.mark.parametrize(
    ("trouble", "back_after"),
    [
        (Transient("503"), timedelta(minutes=2)),
        (Transient("429", retry_after=3000), timedelta(hours=1)),
        (Permanent("no key"), timedelta(hours=7)),
    ],
)
def test_trouble_puts_that_query_off_and_leaves_the_rest_alone(
    db: Database,
    clock: FrozenClock,
    platform: Platform,
    trouble: Exception,
    back_after: timedelta,
) -> None:
    _keep(db, mention(1))
    _keep(db, mention(2), query=SECOND)
    platform.raises = [trouble]
    cooldowns = Cooldowns()
    with capture_logs() as logs:
        done = _turn(db, clock, platform, queries=(QUERY, SECOND), cooldowns=cooldowns)
        assert (done.checked, done.failed) == (1, 1)
        again = _turn(db, clock, platform, queries=(QUERY, SECOND), cooldowns=cooldowns)
        assert (again.checked, again.failed) == (0, 0)
    assert [one["why"] for one in logs] == [str(trouble)]
    assert polling.count_failures(db, QUERY.id) == 0  # the poll is none the worse
    clock.now += back_after
    assert _turn(db, clock, platform, cooldowns=cooldowns).checked == 1


def _all_gone(*names: str) -> Doubtful:
    gone = tuple(Gone(source="fake", external_id=one) for one in names)
    return Doubtful("shows none", batch=Batch(mentions=(), position=None, gone=gone))


def test_that_all_are_gone_is_believed_when_it_is_said_for_hours(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1), mention(2))
    platform.raises = [_all_gone("m-1", "m-2") for _ in range(20)]
    cooldowns, began = Cooldowns(), clock()
    while number(db, "mention"):
        done = _turn(db, clock, platform, cooldowns=cooldowns)
        clock.forward(minutes=1)
        assert clock() - began < DAY
    assert (done.checked, done.gone, done.failed) == (2, 2, 0)
    assert clock() - began > 6 * HOUR
    assert len(platform.asked) == 10


def test_an_answer_in_between_begins_the_doubt_anew() -> None:
    cooldowns, doubtful = Cooldowns(), _all_gone("m-1")
    for _ in range(2):
        assert [cooldowns.believe("q", doubtful) for _ in range(9)] == [None] * 9
        cooldowns.clear("q")
    assert cooldowns.believe("q", Transient("503")) is None


def test_the_same_permanent_trouble_is_said_once(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    platform.raises = [Permanent("no key"), Permanent("no key"), Permanent("wrong key")]
    cooldowns = Cooldowns()
    with capture_logs() as logs:
        for _ in range(3):
            assert _turn(db, clock, platform, cooldowns=cooldowns).failed == 1
            clock.forward(hours=7)
    assert [one["why"] for one in logs] == ["no key", "wrong key"]


def test_an_answer_that_cannot_be_read_does_not_block_the_others(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    platform.raises = [BadItem("no date")]
    assert _turn(db, clock, platform).checked == 1
    assert _turn(db, clock, platform).checked == 0


def test_a_bug_in_a_listener_is_loud_after_the_others_were_asked(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    _keep(db, mention(2), query=SECOND)
    platform.raises = [ZeroDivisionError("oops")]
    with pytest.raises(ExceptionGroup, match="must not"):
        _turn(db, clock, platform, queries=(QUERY, SECOND))
    assert len(platform.asked) == 2


def test_a_turn_that_is_told_to_stop_stops(
    db: Database, clock: FrozenClock, platform: Platform
) -> None:
    _keep(db, mention(1))
    done = recheck(
        db,
        [QUERY],
        clock=clock,
        listener_for=lambda _query: platform,
        every=DAY,
        within=7 * DAY,
        stop=lambda: True,
    )
    assert (done.checked, platform.asked) == (0, [])


def test_a_post_removed_while_it_was_asked_about(db: Database, clock: FrozenClock) -> None:
    _keep(db, mention(1))

    class Slow(Platform):
        def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
            vanished = batch(gone=[Gone(source="fake", external_id="m-1")])
            ingest.store(db, QUERY, vanished, about("acme-air"), self.clock())
            return Batch(mentions=tuple(mentions), position=None)

    assert _turn(db, clock, Slow(clock)).checked == 1
    assert number(db, "mention") == 0
