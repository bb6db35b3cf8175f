"""The verdicts that `earful explain` reads, and the replay of a flag, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from factories import (
    ACME,
    NOW,
    QUERY,
    RULES,
    FrozenClock,
    batch,
    keep,
    mention,
    read_all,
    rows,
)

from earful.enums import Reason, Verdict
from earful.judgements import ClassifiedMention, Flag, Reading, Scores
from earful.types import Engagement
from outreach.rules import decide
from outreach.severity import RULE_PERSON, RULE_RATING
from pipeline.explain import explain, headline, replay_today
from pipeline.flag import flag
from storage.cases import explanations
from storage.collecting import ingest, polling
from storage.collecting.attribution import Noise
from storage.database.engine import Database
from storage.entities import brands


def _explained(db: Database, external_id: str) -> tuple[str, list[str]]:
    (verdict,) = explanations.of_post(db, "fake", external_id)
    return headline(verdict), list(explain(verdict, RULES))


def test_verdicts_are_found_by_post_by_mention_and_by_case(
    db: Database, clock: FrozenClock
) -> None:
    keep(db, mention(1), mention(2, "lovely"))
    read_all(db)
    flag(db, RULES, clock=clock)
    (verdict,) = explanations.of_post(db, "fake", "m-1")
    assert verdict.flag is not None
    assert explanations.of_case(db, verdict.flag.case_id) == (verdict,)
    assert explanations.of_mention(db, verdict.mention_id) == (verdict,)
    assert explanations.of_case(db, 99) == explanations.of_mention(db, 99) == ()
    assert explanations.of_post(db, "fake", "m-9") == ()
    (calm,) = explanations.of_post(db, "fake", "m-2")
    assert (calm.brand, calm.verdict, calm.flag) == ("Acme Air", "calm", None)


def test_a_brand_that_is_found_late_waits_for_the_model(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1), ids=["rival-jet"])
    read_all(db)
    keep(db, mention(1))
    flag(db, RULES, clock=clock)
    late, _theirs = explanations.of_post(db, "fake", "m-1")
    assert headline(late).endswith("about Acme Air: not judged yet")
    (sentence,) = explain(late, RULES)
    assert sentence == (
        "The model fake-model/1 read it before it was about Acme Air. "
        "Run `earful classify`, then `earful flag`."
    )


def test_a_mention_about_two_brands_has_two_verdicts(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1), ids=["acme-air", "rival-jet"])
    read_all(db)
    flag(db, RULES, clock=clock)
    acme, rival = explanations.of_post(db, "fake", "m-1")
    assert (acme.brand, acme.verdict) == ("Acme Air", "flagged")
    assert (rival.brand, rival.verdict, rival.flag) == ("Rival Jet", "competitor", None)


def test_noise_has_its_reason(db: Database, clock: FrozenClock) -> None:
    brands.sync(db, [ACME])
    polling.register(db, [QUERY])
    noise = Noise("holds none of 'acme'")
    ingest.store(db, QUERY, batch(mention(1)), lambda _mention: noise, clock())
    title, lines = _explained(db, "m-1")
    assert title.endswith(": noise")
    assert lines == ["It is about none of the brands: holds none of 'acme'."]


def test_a_replay_follows_todays_threshold_and_look_back(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1, published_at=clock() - timedelta(hours=5)))
    read_all(db)
    flag(db, RULES, clock=clock)
    (verdict,) = explanations.of_post(db, "fake", "m-1")
    assert verdict.flag is not None
    evidence, severity = verdict.flag.evidence, verdict.flag.severity
    assert replay_today(evidence, RULES) == severity
    assert replay_today(evidence, replace(RULES, negative_at=evidence.negative)) == severity
    assert replay_today(evidence, replace(RULES, negative_at=0.99)) is None
    assert replay_today(evidence, replace(RULES, look_back=timedelta(hours=5))) == severity
    assert replay_today(evidence, replace(RULES, look_back=timedelta(hours=4))) is None
    assert replay_today(evidence, replace(RULES, look_back=None)) == severity
    by_person = replace(evidence, rule=RULE_PERSON)
    strict = replace(RULES, negative_at=1.0, look_back=timedelta(hours=1))
    assert replay_today(by_person, strict) is not None
    assert replay_today(replace(evidence, rule=RULE_RATING), RULES) is None
    lines = list(
        explain(
            replace(
                verdict, flag=replace(verdict.flag, evidence=replace(evidence, rule=RULE_RATING))
            ),
            RULES,
        )
    )
    assert lines[-1] == (
        "Today's settings: not flagged, because the rating is not low any more by the rules."
    )


@pytest.mark.parametrize("name", sorted(set(Verdict) - {Verdict.FLAGGED}))
def test_every_verdict_is_explained_in_sentences(name: Verdict) -> None:
    (line,) = explain(_calm(name), RULES)
    assert line.endswith(".") and "not stored" not in line and "{" not in line


def test_a_reading_is_explained_with_its_numbers_and_replayed_today() -> None:
    now = NOW
    reading = Reading(
        scores=Scores(negative=0.4, neutral=0.5, positive=0.1),
        toward=Scores(negative=0.87, neutral=0.1, positive=0.03),
        intents={"complaint": 0.9, "question": 0.2},
        reasons={"price": 0.8, "late": 0.1},
        ironic=True,
        pieces=2,
    )
    got = decide(_heard(reading, now), RULES, now)
    assert isinstance(got, Flag)
    stored = explanations.StoredFlag(
        case_id=1, severity=got.severity, reason=got.reason, evidence=got.evidence, at=now
    )
    lines = list(explain(replace(_calm(Verdict.FLAGGED), flag=stored), RULES))
    assert lines[-2] == (
        "negative toward the brand 87 %, neutral toward the brand 10 %, positive toward the brand "
        "3 %, intent complaint 90 %, reason price 80 %, ironic, read in 2 pieces"
    )
    assert lines[-1].endswith("(the same).")
    late_only = replace(RULES, reasons=frozenset((Reason.LATE,)))
    assert list(explain(replace(_calm(Verdict.FLAGGED), flag=stored), late_only))[-1] == (
        "Today's settings: not flagged, because today's `intents` or `reasons` leave it out."
    )


def _calm(name: Verdict) -> explanations.MentionVerdict:
    return explanations.MentionVerdict(
        mention_id=1,
        source="fake",
        external_id="m-1",
        brand="Acme Air",
        verdict=name.value,
        noise_reason="",
        model_id="fake-model/1",
        negative=0.2,
        could_not_tell=False,
        flag=None,
    )


def _heard(reading: Reading, now: datetime) -> ClassifiedMention:
    return ClassifiedMention(
        mention_id=1,
        brand=ACME,
        author_id=1,
        handle="maria",
        source="fake",
        followers=100,
        engagement=Engagement(),
        published_at=now,
        repost=False,
        own=False,
        model_id="fake-model/1",
        scores=reading.scores,
        reading=reading,
    )


def test_evidence_that_lacks_later_keys_is_read(db: Database, clock: FrozenClock) -> None:
    keep(db, mention(1))
    read_all(db)
    flag(db, RULES, clock=clock)
    (row,) = rows(db, "SELECT mention_id FROM flag")
    (verdict,) = explanations.of_mention(db, row.mention_id)
    assert verdict.flag is not None
    evidence = verdict.flag.evidence
    stored = {
        name: getattr(evidence, name)
        for name in evidence.__slots__
        if name not in ("rating", "look_back_hours", "followers", "shares")
    }
    bare = replace(evidence, rating=None, look_back_hours=None, followers=None, shares=0)
    assert explanations.evidence_from(stored) == bare
