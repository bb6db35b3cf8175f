"""What queries are asked with and what they give back: frozen, plain, no database behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from earful.case_states import OPEN_STATUSES, CaseStatus
from earful.clock import Window
from earful.types import Rating

_LATE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandView:
    """A brand to choose from; ``competitor_of`` is None for ours."""

    id: str
    name: str
    timezone: str
    competitor_of: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many mentions of each sentiment. ``unknown`` could not be told, ``pending`` await it."""

    negative: int = 0
    neutral: int = 0
    positive: int = 0
    unknown: int = 0
    pending: int = 0

    @property
    def mentions(self) -> int:
        """All of them."""
        return self.judged + self.unknown + self.pending

    @property
    def judged(self) -> int:
        """Those that a model or a person gave a sentiment."""
        return self.negative + self.neutral + self.positive

    @property
    def net_sentiment(self) -> float | None:
        """(positive - negative) / judged x 100, from -100 to 100; None when none was judged.

        Net sentiment as the field has it (Brandwatch, "Net Sentiment"), neutral in the divisor.
        """
        if not self.judged:
            return None
        return 100.0 * (self.positive - self.negative) / self.judged

    @property
    def negative_share(self) -> float | None:
        """The share of judged mentions that are negative, 0 to 1; None when none was judged."""
        return self.negative / self.judged if self.judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The figures at the top of the command center, each against the period before."""

    now: Counts
    before: Counts
    unhappy_now: int
    urgent_now: int
    unhappy_new: int
    unhappy_new_before: int
    waiting: int
    overdue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """The mentions that were published in [start, start + step of the trend)."""

    start: datetime
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceShare:
    """A brand's part of what is said about it and its competitors; ``share`` is 0 to 1."""

    brand_id: str
    brand: str
    ours: bool
    counts: Counts
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    """What one source brought in a window."""

    source: str
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryReach:
    """How often the same was said, by how many accounts, and about how many people that reached."""

    mentions: int
    authors: int
    reach: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A line of the queue: the person, the newest flagged mention and why it was flagged.

    ``lang`` is what its source said it is written in, ``language`` what was found. A case whose
    posts are all deleted has no words; ``complaints`` is 0.
    """

    id: int
    brand_id: str
    brand: str
    author_id: int
    handle: str
    name: str | None
    source: str
    author_url: str | None
    followers: int | None
    status: CaseStatus
    priority: int
    assignee: str | None
    complained_at: datetime
    opened_at: datetime
    last_at: datetime
    due_at: datetime
    first_contact_at: datetime | None
    resolved_at: datetime | None
    outcome: str | None
    complaints: int
    version: int
    text: str
    lang: str | None
    language: str | None
    url: str | None
    reason: str
    severity: int
    published_at: datetime
    story: StoryReach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What a mention said until it was changed."""

    text: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedMention:
    """A mention inside a case with everything its flag rested on; ``lang`` as in CaseView.

    ``earlier`` are its texts before the one that it has now, the newest first; ``edition`` says
    which one that is.
    """

    mention_id: int
    text: str
    edition: int
    lang: str | None
    language: str | None
    url: str | None
    source: str
    published_at: datetime
    shares: int
    likes: int
    replies: int
    sentiment: str
    negative: float | None
    neutral: float | None
    positive: float | None
    model_id: str
    rule: str
    reason: str
    severity: int
    evidence: Mapping[str, object]
    corrected: bool
    flagged_at: datetime
    earlier: tuple[Revision, ...] = ()
    rating: Rating | None = None
    story: StoryReach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """Something that happened in a case."""

    at: datetime
    by: str
    kind: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDetail:
    """A case opened: newest mention first, newest event first."""

    case: CaseView
    mentions: tuple[FlaggedMention, ...]
    events: tuple[CaseEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which cases to show. ``assignee`` "" means nobody has it; None means anybody.

    ``overdue_at`` keeps those who wait for an answer that was due before that instant.
    ``with_posts`` leaves out cases whose posts are all deleted. ``order`` is "priority", "newest"
    (latest complaint first) or "due".
    """

    brand_id: str | None = None
    statuses: tuple[CaseStatus, ...] = OPEN_STATUSES
    assignee: str | None = None
    source: str | None = None
    overdue_at: datetime | None = None
    least_priority: int = 0
    with_posts: bool = False
    opened: Window | None = None
    resolved: Window | None = None
    order: str = "priority"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """How a query fares: when it last came back, how far it has seen, what is wrong with it.

    ``gaps`` are the open ones, which are looked for again; ``lost`` ones will not be seen.
    """

    query_id: str
    source: str
    polled_at: datetime | None
    due_at: datetime | None
    complete_until: datetime | None
    failures: int
    error: str | None
    paused: bool
    seen: int
    stored: int
    rejected: int
    gaps: int
    lost: int

    @property
    def is_never_polled(self) -> bool:
        """True until it is first looked at, with or without luck."""
        return self.polled_at is None and self.error is None

    def overdue_by(self, now: datetime) -> timedelta | None:
        """How long nothing has looked at it past its time; None within ten minutes, and paused."""
        if self.due_at is None or self.paused or now - self.due_at <= _LATE:
            return None
        return now - self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class StageHealth:
    """When a stage last ran and what it said."""

    name: str
    started_at: datetime
    finished_at: datetime | None
    summary: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningHealth:
    """The state of the whole listening post at one moment."""

    sources: tuple[SourceHealth, ...]
    stages: tuple[StageHealth, ...]
    pending: int
    deliveries_dead: int
    newest_mention_at: datetime | None
