"""The same thing said again: who is put together, who is not, and that copies are flagged once."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from factories import (
    ANY_AGE,
    HOUR,
    NOW,
    RULES,
    FrozenClock,
    author,
    check_all,
    ids,
    keep,
    mention,
    number,
    read_all,
    rows,
)

from earful.enums import Verdict
from earful.types import Engagement, Mention, Rating
from pipeline import group as stage
from pipeline.flag import flag
from pipeline.group import LOOK_BACK, group
from pipeline.near_duplicates import SIMILAR_FROM, print_of, resemblance, runs_of
from storage import queries
from storage.analysis import stories
from storage.cases import unjudged
from storage.database.engine import Database, Transaction
from storage.views import QueueFilter, StoryReach

LONG = "awful, my parcel was lost for the third time and nobody at the desk answers the phone"
ARTICLE = (
    "Parcel firm Kestrova said on Monday that it would close two of its five depots near Athens, "
    "with the loss of 120 jobs, after a year in which complaints about lost parcels had doubled."
)


def _say(name: str, text: str, **other: Any) -> Mention:
    return mention(name, **({"text": text, "by": name} | other))


def _stories(db: Database) -> list[set[str]]:
    """Who is together with whom, the oldest story first."""
    found: dict[int, set[str]] = {}
    for row in rows(db, "SELECT external_id, story_id FROM mention ORDER BY story_id"):
        found.setdefault(row.story_id, set()).add(row.external_id.removeprefix("m-"))
    return list(found.values())


def _told(db: Database) -> list[tuple[int, int, int]]:
    return [tuple(row) for row in rows(db, "SELECT mentions, authors, reach FROM story ORDER BY 1")]


def _verdicts(db: Database) -> dict[str, str]:
    found = rows(
        db, "SELECT external_id, verdict FROM mention_brand JOIN mention ON id = mention_id"
    )
    return {row.external_id.removeprefix("m-"): row.verdict for row in found}


@pytest.mark.parametrize(
    "again",
    [
        LONG,
        LONG.upper() + "!!!",
        f"RT @maria: {LONG} https://short.example/x1",
        f"@kestrova @help {LONG}",
        LONG.replace("third", "tenth"),
        LONG.replace("awful, ", "") + " at all",
        LONG.replace("phone", "phône"),
    ],
)
def test_the_same_words_are_one_story(db: Database, clock: FrozenClock, again: str) -> None:
    keep(db, _say("a", LONG), _say("b", again, published_at=NOW))
    found = group(db, clock=clock)
    assert (found.mentions, found.copies) == (2, 1)
    assert _stories(db) == [{"a", "b"}]
    check_all(db)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("worst service ever", "worst service ever"),
        ("worst service ever!!! https://short.example/1", "Worst service EVER @kestrova"),
        ("", ""),
        ("💔💔💔💔💔💔💔💔💔", "💔💔💔💔💔💔💔💔💔"),
        ("荷物がまだ届かない", "荷物がまだ届かない"),
        (LONG, ARTICLE),
        (LONG, "awful, my parcel came on time but it was broken and the desk told me to go home"),
        ("@a @b @c @d @e @f @g @h @i ugh", "@a @b @c @d @e @f @g @h @i ugh"),
    ],
)
def test_short_or_other_words_are_two_complaints(
    db: Database, clock: FrozenClock, one: str, other: str
) -> None:
    keep(db, _say("a", one), _say("b", other, published_at=NOW))
    assert group(db, clock=clock).copies == 0
    assert _stories(db) == [{"a"}, {"b"}]


@pytest.mark.parametrize(
    "text",
    [
        "先週注文した荷物がまた届きませんでした。電話をしても誰も出ないし、本当にひどいサービスだと思います。",
        "上周订的包裹又没有送到，打电话也没有人接，客服完全不管，已经等了三个星期了，真的非常失望非常生气。",
        "พัสดุที่สั่งเมื่อสัปดาห์ที่แล้วยังไม่มาถึง โทรไปก็ไม่มีใครรับสาย บริการแย่มากจริงๆ",
        "지난주에 주문한 택배가 아직도 오지 않았고 전화를 해도 아무도 받지 않아요",
        "पिछले हफ्ते मंगाया पार्सल अब तक नहीं आया और फोन पर कोई जवाब भी नहीं देता",
        "طردي ضاع للمرة الثالثة ولا أحد يرد على الهاتف منذ ثلاثة أسابيع كاملة",
        "Το δέμα μου χάθηκε για τρίτη φορά και κανείς δεν σηκώνει το τηλέφωνο εδώ και μέρες",
    ],
)
def test_every_script_has_copies(db: Database, clock: FrozenClock, text: str) -> None:
    keep(db, _say("a", text), _say("b", f"{text} 👎 https://short.example/x", published_at=NOW))
    assert group(db, clock=clock).copies == 1


@pytest.mark.parametrize("batches", ["together", "original first", "repost first"])
def test_a_repost_joins_its_original_however_short_and_whichever_came_first(
    db: Database, clock: FrozenClock, batches: str
) -> None:
    original = _say("a", "ugh")
    reposts = [_say(name, "RT ugh", repost_of="m-a", published_at=NOW) for name in ("b", "c")]
    parts = {
        "together": [[original, *reposts]],
        "original first": [[original], reposts],
        "repost first": [reposts[:1], [original], reposts[1:]],
    }[batches]
    for part in parts:
        keep(db, *part)
        group(db, clock=clock)
    assert _stories(db) == [{"a", "b", "c"}]
    check_all(db)


def test_reposts_of_a_post_that_we_never_saw_are_one_story(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, _say("b", "ugh", repost_of="x-1"), _say("d", "hm", repost_of="x-2"))
    group(db, clock=clock)
    keep(db, _say("c", "ugh", repost_of="x-1"), _say("e", "ugh", repost_of=""))
    group(db, clock=clock)
    assert _stories(db) == [{"b", "c"}, {"d"}, {"e"}]


def test_the_same_number_on_two_platforms_is_two_posts(db: Database, clock: FrozenClock) -> None:
    there = author("bo", source="there")
    keep(db, _say("1", "ugh"), mention("1", text="RT", source="there", by=there, repost_of="m-1"))
    group(db, clock=clock)
    assert _told(db) == [(1, 1, 100), (1, 1, 100)]


def test_a_story_knows_how_often_by_how_many_and_to_how_many_it_was_said(
    db: Database, clock: FrozenClock
) -> None:
    shared = Engagement(shares=7)
    keep(db, _say("a", LONG, by=author("a", followers=1000), engagement=shared))
    group(db, clock=clock)
    keep(
        db,
        _say("b", LONG, by=author("b"), published_at=NOW),
        _say("c", "RT", by=author("c", followers=50), repost_of="m-a", engagement=shared),
        _say("d", LONG + "!", by=author("a", followers=1000), published_at=NOW),
    )
    group(db, clock=clock)
    # 1,000 + 7 shares, an ordinary account, 50 of the repost; the same person is counted once
    assert _told(db) == [(4, 3, 1000 + 700 + 100 + 50)]
    check_all(db)


def test_said_again_after_the_look_back_it_is_said_anew(db: Database, clock: FrozenClock) -> None:
    keep(db, _say("a", LONG))
    group(db, clock=clock)
    clock.now += LOOK_BACK - HOUR
    keep(db, _say("b", LONG, published_at=clock.now - HOUR))
    group(db, clock=clock)
    clock.now += 2 * HOUR
    group(db, clock=clock)
    keep(db, _say("c", LONG, published_at=clock.now - HOUR))
    group(db, clock=clock)
    keep(db, _say("d", LONG, published_at=clock.now))
    group(db, clock=clock)
    assert _stories(db) == [{"a", "b"}, {"c", "d"}]


def test_in_an_archive_read_at_once_the_years_are_kept_apart(
    db: Database, clock: FrozenClock
) -> None:
    keep(
        db,
        _say("a", LONG, published_at=NOW - timedelta(days=400)),
        _say("b", LONG, published_at=NOW - timedelta(days=390)),
        _say("c", LONG, published_at=NOW - timedelta(days=2)),
        _say("d", LONG + " today", published_at=NOW),
    )
    group(db, clock=clock)
    assert _stories(db) == [{"a", "b"}, {"c", "d"}]


def test_what_a_story_is_known_by_is_forgotten_after_the_look_back(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, _say("a", LONG))
    group(db, clock=clock)
    assert number(db, "story_band") == 11
    clock.now += LOOK_BACK + HOUR
    keep(db, _say("b", ARTICLE))
    group(db, clock=clock)
    assert {row[0] for row in rows(db, "SELECT story_id FROM story_band")} == {ids(db)["m-b"]}


def test_a_form_letter_does_not_make_every_look_longer_than_the_last(
    db: Database, clock: FrozenClock
) -> None:
    """A hundred notices from one form, each too different from the others to be a copy."""
    form = "Notice from the Kestrova desk about the parcel numbered {} which is late because of {}"
    many = random.Random(5)
    letters = [
        _say(f"p{n}", form.format(*("".join(many.choices("abcdefgh ", k=34)) for _ in "ab")))
        for n in range(100)
    ]
    keep(db, *letters)
    group(db, clock=clock)
    most = max(row[0] for row in rows(db, "SELECT count(*) FROM story_band GROUP BY band"))
    assert number(db, "story") > 50
    assert most <= 16


def test_the_same_words_said_anew_each_month_do_not_make_every_look_longer(
    sqlite: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed may tell any dates, a hundred years of them at once."""
    asked: list[int] = []
    firsts = stories.read_first_mentions

    def counted(
        connection: Transaction, story_ids: Collection[int]
    ) -> dict[int, stories.FirstMention]:
        asked.append(len(story_ids))
        return firsts(connection, story_ids)

    monkeypatch.setattr(stories, "read_first_mentions", counted)
    month = timedelta(days=30)
    for year in range(3):
        keep(sqlite, *(mention(f"{year}-{n}", text=LONG, published_at=NOW + (12 * year + n) * month)
                       for n in range(12)))  # fmt: skip
        group(sqlite, clock=clock)
    assert number(sqlite, "story") == 36
    assert asked == [0, 12, 16 + 5]  # with those that are nearly the same
    late = NOW + (12 * 2 + 11) * month
    keep(sqlite, mention("again", text=LONG, by="bo", published_at=late))
    group(sqlite, clock=clock)
    assert number(sqlite, "story") == 36


def test_grouping_twice_changes_nothing(db: Database, clock: FrozenClock) -> None:
    keep(db, _say("a", LONG), _say("b", LONG), _say("c", "ugh"))
    group(db, clock=clock)
    before = [rows(db, f"SELECT * FROM {t} ORDER BY 1") for t in ("story", "story_band", "mention")]
    again = group(db, clock=clock)
    assert (again.mentions, again.copies) == (0, 0)
    after = [rows(db, f"SELECT * FROM {t} ORDER BY 1") for t in ("story", "story_band", "mention")]
    assert after == before


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_the_story_is_the_same_in_any_cut(
    db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(stage, "_BATCH_SIZE", at_once)
    keep(
        db,
        _say("a", LONG),
        _say("b", ARTICLE),
        _say("c", LONG + "!", published_at=NOW),
        _say("d", "RT", repost_of="m-b", published_at=NOW),
        _say("e", ARTICLE.replace("Monday", "Tuesday"), published_at=NOW),
    )
    group(db, clock=clock)
    assert _stories(db) == [{"a", "c"}, {"b", "d", "e"}]
    check_all(db)


def test_what_breaks_half_way_keeps_no_half_and_is_done_the_next_time(
    db: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_BATCH_SIZE", 2)
    keep(db, *(_say(f"p{n}", LONG, published_at=NOW - HOUR * (9 - n)) for n in range(5)))
    real, calls = stage.stories.add_mentions, []

    def breaks(*told: Any) -> None:
        calls.append(1)
        real(*told)
        if len(calls) == 2:
            raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(stage.stories, "add_mentions", breaks)
        with pytest.raises(OSError, match="disk is full"):
            group(db, clock=clock)
    assert _told(db) == [(2, 2, 200)]
    check_all(db)
    group(db, clock=clock)
    assert _told(db) == [(5, 5, 500)]
    check_all(db)


def test_a_story_is_flagged_once_and_its_copies_are_counted(
    db: Database, clock: FrozenClock
) -> None:
    keep(
        db,
        _say("a", LONG),
        _say("b", LONG + "!", published_at=NOW - HOUR / 2),
        _say("c", "RT", repost_of="m-a", published_at=NOW),
        _say("e", "awful day", published_at=NOW),
    )
    read_all(db)
    found = flag(db, RULES, clock=clock)
    assert (found.judged, found.flags, found.opened) == (4, 2, 2)
    keep(db, _say("a2", LONG.replace("third", "tenth"), by="a", published_at=NOW))
    read_all(db)
    assert flag(db, RULES, clock=clock).flags == 0
    assert _verdicts(db) == {
        "a": Verdict.FLAGGED,
        "b": Verdict.COPY,
        "c": Verdict.REPOST,
        "a2": Verdict.COPY,
        "e": Verdict.FLAGGED,
    }
    case = next(one for one in queries.queue(db, QueueFilter()) if one.handle == "a")
    assert case.story == StoryReach(mentions=4, authors=3, reach=300)
    detail = queries.case(db, case.id)
    assert detail is not None
    assert [one.story for one in detail.mentions] == [case.story]
    check_all(db)


def test_a_copy_is_a_copy_for_the_brand_that_it_was_flagged_for(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, _say("a", LONG))
    keep(db, _say("b", LONG, published_at=NOW), ids=("other",))
    read_all(db)
    assert flag(db, RULES, clock=clock).flags == 2


def test_praise_that_is_said_again_is_calm_and_no_copy(db: Database, clock: FrozenClock) -> None:
    keep(db, *(_say(name, LONG.replace("awful", "lovely")) for name in "ab"))
    read_all(db)
    flag(db, RULES, clock=clock)
    assert set(_verdicts(db).values()) == {Verdict.CALM}


def test_an_old_copy_of_what_was_flagged_is_a_copy_with_any_look_back(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, _say("a", LONG, published_at=NOW - timedelta(days=9)), _say("b", LONG))
    read_all(db)
    assert flag(db, RULES, clock=clock).flags == 1
    assert _verdicts(db) == {"a": Verdict.TOO_OLD, "b": Verdict.FLAGGED}
    assert flag(db, ANY_AGE, clock=clock).flags == 0
    assert _verdicts(db)["a"] == Verdict.COPY


def test_killed_between_grouping_and_judging_it_goes_on_from_there(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, _say("a", LONG), _say("b", LONG, published_at=NOW))
    read_all(db)
    group(db, clock=clock)
    check_all(db)
    assert flag(db, RULES, clock=clock).flags == 1
    check_all(db)


def test_what_nobody_has_compared_yet_is_not_judged(db: Database, clock: FrozenClock) -> None:
    """A poll may store something between the grouping and the judging of one run."""
    keep(db, _say("a", LONG))
    read_all(db)
    with db.write() as transaction:
        assert unjudged.list_unjudged(transaction, 10) == ()
    group(db, clock=clock)
    with db.write() as transaction:
        (heard,) = unjudged.list_unjudged(transaction, 10)
    assert (heard.story_id, heard.copy) == (ids(db)["m-a"], False)


def test_a_low_rating_without_words_is_flagged_with_what_was_given(
    db: Database, clock: FrozenClock
) -> None:
    """Two people who give one star and say nothing do not say the same."""
    given = Rating(kind="stars", value=1, lowest=1, highest=5)
    keep(db, *(_say(name, "", rating=given) for name in "ab"), _say("c", "awful wait"))
    keep(db, _say("d", "", rating=Rating(kind="nps", value=9, lowest=0, highest=10)))
    read_all(db, says=lambda text: _silent(text))
    assert flag(db, RULES, clock=clock).flags == 3
    assert _verdicts(db)["d"] == Verdict.COULD_NOT_TELL
    case = next(one for one in queries.queue(db, QueueFilter()) if one.handle == "a")
    assert case.reason.startswith(
        "They gave 1 of 5 stars (the model could not tell from the words), "
    )
    detail = queries.case(db, case.id)
    assert detail is not None
    (one,) = detail.mentions
    assert one.rating == given
    assert one.evidence["rating"] == {"kind": "stars", "value": 1, "lowest": 1, "highest": 5}
    check_all(db)


def _silent(text: str) -> Any:
    from factories import scores_of

    return scores_of(text or "dunno")


@pytest.mark.parametrize("changes", [1, 2, 3, 6, 12, 25])
def test_bands_find_what_is_alike_enough(changes: int) -> None:
    """Of pairs that are alike enough nearly all share a band; a miss costs a second flag."""
    many = random.Random(changes)
    words = [f"{a}{b}" for a in ("kar", "mel", "tor", "vin", "sol") for b in ("o", "ana", "ist")]
    alike = found = 0
    for _ in range(200):
        text = many.choices(words, k=40)
        other = list(text)
        for at in many.sample(range(40), changes):
            other[at] = many.choice(words)
        one, two = " ".join(text), " ".join(other)
        if resemblance(runs_of(one), runs_of(two)) >= SIMILAR_FROM:
            alike += 1
            found += not set(print_of(one).bands).isdisjoint(print_of(two).bands)
    assert found >= alike * 0.95
    assert alike > 0 or changes > 6
