"""Filters and results of queries: frozen and plain, without a database behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from earful.case_states import OPEN_STATUSES, CaseStatus
from earful.clock import Window
from earful.enums import Intent, Reason
from earful.judgements import Evidence, Reading, Scores
from earful.types import Rating

# A poll may wait behind slow ones; only a longer delay means that nothing polls any more.
_GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandView:
    """A brand to choose from; ``competitor_of`` is None for ours."""

    id: str
    name: str
    timezone: str
    competitor_of: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of mentions by sentiment.

    ``unknown`` ones the model could not tell, ``pending`` ones await a model.
    """

    negative: int = 0
    neutral: int = 0
    positive: int = 0
    unknown: int = 0
    pending: int = 0

    @property
    def mentions(self) -> int:
        """Return the number of all mentions."""
        return self.judged + self.unknown + self.pending

    @property
    def judged(self) -> int:
        """Return the number of mentions with a sentiment, by a model or a person."""
        return self.negative + self.neutral + self.positive

    @property
    def net_sentiment(self) -> float | None:
        """Return (positive - negative) / judged x 100, from -100 to 100; None without a judged one.

        This is the usual definition (Brandwatch, "Net Sentiment"), with neutral in the divisor.
        """
        if not self.judged:
            return None
        return 100.0 * (self.positive - self.negative) / self.judged

    @property
    def negative_share(self) -> float | None:
        """Return the negative share of judged mentions, 0 to 1; None without a judged one."""
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
    """A brand's share of all mentions of it and its competitors, 0 to 1."""

    brand_id: str
    brand: str
    ours: bool
    counts: Counts
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    """The counts of one source in a window."""

    source: str
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryReach:
    """The number of mentions and authors of a story, and about how many people it reached."""

    mentions: int
    authors: int
    reach: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A line of the queue: the person, the newest flagged mention, and the reason for its flag.

    ``lang`` is the language that its source stated, ``language`` the one that was detected.
    ``evidence`` is that of the flag, ``reading`` the current one of the same mention. When all
    posts of a case are deleted, ``text`` is empty, ``complaints`` is 0 and both are None.
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
    evidence: Evidence | None = None
    reading: Reading | None = None


# When a flagged mention was published, and the number of its flag: its place in its case.
MentionKey = tuple[datetime, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The text of a mention until it was edited."""

    text: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """A model's answer about the current text of a mention, for the brand of its case.

    ``reading`` is None when the model read the mention before readings were stored.
    """

    model_id: str
    at: datetime
    scores: Scores
    reading: Reading | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedMention:
    """A mention of a case with all the evidence of its flag; ``lang`` is as in CaseView.

    ``earlier`` holds the newest of its ``earlier_count`` former texts. ``edition`` numbers its
    current text. ``key`` is its place in the case. ``answers`` are those of all models, newest
    first.
    """

    key: MentionKey
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
    earlier_count: int = 0
    rating: Rating | None = None
    story: StoryReach | None = None
    answers: tuple[ModelAnswer, ...] = ()

    @property
    def reading(self) -> Reading | None:
        """Return the reading by the model that counts now; None where there is none."""
        readings = (answer.reading for answer in self.answers if answer.model_id == self.model_id)
        return next(readings, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """An entry of a case's history; a higher ``key`` is a newer one."""

    key: int
    at: datetime
    by: str
    kind: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDetail:
    """A case with a page of its mentions and of its history, newest first.

    ``older_mentions`` and ``older_events`` count those that follow on later pages.
    """

    case: CaseView
    mentions: tuple[FlaggedMention, ...]
    events: tuple[CaseEvent, ...]
    older_mentions: int = 0
    older_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """The cases to show, and their order.

    ``assignee`` "" selects unassigned cases; None selects all. ``overdue_at`` selects unanswered
    cases with an answer due before that instant. ``with_posts`` leaves out cases without a post
    left. ``intent`` and ``reason`` select cases whose newest complaint is read that way.
    ``complained`` is the window of the first complaint. ``order`` is "priority", "newest" (latest
    complaint first) or "due".
    """

    brand_id: str | None = None
    statuses: tuple[CaseStatus, ...] = OPEN_STATUSES
    assignee: str | None = None
    source: str | None = None
    overdue_at: datetime | None = None
    min_priority: int = 0
    with_posts: bool = False
    intent: Intent | None = None
    reason: Reason | None = None
    complained: Window | None = None
    opened: Window | None = None
    after_id: int | None = None
    up_to_id: int | None = None
    resolved: Window | None = None
    order: str = "priority"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTally:
    """The numbers of the whole queue at one moment."""

    open: int
    unassigned: int
    overdue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The state of a query: its last poll, its coverage and its error.

    ``gaps`` counts the open ones, which are polled again; ``lost`` ones cannot be filled.
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
        """Say whether the query was never polled, with or without success."""
        return self.polled_at is None and self.error is None

    def overdue_by(self, now: datetime) -> timedelta | None:
        """Return how long its poll is overdue; None within ten minutes, and when it is paused."""
        if self.due_at is None or self.paused or now - self.due_at <= _GRACE:
            return None
        return now - self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class StageHealth:
    """The last run of a stage, and its summary."""

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
