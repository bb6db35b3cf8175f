"""The facts that models and rules conclude: frozen, keyword-only, checked where they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from earful.enums import Intent, Reason, Sentiment
from earful.field_checks import put_into_utc
from earful.types import Brand, Engagement, Rating

# Intents and reasons are calibrated, so this is "more probable than not".
HOLDS_AT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A classifier's answer for one text: three probabilities that sum to 1.

    ``could_not_tell`` is an answer of its own: the text was empty, in a language outside the
    model's evidence, or the model had no preference. It is never the same as neutral.
    ``language`` is the detected language of the text (ISO 639-1 in lower case), independent of the
    platform's; None when the text was too short or too mixed.
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
        # written so that NaN is refused too
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
class Reading:
    """A reader's answer for one text and one brand.

    ``scores`` is the text's sentiment, ``toward`` the sentiment toward the brand; they are equal
    when no brand was named. ``intents`` and ``reasons`` give each name's probability (0 to 1);
    several may hold. A model without these answers leaves them empty. ``irony`` is the probability
    that the author means the opposite of the words, ``ironic`` whether it is enough to believe.
    ``pieces`` is the number of pieces that a long text was read in; the angriest one counts.
    """

    scores: Scores
    toward: Scores
    intents: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, float] = field(default_factory=dict)
    irony: float = 0.0
    ironic: bool = False
    pieces: int = 1

    @property
    def language(self) -> str | None:
        """The detected language of the text (ISO 639-1), None when it is not clear."""
        return self.scores.language

    @property
    def could_not_tell(self) -> bool:
        """True when the text was not understood, so that no other answer counts."""
        return self.scores.could_not_tell

    def holds(self, name: Intent) -> bool:
        """Return whether this intent is more probable than not."""
        return self.intents.get(name, 0.0) >= HOLDS_AT

    @property
    def intent(self) -> Intent | None:
        """The most probable intent, None when none of them holds."""
        name = _most_probable(self.intents)
        return None if name is None or self.could_not_tell else Intent(name)

    @property
    def reason(self) -> Reason | None:
        """The most probable reason of an unhappy customer, None when none of them holds.

        Only a complaint or a farewell that is negative toward the brand has a reason.
        """
        toward = self.toward
        is_unhappy = toward.sentiment is Sentiment.NEGATIVE and not toward.could_not_tell
        if not is_unhappy or self.intent not in (Intent.COMPLAINT, Intent.LEAVING):
            return None
        name = _most_probable(self.reasons)
        return None if name is None else Reason(name)


def _most_probable(probabilities: Mapping[str, float]) -> str | None:
    """Return the most probable name among those that hold; of two alike, the first one."""
    name = max(probabilities, key=lambda name: probabilities[name], default=None)
    return name if name is not None and probabilities[name] >= HOLDS_AT else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A classifier's answer about a stored mention; unique by (mention, model).

    ``edition`` is the number of changes to the mention's text before it was classified.
    ``readings`` maps the id of each of its brands to the reading for it. None means that the
    model gave scores alone, so they count toward each brand.
    """

    mention_id: int
    model_id: str
    scores: Scores
    at: datetime
    edition: int = 0
    readings: Mapping[str, Reading] | None = None

    def __post_init__(self) -> None:
        put_into_utc(self, "at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers behind a flag, enough to reach the same decision again.

    ``negative`` is the text's own probability of negative (0 to 1), as are the others.
    ``look_back_hours`` is None when mentions of any age were judged, ``followers`` when unknown.

    The model's reading, where it has intents: ``toward`` the brand by sentiment (else empty);
    ``counted``, the sentiments whose sum was compared with ``threshold``; the ``intents`` that
    hold; the ``reasons`` that hold, or the most probable one. ``lifted_to`` is the severity that
    an urgent reason lifts a flag to, None without an urgent reason.
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
    toward: Mapping[str, float] = field(default_factory=dict)
    counted: tuple[str, ...] = (Sentiment.NEGATIVE,)
    intents: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, float] = field(default_factory=dict)
    ironic: bool = False
    pieces: int = 1
    lifted_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """The reason to talk to the author of a mention: a sentence, with its numbers.

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
    """The facts that the rules need about a classified mention and one brand.

    ``earlier_complaints`` counts this author's flagged mentions about the brand in the 30 days
    before this one. ``corrected`` is a person's sentiment, if there is one. ``story_id`` is shared
    by all copies; ``copy`` says that one of them has been flagged about the brand. ``reading`` is
    the model's reading for this brand, None when the model only gave ``scores``.
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
    reading: Reading | None = None
    corrected: Sentiment | None = None
    earlier_complaints: int = 0
    rating: Rating | None = None
    story_id: int | None = None
    copy: bool = False

    def __post_init__(self) -> None:
        put_into_utc(self, "published_at")
