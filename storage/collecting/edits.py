"""Mentions that come again: changed words are judged anew and the old ones kept, figures refreshed.

Knowledge has an age: what a listener read before what is stored changes nothing. A text that was
there before comes back only when the platform says that it was edited: two feeds may show one post
in two lengths for ever, and that is no change of mind. What comes under a known id from another
author is no edit: a stranger who knows a mail's Message-ID must not put words into its place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from earful.enums import Verdict
from earful.types import Engagement, Mention
from earful.untrusted import web_link
from storage.analysis import predictions, ratings, stories, story_counts, tallies
from storage.cases.verdicts import EARFUL
from storage.database.clean import countable, storable
from storage.database.upsert import chunks, insert_new, table_of
from storage.entities.authors import author_key
from storage.tables import (
    UNREAD,
    AuthorRow,
    CaseEventRow,
    FlagRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    RevisionRow,
)

_MENTION, _MENTION_BRAND, _FLAG = table_of(MentionRow), table_of(MentionBrandRow), table_of(FlagRow)
_PREDICTION, _REVISION = table_of(PredictionRow), table_of(RevisionRow)
_EVENT, _AUTHOR = table_of(CaseEventRow), table_of(AuthorRow)

_RATING = tuple(column.name for column in ratings.COLUMNS)
_REFRESHED = (
    *("lang", "url", "fetched_at", "edited_at", "shares", "likes", "replies"),
    *_RATING,
)
# a page that is written anew all day long would fill the database, and each poll the memory
_MOST_EARLIER = 50
_EDITED = ("text", "edition", "sentiment", "model_id", "corrected")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReport:
    """Which stored mentions (by number) have other words now; which were told of by another author
    than theirs, and which of those with other words or another rating, which were not taken."""

    edited: frozenset[int]
    others: frozenset[int]
    refused: frozenset[int]


def apply_changes(
    connection: Connection, found: Mapping[int, Mention], at: datetime
) -> ChangeReport:
    """Bring stored mentions (by number) up to what was found.

    Of what another author is said to have written only figures are taken.
    """
    newer: dict[int, tuple[Any, Mention]] = {}
    others: set[int] = set()
    refused: set[int] = set()
    for row in _stored(connection, found):
        one = found[row.id]
        if author_key(one) != (row.author_source, row.writer):
            others.add(row.id)
            if storable(one.text) != row.text or _rating(row, one) != _kept(row, _RATING):
                refused.add(row.id)
            one = _figures_of(one, row)
        if not _older(one, row):
            newer[row.id] = (row, one)
    edited = _edited(connection, newer)
    rated = [
        number
        for number, (row, one) in newer.items()
        if number not in edited and row.model_id and _rating(row, one) != _kept(row, _RATING)
    ]
    for number in edited:
        _keep_old(connection, newer[number][0], at)
    _update(connection, newer, edited)
    story_counts.update_reach(connection, _reshared(newer.values()))
    stories.ungroup_edited(connection, edited)
    tallies.move(connection, {number: (newer[number][0].sentiment, "") for number in edited})
    _read_anew(connection, edited)
    _tell_cases(connection, edited, at)
    predictions.reset_verdicts(connection, rated)
    return ChangeReport(
        edited=frozenset(edited), others=frozenset(others), refused=frozenset(refused)
    )


def _stored(connection: Connection, numbers: Iterable[int]) -> list[Any]:
    """These mentions, each with who wrote it."""
    wrote = (_AUTHOR.c.source.label("author_source"), _AUTHOR.c.external_id.label("writer"))
    statement = select(_MENTION, *wrote).join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
    return [
        row
        for some in chunks(list(numbers))
        for row in connection.execute(statement.where(_MENTION.c.id.in_(some)))
    ]


def _figures_of(mention: Mention, row: Any) -> Mention:
    """What is taken of a post that somebody else is said to have written: what it counted."""
    return replace(
        mention, text=row.text, lang=None, url=None, rating=None, edited_at=row.edited_at
    )


def _reshared(newer: Iterable[tuple[Any, Mention]]) -> list[tuple[int, int, int]]:
    """(story, shares before, shares now) of those that were shared more, or less."""
    changed = []
    for row, one in newer:
        now = _now(row, one)["shares"]
        if row.story_id is not None and row.repost_of is None and now != row.shares:
            changed.append((row.story_id, row.shares, now))
    return changed


def _older(mention: Mention, row: Any) -> bool:
    """True when what is stored is the newer knowledge."""
    if mention.fetched_at < row.fetched_at:
        return True
    if row.edited_at is None:
        return False
    # another server's copy may not have heard of the edit yet
    return mention.edited_at is None or mention.edited_at < row.edited_at


def _edited(connection: Connection, newer: Mapping[int, tuple[Any, Mention]]) -> list[int]:
    changed = {
        number: storable(one.text)
        for number, (row, one) in newer.items()
        if storable(one.text) != row.text
    }
    former: dict[int, set[str]] = defaultdict(set)
    for some in chunks(list(changed)):
        rows = connection.execute(
            select(_REVISION.c.mention_id, _REVISION.c.text).where(_REVISION.c.mention_id.in_(some))
        )
        for row in rows:
            former[row.mention_id].add(row.text)
    return sorted(
        number
        for number, text in changed.items()
        if text not in former[number] or _said_so(*newer[number])
    )


def _said_so(row: Any, mention: Mention) -> bool:
    """True when the platform tells of an edit that we have not heard of."""
    return mention.edited_at is not None and mention.edited_at != row.edited_at


def _keep_old(connection: Connection, row: Any, at: datetime) -> None:
    """The old words and what was said of them go where they count no more."""
    said = connection.execute(
        select(_PREDICTION).where(_PREDICTION.c.mention_id == row.id).order_by(_PREDICTION.c.at)
    ).all()
    connection.execute(
        _REVISION.insert().values(
            mention_id=row.id,
            text=row.text,
            lang=row.lang,
            until=at,
            sentiment=row.sentiment,
            predictions=[_said(one) for one in said],
        )
    )
    connection.execute(delete(_PREDICTION).where(_PREDICTION.c.mention_id == row.id))
    theirs = select(_REVISION.c.id).where(_REVISION.c.mention_id == row.id)
    newest = theirs.order_by(_REVISION.c.id.desc()).limit(_MOST_EARLIER)
    connection.execute(
        delete(_REVISION).where(_REVISION.c.mention_id == row.id, _REVISION.c.id.not_in(newest))
    )


def _said(row: Any) -> dict[str, Any]:
    same = ("model_id", "negative", "neutral", "positive", "could_not_tell", "language")
    return {name: getattr(row, name) for name in same} | {"at": row.at.isoformat()}


def _update(
    connection: Connection, newer: Mapping[int, tuple[Any, Mention]], edited: Iterable[int]
) -> None:
    plain: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    known = set(edited)
    for number, (row, one) in newer.items():
        values = _now(row, one)
        if number in known:
            anew = {"text": storable(one.text), "edition": row.edition + 1}
            values |= anew | {"sentiment": "", "model_id": "", "corrected": False}
            changed.append({"_number": number} | values)
        elif tuple(values[name] for name in _REFRESHED) != _kept(row, _REFRESHED):
            plain.append({"_number": number} | values)
    for rows, names in ((plain, _REFRESHED), (changed, _REFRESHED + _EDITED)):
        if rows:
            connection.execute(
                update(_MENTION)
                .where(_MENTION.c.id == bindparam("_number"))
                .values({name: bindparam(name) for name in names}),
                rows,
            )


def _now(row: Any, mention: Mention) -> dict[str, Any]:
    """What is known now; what this copy does not tell stays as it was."""
    figures = row if mention.engagement == Engagement() else mention.engagement
    lang = None if mention.lang is None else storable(mention.lang, 20)
    return {
        "lang": lang or row.lang,
        "url": web_link(mention.url) or row.url,
        "fetched_at": mention.fetched_at,
        "edited_at": mention.edited_at or row.edited_at,
        "shares": countable(figures.shares),
        "likes": countable(figures.likes),
        "replies": countable(figures.replies),
        **dict(zip(_RATING, _rating(row, mention), strict=True)),
    }


def _rating(row: Any, mention: Mention) -> tuple[Any, ...]:
    if mention.rating is None:
        return _kept(row, _RATING)
    told = ratings.to_columns(mention.rating)
    return tuple(told[name] for name in _RATING)


def _kept(row: Any, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _read_anew(connection: Connection, edited: Sequence[int]) -> None:
    """Model and rules look at the new words; what was flagged stays flagged."""
    for some in chunks(edited):
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id.in_(some),
                _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
            )
            .values(verdict=UNREAD)
        )


def _tell_cases(connection: Connection, edited: Sequence[int], at: datetime) -> None:
    cases: list[dict[str, Any]] = []
    for some in chunks(edited):
        rows = connection.execute(
            select(_FLAG.c.case_id, _FLAG.c.published_at)
            .where(_FLAG.c.mention_id.in_(some))
            .order_by(_FLAG.c.id)
        )
        cases += [
            {
                "case_id": row.case_id,
                "at": at,
                "by": EARFUL,
                "kind": "edited",
                "note": f"The post of {row.published_at:%Y-%m-%d %H:%M} UTC was flagged, and its "
                "words were changed since. It stays flagged; its earlier words are beside it.",
            }
            for row in rows
        ]
    # once, until something else happens: a page may be written anew all day long
    fresh = [one for one in cases if not _said_last(connection, one)]
    insert_new(connection, CaseEventRow, fresh)


def _said_last(connection: Connection, told: Mapping[str, Any]) -> bool:
    """True when this is the last thing that the case was told of."""
    last = connection.execute(
        select(_EVENT.c.kind, _EVENT.c.note)
        .where(_EVENT.c.case_id == told["case_id"])
        .order_by(_EVENT.c.id.desc())
        .limit(1)
    ).one_or_none()
    return last is not None and (last.kind, last.note) == (told["kind"], told["note"])
