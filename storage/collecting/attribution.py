"""Link mentions to the query that found them and to their brands, and mark noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from earful.types import Mention
from storage.analysis import tallies
from storage.database.upsert import chunks, insert_new, table_of
from storage.tables import LATE, UNREAD, MatchRow, MentionBrandRow, MentionRow

_MENTION_BRAND, _MATCH = table_of(MentionBrandRow), table_of(MatchRow)
_MENTION = table_of(MentionRow)
_IDS: Any = bindparam("ids", expanding=True)
_BRANDS_OF_MENTIONS = select(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id).where(
    _MENTION_BRAND.c.mention_id.in_(_IDS)
)
_MENTIONS = select(
    *(_MENTION.c[name] for name in ("id", "published_at", "sentiment", "model_id", "noise"))
).where(_MENTION.c.id.in_(_IDS))
_MATCHES = select(_MATCH.c.mention_id, _MATCH.c.noise_reason).where(
    _MATCH.c.query_id == bindparam("query_id"), _MATCH.c.mention_id.in_(_IDS)
)


@dataclass(frozen=True, slots=True)
class Noise:
    """Mark a mention that is about none of our brands; it is never classified or counted."""

    reason: str


BrandLinks = Sequence[tuple[str, bool]]  # (brand id, True when the brand's own account wrote it)
Attributor = Callable[[Mention], Iterable[tuple[str, bool]] | Noise]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributedMention:
    """A mention with its row id and its brands; ``was_stored``: before this batch."""

    id: int
    mention: Mention
    links: BrandLinks | Noise
    was_stored: bool

    @property
    def brands(self) -> BrandLinks:
        """Return the brands of the mention; none when it is noise."""
        return () if isinstance(self.links, Noise) else self.links

    @property
    def noise_reason(self) -> str:
        """Return why the mention is noise; "" when it is not."""
        return self.links.reason if isinstance(self.links, Noise) else ""


def store_links(
    connection: Connection, query_id: str, mentions: Sequence[AttributedMention]
) -> None:
    """Link mentions to the query and to brands, and count the new links to brands.

    1. Read the links that exist already.
    2. Link mentions to brands, and add the new links to the tallies.
    3. Link mentions to the query.
    4. Turn noise into a real mention when this query finds brands for it. The other way round
       never happens: another query's noise takes nothing from a real mention.
    """
    stored_ids = sorted({mention.id for mention in mentions if mention.was_stored})
    existing = _read_links(connection, query_id, stored_ids)  # 1
    _store_brand_links(connection, mentions, existing)  # 2
    matches = [
        {
            "query_id": query_id,
            "mention_id": mention.id,
            "noise_reason": mention.noise_reason,
        }
        for mention in mentions
        if mention.id not in existing.noise_reasons
    ]
    insert_new(connection, MatchRow, matches)  # 3
    real_ids = [mention.id for mention in mentions if mention.was_stored and mention.brands]
    _lift_noise(connection, query_id, real_ids, existing)  # 4


@dataclass(slots=True, kw_only=True)
class _ExistingLinks:
    """Links of mentions that were stored before this batch.

    ``brands``: (mention id, brand id). ``mentions``: their rows by id. ``noise_reasons``: by id of
    each mention that this query found before, "" for a real one.
    """

    brands: set[tuple[int, str]] = field(default_factory=set)
    mentions: dict[int, Any] = field(default_factory=dict)
    noise_reasons: dict[int, str] = field(default_factory=dict)


def _read_links(
    connection: Connection, query_id: str, mention_ids: Sequence[int]
) -> _ExistingLinks:
    existing = _ExistingLinks()
    for ids in chunks(mention_ids):
        values = {"query_id": query_id, "ids": ids}
        rows = connection.execute(_BRANDS_OF_MENTIONS, values)
        existing.brands.update((row.mention_id, row.brand_id) for row in rows)
        rows = connection.execute(_MENTIONS, values)
        existing.mentions.update((row.id, row) for row in rows)
        rows = connection.execute(_MATCHES, values)
        existing.noise_reasons.update((row.mention_id, row.noise_reason) for row in rows)
    return existing


def _store_brand_links(
    connection: Connection, mentions: Sequence[AttributedMention], existing: _ExistingLinks
) -> None:
    """Insert the links to brands that are new; own posts are not counted in the tallies."""
    rows: list[dict[str, Any]] = []
    counts: Counter[tallies.Key] = Counter()
    for attributed in mentions:
        published_at, sentiment, verdict = attributed.mention.published_at, "", UNREAD
        if attributed.was_stored:
            # the tally stands under the time that was stored first; platforms change times later
            stored = existing.mentions[attributed.id]
            published_at, sentiment = stored.published_at, stored.sentiment
            # the model has read it, but not for a brand that is new to it
            verdict = LATE if stored.model_id else UNREAD
        for brand_id, is_own in dict(attributed.brands).items():
            if (attributed.id, brand_id) in existing.brands:
                continue
            rows.append(
                {
                    "mention_id": attributed.id,
                    "brand_id": brand_id,
                    "published_at": published_at,
                    "own": is_own,
                    "verdict": verdict,
                }
            )
            if not is_own:
                quarter = tallies.quarter_of(published_at)
                counts[(brand_id, quarter, attributed.mention.source, sentiment)] += 1
    insert_new(connection, MentionBrandRow, rows)
    tallies.add(connection, counts)


def _lift_noise(
    connection: Connection, query_id: str, real_ids: Sequence[int], existing: _ExistingLinks
) -> None:
    """Clear the noise marks of mentions that are about a brand after all."""
    for ids in chunks([number for number in real_ids if existing.mentions[number].noise]):
        connection.execute(update(_MENTION).where(_MENTION.c.id.in_(ids)).values(noise=False))
    for ids in chunks([number for number in real_ids if existing.noise_reasons.get(number)]):
        connection.execute(
            update(_MATCH)
            .where(_MATCH.c.query_id == query_id, _MATCH.c.mention_id.in_(ids))
            .values(noise_reason="")
        )
