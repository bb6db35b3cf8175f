"""docs/rules.md and docs/digest.md tell what the code does, to the number."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from earful.enums import Intent, Reason, Verdict
from earful.judgements import ClassifiedMention, Flag, Reading, Scores
from earful.scoring import FURTHER_FLAG_BUMP, MAX_FURTHER_FLAG_BUMP, ORDINARY_FOLLOWERS
from earful.settings.load import RuleSettings, Settings
from outreach import rules as r
from outreach import severity
from outreach.digest import CaseLine, DigestFacts, render
from outreach.notifiers import KINDS
from outreach.reasons import describe_complaint

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def rules_page() -> str:
    return (DOCS / "rules.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def digest_page() -> str:
    return (DOCS / "digest.md").read_text(encoding="utf-8")


def decided(heard: ClassifiedMention, rules: r.Rules, now: datetime) -> Flag:
    got = r.decide(heard, rules, now)
    assert isinstance(got, Flag)
    return got


def _reading(intent: str) -> Reading:
    scores = Scores(negative=0.93, neutral=0.07, positive=0.0)
    return Reading(scores=scores, toward=scores, intents={intent: 0.9}, reasons={"price": 0.8})


def test_the_worked_example_is_right(
    rules_page: str,
    heard: Callable[..., ClassifiedMention],
    rules: Callable[..., r.Rules],
    now: datetime,
) -> None:
    shipped = rules(negative_at=RuleSettings().negative_at)
    told = heard(
        0.93, hours=6, followers=284_000, earlier_complaints=2, reading=_reading("complaint")
    )
    got = decided(told, shipped, now)
    plain = decided(replace(told, reading=None), shipped, now)
    assert plain.severity == got.severity and f'"{plain.reason}"' in rules_page
    for part, points in got.evidence.priority_parts.items():
        row = next(line for line in rules_page.splitlines() if line.startswith(f"| {part} |"))
        assert row.endswith(f"| {points:.2f} |")
    assert f"| **severity** | | **{got.severity}** |" in rules_page
    assert f'"{got.reason}"' in rules_page
    ordinary = decided(heard(0.93, hours=6), shipped, now)
    again = decided(heard(0.93, hours=6, earlier_complaints=1), shipped, now)
    leaving = decided(heard(0.93, hours=6, reading=_reading("leaving")), shipped, now)
    assert again.severity == leaving.severity
    loud = decided(heard(0.60, hours=24, followers=10**9), shipped, now)
    assert f"for the first time has {ordinary.severity}." in rules_page
    assert f"a second time it is {again.severity}, and urgent" in rules_page
    assert loud.severity < ordinary.severity
    assert r.is_urgent(again.severity, shipped)


def test_the_weights_are_the_ones_in_force(rules_page: str) -> None:
    for part, weight in (
        ("negative", severity.NEGATIVE_WEIGHT),
        ("repeat", severity.REPEAT_WEIGHT),
        ("reach", severity.REACH_WEIGHT),
        ("recency", severity.RECENCY_WEIGHT),
    ):
        assert f"| `{part}` | {weight:.0f} | {weight:.0f} × " in rules_page
    assert f"0.5^(age ÷ {severity.HALF_LIFE_HOURS:.0f} hours)" in rules_page
    assert f"plus {FURTHER_FLAG_BUMP} for each further flag, {MAX_FURTHER_FLAG_BUMP} at most" in (
        rules_page
    )
    assert f"log₁₀(1 + {severity.REACH_FULL:,})" in rules_page
    assert f"it counts as {ORDINARY_FOLLOWERS}, an ordinary account" in rules_page


def test_every_verdict_is_explained(rules_page: str) -> None:
    for verdict in set(Verdict) - {Verdict.FLAGGED}:
        assert f"`{verdict.value}`" in rules_page
    for rule in (severity.RULE_MODEL, severity.RULE_PERSON, severity.RULE_RATING):
        assert f'"{rule}"' in rules_page


def test_every_intent_and_reason_is_explained_with_its_words(rules_page: str) -> None:
    for intent in Intent:
        assert f"\n| `{intent.value}` |" in rules_page
    for reason in Reason:
        complaint = describe_complaint({"complaint": 0.9}, {reason.value: 0.9})
        phrase = complaint.partition(" about ")[2]
        row = next(
            line
            for line in rules_page.splitlines()
            if line.startswith(f"| `{reason.value}` | ")
            and line.endswith(f'| "{phrase}" |' if phrase else "| not named |")
        )
        assert row


def test_every_example_block_is_accepted(rules_page: str, digest_page: str) -> None:
    blocks = [
        block.partition("```")[0]
        for page in (rules_page, digest_page)
        for block in page.split("```toml\n")[1:]
    ]
    settings = Settings.model_validate(tomllib.loads("\n".join(blocks)))
    assert {channel.kind for channel in settings.channel} == set(KINDS)
    assert settings.rules == Settings().rules, "the page shows the defaults"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_channel_kind_has_its_section(digest_page: str, kind: str) -> None:
    assert f"\n### {kind}\n" in digest_page


def test_the_digest_on_the_page_is_what_render_makes(
    digest_page: str,
    case: Callable[..., CaseLine],
    facts: Callable[..., DigestFacts],
    now: datetime,
) -> None:
    maria = case(
        handle="maria",
        name="Maria Pappas",
        priority=88,
        followers=284_000,
        complaints=3,
        due_at=now - timedelta(hours=3),
        reason="They complain about something lost or missing and about getting no answer; the "
        "model is 93 % sure that it is aimed at Acme Air. The author complained twice before in "
        "30 days, and 284,000 people follow them.",
        problem="about something lost or missing and about getting no answer",
        text="Third time that my bag is lost, and nobody answers the phone.",
    )
    problem = "rss/acme-air: paused: https://acme.example/feed answered 410; correct the url"
    told = facts(
        new_cases=(maria,), new_total=2, urgent=1, overdue=1, questions=4, problems=(problem,)
    )
    got = render(told)
    assert got is not None
    shown = digest_page.partition("```\n")[2].partition("```")[0]
    assert got.text.partition("\n0 contacted")[0] == shown
