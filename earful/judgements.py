"""The facts that models and rules conclude: frozen, keyword-only, checked where they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from earful.enums import Sentiment
from earful.field_checks import put_into_utc
from earful.types import Brand, Engagement, Rating


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A classifier's answer for one text: three probabilities that sum to 1.

    ``could_not_tell`` is an answer of its own: the text was empty, in a language outside the
    model's evidence, or the model had no preference. It is never the same as neutral.
    ``language`` is what the text was found to be written in (ISO 639-1 in lower case), whatever
    the platform says of it; None when it was too short or too mixed to say.
    """

    negative: float
    neutral: float
    positive: float
    could_not_tell: bool = False
    language: str | None = None

    def __post_init__(self) -> None:
        total = self.negative + self.neutral + self.positive
        if min(self.negative, self.neutral, self.positive) < 0.0:
            raise ValueError(f"Scores: {self} has a probability below 0")
        if not abs(total - 1.0) < 1e-3:
            raise ValueError(f"Scores sum to {total:.4f}; three probabilities must sum to 1")

    @property
    def sentiment(self) -> Sentiment:
        """The most probable of the three; ties go to neutral, then negative."""
        ranked = (
            (self.neutral, Sentiment.NEUTRAL),
            (self.negative, Sentiment.NEGATIVE),
            (self.positive, Sentiment.POSITIVE),
        )
        return max(ranked, key=lambda pair: pair[0])[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A classifier's answer about a stored mention; unique by (mention, model).

    ``edition`` is which of the mention's texts was read: how often it had been changed by then.
    """

    mention_id: int
    model_id: str
    scores: Scores
    at: datetime
    edition: int = 0

    def __post_init__(self) -> None:
        put_into_utc(self, "at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that a flag rested on, enough to reach the same decision again.

    ``look_back_hours`` is None when mentions of any age were judged, ``followers`` when unknown.
    """

    model_id: str
    negative: float
    threshold: float
    look_back_hours: float | None
    rule: str
    followers: int | None
    shares: int
    reach: int
    age_hours: float
    earlier_complaints: int
    priority_parts: Mapping[str, float]
    rating: Rating | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Why somebody should talk to the author of a mention, in a sentence, with its numbers.

    ``severity`` and the case's priority run from 0 to 100. ``mention_ids`` are storage ids.
    """

    mention_ids: tuple[int, ...]
    brand_id: str
    author_id: int
    rule: str
    severity: int
    reason: str
    evidence: Evidence
    at: datetime

    def __post_init__(self) -> None:
        put_into_utc(self, "at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifiedMention:
    """All that the rules need to know of one classified mention about one brand.

    ``earlier_complaints`` counts this author's flagged mentions about the brand in the 30 days
    before this one. ``corrected`` is a person's word, if somebody gave one. ``story_id`` is shared
    by all who say the same; ``copy`` says that one of them has been flagged about the brand.
    """

    mention_id: int
    brand: Brand
    author_id: int
    handle: str
    source: str
    followers: int | None
    engagement: Engagement
    published_at: datetime
    repost: bool
    own: bool
    model_id: str
    scores: Scores
    corrected: Sentiment | None = None
    earlier_complaints: int = 0
    rating: Rating | None = None
    story_id: int | None = None
    copy: bool = False

    def __post_init__(self) -> None:
        put_into_utc(self, "published_at")
