"""Which query found a mention, which brands it is about, and which mentions are only noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from earful.types import Mention
from storage.analysis import tallies
from storage.database.clean import storable
from storage.database.upsert import chunks, insert_new, table_of
from storage.tables import UNJUDGED, UNREAD, MatchRow, MentionBrandRow, MentionRow

_MENTION_BRAND, _MATCH, _MENTION = (
    table_of(MentionBrandRow),
    table_of(MatchRow),
    table_of(MentionRow),
)
_IDS: Any = bindparam("ids", expanding=True)
_LINKS = select(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id).where(
    _MENTION_BRAND.c.mention_id.in_(_IDS)
)
_MENTIONS = select(
    _MENTION.c.id, _MENTION.c.published_at, _MENTION.c.sentiment, _MENTION.c.noise
).where(_MENTION.c.id.in_(_IDS))
_MATCHES = select(_MATCH.c.mention_id, _MATCH.c.noise_reason).where(
    _MATCH.c.query_id == bindparam("query_id"), _MATCH.c.mention_id.in_(_IDS)
)
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Noise:
    """Why a mention is about no brand of ours: kept with it, and never classified or counted."""

    reason: str


BrandLinks = Sequence[tuple[str, bool]]  # of (brand id, is it that brand's own account)
Attributor = Callable[[Mention], Iterable[tuple[str, bool]] | Noise]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A mention under its storage id, and what was said of it; ``known``: it was stored before."""

    id: int
    mention: Mention
    said: BrandLinks | Noise
    known: bool

    @property
    def concerns(self) -> BrandLinks:
        """The brands that it is about; none when it is noise."""
        return () if isinstance(self.said, Noise) else self.said

    @property
    def noise(self) -> str:
        """Why it is noise, fit to be stored; "" when it is not."""
        return storable(self.said.reason, _LONGEST_REASON) if isinstance(self.said, Noise) else ""


def attribute(about: Attributor, mention: Mention) -> BrandLinks | Noise:
    """What ``about`` says of a mention, to be looked at more than once."""
    said = about(mention)
    return said if isinstance(said, Noise) else tuple(said)


def store_links(connection: Connection, query_id: str, found: Sequence[Found]) -> None:
    """Link mentions to the query and to brands; count those links to brands that are new.

    What another query called noise becomes a mention like any other once a query finds it for
    real. What was real stays so.
    """
    stored = _stored(connection, query_id, sorted({one.id for one in found if one.known}))
    _store_about(connection, found, stored)
    rows = [
        {"query_id": query_id, "mention_id": one.id, "noise_reason": one.noise}
        for one in found
        if one.id not in stored.matches
    ]
    insert_new(connection, MatchRow, rows)
    real = [one.id for one in found if one.known and one.concerns]
    for some in chunks([number for number in real if stored.mentions[number].noise]):
        connection.execute(update(_MENTION).where(_MENTION.c.id.in_(some)).values(noise=False))
    for some in chunks([number for number in real if stored.matches.get(number)]):
        connection.execute(
            update(_MATCH)
            .where(_MATCH.c.query_id == query_id, _MATCH.c.mention_id.in_(some))
            .values(noise_reason="")
        )


@dataclass(slots=True, kw_only=True)
class _Stored:
    """What is known of mentions that were stored before: their links to brands, the time, sentiment
    and noise of each, and why this query called it noise ("": it did not) where it found it."""

    about: set[tuple[int, str]] = field(default_factory=set)
    mentions: dict[int, Any] = field(default_factory=dict)
    matches: dict[int, str] = field(default_factory=dict)


def _store_about(connection: Connection, found: Sequence[Found], stored: _Stored) -> None:
    fresh: list[dict[str, Any]] = []
    counted: Counter[tallies.Key] = Counter()
    for one in found:
        published_at, sentiment = one.mention.published_at, ""
        if one.known:
            # as it was stored first: the platform may tell another time by now
            before = stored.mentions[one.id]
            published_at, sentiment = before.published_at, before.sentiment
        verdict = UNJUDGED if sentiment else UNREAD
        for brand_id, own in dict(one.concerns).items():
            if (one.id, brand_id) in stored.about:
                continue
            fresh.append(
                {
                    "mention_id": one.id,
                    "brand_id": brand_id,
                    "published_at": published_at,
                    "own": own,
                    "verdict": verdict,
                }
            )
            if not own:
                quarter = tallies.quarter_of(published_at)
                counted[(brand_id, quarter, one.mention.source, sentiment)] += 1
    insert_new(connection, MentionBrandRow, fresh)
    tallies.add(connection, counted)


def _stored(connection: Connection, query_id: str, ids: Sequence[int]) -> _Stored:
    stored = _Stored()
    for some in chunks(ids):
        these = {"query_id": query_id, "ids": some}
        rows = connection.execute(_LINKS, these)
        stored.about.update((row.mention_id, row.brand_id) for row in rows)
        rows = connection.execute(_MENTIONS, these)
        stored.mentions.update((row.id, row) for row in rows)
        rows = connection.execute(_MATCHES, these)
        stored.matches.update((row.mention_id, row.noise_reason) for row in rows)
    return stored
