"""Makers of facts for the outreach tests: a plain case, of which a test says what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from smtp_server import Mailbox, serve

from earful.judgements import ClassifiedMention, Scores
from earful.types import Brand, Engagement
from outreach.digest import CaseLine, DigestFacts
from outreach.rules import Rules

NOW = datetime(2025, 11, 21, 7, 0, tzinfo=UTC)
ACME = Brand(
    id="acme-air",
    name="Acme Air",
    aliases=("Acme Airlines",),
    handles=("@acme_air",),
    own_accounts=("acmehelp", "x:acmecare", "@acme@social.example"),
)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def acme() -> Brand:
    return ACME


@pytest.fixture(scope="session")
def heard() -> Callable[..., ClassifiedMention]:
    def make(
        negative: float = 0.93,
        *,
        hours: float = 1,
        shares: int = 0,
        unsure: bool = False,
        **other: Any,
    ) -> ClassifiedMention:
        scores = Scores(
            negative=negative, neutral=1 - negative, positive=0.0, could_not_tell=unsure
        )
        told: dict[str, Any] = {
            "mention_id": 7,
            "brand": ACME,
            "author_id": 3,
            "handle": "maria",
            "source": "x",
            "followers": 100,
            "engagement": Engagement(shares=shares),
            "published_at": NOW - timedelta(hours=hours),
            "repost": False,
            "own": False,
            "model_id": "m-1",
            "scores": scores,
        }
        return ClassifiedMention(**(told | other))

    return make


@pytest.fixture(scope="session")
def rules() -> Callable[..., Rules]:
    def make(**other: Any) -> Rules:
        told: dict[str, Any] = {
            "negative_at": 0.6,
            "look_back": timedelta(days=3),
            "urgent_at": 70,
            "reply_within": timedelta(hours=24),
            "urgent_reply_within": timedelta(hours=2),
        }
        return Rules(**(told | other))

    return make


@pytest.fixture(scope="session")
def case() -> Callable[..., CaseLine]:
    def make(case_id: int = 1, **other: Any) -> CaseLine:
        told: dict[str, Any] = {
            "case_id": case_id,
            "brand": "Acme Air",
            "handle": "maria",
            "source": "x",
            "url": "https://x.example/maria/1",
            "followers": 120,
            "priority": 64,
            "opened_at": NOW - timedelta(hours=5),
            "due_at": NOW + timedelta(hours=19),
            "reason": "The model is 93 % sure that this is negative (flagged from 60 %).",
            "text": "My bag is lost again and nobody answers.",
            "lang": "en",
        }
        return CaseLine(**(told | other))

    return make


@pytest.fixture(scope="session")
def facts() -> Callable[..., DigestFacts]:
    def make(**other: Any) -> DigestFacts:
        told: dict[str, Any] = {"since": NOW - timedelta(days=1), "until": NOW}
        told |= {"timezone": "Europe/Athens"} | other
        told.setdefault("new_total", len(told.get("new_cases", ())))
        told.setdefault("waiting_total", len(told.get("waiting_cases", ())))
        return DigestFacts(**told)

    return make


@pytest.fixture
def box() -> Mailbox:
    """What a mail server has been given."""
    return Mailbox()


@pytest.fixture
def port(box: Mailbox) -> Iterator[int]:
    """The port of a mail server that wants neither TLS nor a login."""
    with serve(box) as at:
        yield at
