"""The facts that listeners report: frozen, keyword-only, checked where they are made.

Every instant is an aware UTC datetime; a naive one is refused with the field's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from earful.enums import GapKind
from earful.field_checks import put_into_utc, refuse_empty

# One frozen mapping for all: a default that a listener could change would reach every query.
_NO_OPTIONS: Mapping[str, object] = MappingProxyType({})
_NO_ROWS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """A brand that we listen for; ``id`` is its name in lower case with dashes."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    own_accounts: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    competitors: tuple[str, ...] = ()
    timezone: str = "UTC"
    competitor_of: str | None = None

    @property
    def ours(self) -> bool:
        """False for a competitor: counted and compared, never flagged."""
        return self.competitor_of is None

    @property
    def all_names(self) -> tuple[str, ...]:
        """The name, the aliases and the handles."""
        return (self.name, *self.aliases, *self.handles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The search of one listener for one brand, and its schedule.

    ``id`` is stable across restarts: the listener's position is stored under it.
    ``every`` is in seconds. ``options`` belong to the listener alone. ``account`` names the
    credential that its requests are made with and counted under; "" is the source's own.
    """

    id: str
    brand_id: str
    source: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    every: float = 900.0
    account: str = ""
    options: Mapping[str, object] = field(default_factory=lambda: _NO_OPTIONS)
    enabled: bool = True


# before the id of a post: the author of that one post, whose account is unknown
ANONYMOUS_PREFIX = "anonymous-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """The person or account who wrote; unique by (source, external_id)."""

    source: str
    external_id: str
    handle: str
    name: str | None = None
    followers: int | None = None
    verified: bool = False
    url: str | None = None

    def __post_init__(self) -> None:
        refuse_empty(self, "source", "external_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """How far a mention travelled, as the platform counted it when we fetched it."""

    shares: int = 0
    likes: int = 0
    replies: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """A rating by an author, beside the words: ``value`` from ``lowest`` to ``highest``.

    ``kind`` is "stars" (1 to 5), "nps" (0 to 10) or "csat" (faces, 1 to 5).
    """

    kind: str
    value: int
    lowest: int
    highest: int

    def __post_init__(self) -> None:
        refuse_empty(self, "kind")
        if not self.lowest <= self.value <= self.highest:
            raise ValueError(
                f"Rating: {self.kind} {self.value} is not from {self.lowest} to {self.highest}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One post, comment, review or article, unique by (source, external_id).

    ``text`` is plain text written by a stranger. ``repost_of`` names the original's
    external_id ("" when the platform says only that this is a repost).
    ``brands`` names the brands where a source says which a row is about (an import with a
    brand column); None means the query's own brand. ``direct`` says that it was addressed to us
    (a review, a form, a mail, a post that names our handle): it is about the query's brand
    and is not matched against names. ``context`` is further text that
    a platform's search may have matched (expanded links, a thread's title): matched, not stored.
    ``edited_at`` is when the platform says that the text was last changed.
    """

    source: str
    external_id: str
    author: Author
    text: str
    published_at: datetime
    fetched_at: datetime
    url: str | None = None
    lang: str | None = None
    reply_to: str | None = None
    repost_of: str | None = None
    engagement: Engagement = Engagement()
    brands: tuple[str, ...] | None = None
    direct: bool = False
    context: str = ""
    rating: Rating | None = None
    edited_at: datetime | None = None

    def __post_init__(self) -> None:
        refuse_empty(self, "source", "external_id")
        put_into_utc(self, "published_at", "fetched_at", "edited_at")


def _check_order(span: Gap | Seen) -> None:
    put_into_utc(span, "since", "until")
    if span.since > span.until:
        raise ValueError(f"{type(span).__name__}: since {span.since} is after until {span.until}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A window of time [since, until) of which we have every post that the platform showed.

    ``part`` names one of a query's searches (a term, a feed, an instance). A query has seen the
    time that all its parts have seen. An empty window announces a part.
    """

    since: datetime
    until: datetime
    part: str = ""

    def __post_init__(self) -> None:
        _check_order(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A window of time [since, until) that a source did not show us, with the reason.

    It is closed when the same ``part`` is Seen over it later. ``lost`` says that this will not
    happen: the platform does not have it any more, or never shows it.
    """

    since: datetime
    until: datetime
    reason: str
    kind: GapKind = GapKind.LIMIT
    part: str = ""
    lost: bool = False

    def __post_init__(self) -> None:
        _check_order(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A post that the platform does not show any more: deleted, removed, or made private."""

    source: str
    external_id: str
    reason: str = "deleted"

    def __post_init__(self) -> None:
        refuse_empty(self, "source", "external_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An unreadable item: its place, the reason, and its raw text, cut short."""

    where: str
    reason: str
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The result of one step of a poll.

    ``position`` is safe to resume from once this batch is stored. ``complete_since`` is the
    instant from which on nothing the platform showed is missing (None: not known yet).
    ``more`` says that the listener has further batches ready in this poll. ``seen``, ``gaps``
    and ``gone`` are kept in the transaction that keeps the mentions.
    A file's reader counts two more kinds of rows, each by a short phrase in plain words:
    ``left_out`` rows are no mentions ("the agent's replies": 3), ``assumed`` are rows that were
    read by an assumption ("times without a zone were read as Europe/Athens": 120). A row is in
    exactly one of ``mentions``, ``rejected`` and ``left_out``; ``assumed`` counts mentions again.
    ``is_file``: the mentions are rows of files, where each row counts, also when rows share an id.
    All rows of one reading of a file have the same ``fetched_at``, and no other row has it. A live
    platform shows states of a post instead, and the newest state counts.
    """

    mentions: tuple[Mention, ...]
    position: str | None
    complete_since: datetime | None = None
    seen: tuple[Seen, ...] = ()
    gaps: tuple[Gap, ...] = ()
    gone: tuple[Gone, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=lambda: _NO_ROWS)
    assumed: Mapping[str, int] = field(default_factory=lambda: _NO_ROWS)
    is_file: bool = False
    more: bool = False

    def __post_init__(self) -> None:
        put_into_utc(self, "complete_since")
