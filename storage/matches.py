"""Which query found a mention, which brands it is about, and which mentions are only noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from earful.types import Mention
from storage import tallies
from storage.clean import storable
from storage.tables import UNJUDGED, UNREAD, AboutRow, MatchRow, MentionRow
from storage.upsert import chunks, insert_new, table_of

_ABOUT, _MATCH, _MENTION = table_of(AboutRow), table_of(MatchRow), table_of(MentionRow)
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Noise:
    """Why a mention is about no brand of ours: kept with it, and never classified or counted."""

    reason: str


Concerns = Sequence[tuple[str, bool]]  # of (brand id, is it that brand's own account)
About = Callable[[Mention], Iterable[tuple[str, bool]] | Noise]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A mention under its storage id, and what was said of it; ``known``: it was stored before."""

    id: int
    mention: Mention
    said: Concerns | Noise
    known: bool

    @property
    def concerns(self) -> Concerns:
        """The brands that it is about; none when it is noise."""
        return () if isinstance(self.said, Noise) else self.said

    @property
    def noise(self) -> str:
        """Why it is noise, fit to be stored; "" when it is not."""
        return storable(self.said.reason, _LONGEST_REASON) if isinstance(self.said, Noise) else ""


def ask(about: About, mention: Mention) -> Concerns | Noise:
    """What ``about`` says of a mention, to be looked at more than once."""
    said = about(mention)
    return said if isinstance(said, Noise) else tuple(said)


def keep(connection: Connection, query_id: str, found: Sequence[Found]) -> None:
    """Link mentions to the query and to brands; count those links to brands that are new.

    What another query called noise becomes a mention like any other once a query finds it for
    real. What was real stays so.
    """
    _store_about(connection, found)
    rows = [{"query_id": query_id, "mention_id": one.id, "noise": one.noise} for one in found]
    insert_new(connection, MatchRow, rows)
    real = [one.id for one in found if one.known and one.concerns]
    for some in chunks(real):
        connection.execute(
            update(_MENTION).where(_MENTION.c.id.in_(some), _MENTION.c.noise).values(noise=False)
        )
        connection.execute(
            update(_MATCH)
            .where(
                _MATCH.c.query_id == query_id, _MATCH.c.mention_id.in_(some), _MATCH.c.noise != ""
            )
            .values(noise="")
        )


def _store_about(connection: Connection, found: Sequence[Found]) -> None:
    # only what was stored before can have links or a feeling already
    there, before = _stored(connection, sorted({one.id for one in found if one.known}))
    fresh: list[dict[str, Any]] = []
    counted: Counter[tallies.Key] = Counter()
    for one in found:
        # as it was stored first: the platform may tell another time by now
        published_at, feeling = before.get(one.id, (one.mention.published_at, ""))
        verdict = UNJUDGED if feeling else UNREAD
        for brand_id, own in dict(one.concerns).items():
            if (one.id, brand_id) in there:
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
                counted[(brand_id, quarter, one.mention.source, feeling)] += 1
    insert_new(connection, AboutRow, fresh)
    tallies.add(connection, counted)


def _stored(
    connection: Connection, ids: Sequence[int]
) -> tuple[set[tuple[int, str]], Mapping[int, tuple[datetime, str]]]:
    """The links that are there, and each mention's time and feeling."""
    there: set[tuple[int, str]] = set()
    before: dict[int, tuple[datetime, str]] = {}
    for some in chunks(ids):
        rows = connection.execute(
            select(_ABOUT.c.mention_id, _ABOUT.c.brand_id).where(_ABOUT.c.mention_id.in_(some))
        )
        there.update((row.mention_id, row.brand_id) for row in rows)
        rows = connection.execute(
            select(_MENTION.c.id, _MENTION.c.published_at, _MENTION.c.feeling).where(
                _MENTION.c.id.in_(some)
            )
        )
        before.update({row.id: (row.published_at, row.feeling) for row in rows})
    return there, before
