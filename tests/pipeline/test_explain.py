"""The verdicts that `earful explain` reads, and the replay of a flag, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from factories import (
    ACME,
    QUERY,
    RULES,
    FrozenClock,
    batch,
    keep,
    mention,
    read_all,
    rows,
)

from outreach.rules import RULE_PERSON, RULE_RATING
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
