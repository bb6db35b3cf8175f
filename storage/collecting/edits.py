"""Take up changes of stored mentions: new texts, new figures, new ratings.

A stale fetch never overwrites a newer one. An earlier text
returns only when the platform reports an edit: two feeds may show one post in two lengths for ever,
and that is no edit. A post under a stored id from another author is no edit either: a stranger who
knows a mail's Message-ID must not replace its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from earful.enums import Verdict
from earful.types import Engagement, Mention
from storage.analysis import predictions, ratings, stories, story_counts, tallies
from storage.cases.edit_notes import note_edits
from storage.collecting import earlier_texts
from storage.database.upsert import chunks, table_of
from storage.entities.authors import author_key
from storage.tables import (
    UNREAD,
    AuthorRow,
    MentionBrandRow,
    MentionRow,
    RevisionRow,
)

_MENTION, _MENTION_BRAND = table_of(MentionRow), table_of(MentionBrandRow)
_REVISION, _AUTHOR = table_of(RevisionRow), table_of(AuthorRow)

_RATING = tuple(column.name for column in ratings.COLUMNS)
_REFRESHED = (
    *("lang", "url", "fetched_at", "edited_at", "shares", "likes", "replies"),
    *_RATING,
)
_EDITED = ("text", "edition", "sentiment", "model_id", "corrected")

Change = tuple[Any, Mention]  # the stored row, and the mention that is newer


# No fetch is stored that long after it was made.
_STALEST = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReport:
    """Report ids of stored mentions that came again.

    ``edited``: their text changed. ``other_author``: they came from another author than the stored
    one. ``refused``: of those, the ones with another text or rating, which was not taken.
    """

    edited: frozenset[int]
    other_author: frozenset[int]
    refused: frozenset[int]


def apply_changes(
    connection: Connection, mentions: Mapping[int, Mention], at: datetime
) -> ChangeReport:
    """Bring stored mentions (clean ones, by row id) up to date.

    1. Compare each with its stored row. From another author's post only the figures count.
    2. Find the texts that changed, and keep the old text as a revision.
    3. Update the rows, and the reach of their stories.
    4. Send edited mentions back to grouping, to the model and to the rules, and note the edit in
       their cases.
    5. Send mentions with a new rating back to the rules.
    """
    newer, other_author, refused = _compare(_read_rows(connection, mentions), mentions, at)  # 1
    edited = _find_edited(connection, newer)  # 2
    for mention_id in edited:
        earlier_texts.store(connection, newer[mention_id][0], at)
    _update_rows(connection, newer, edited)  # 3
    story_counts.update_reach(connection, _changed_shares(newer.values()))
    stories.ungroup_edited(connection, edited)  # 4
    tallies.move(
        connection, {mention_id: (newer[mention_id][0].sentiment, "") for mention_id in edited}
    )
    _reset_verdicts(connection, edited)
    note_edits(connection, edited, at)
    predictions.reset_verdicts(connection, _find_rerated(newer, edited))  # 5
    return ChangeReport(edited=frozenset(edited), other_author=other_author, refused=refused)


def _read_rows(connection: Connection, mention_ids: Iterable[int]) -> list[Any]:
    """Read the rows of mentions, each with the key of its author."""
    author = (
        _AUTHOR.c.source.label("author_source"),
        _AUTHOR.c.external_id.label("author_external_id"),
    )
    query = select(_MENTION, *author).join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
    return [
        row
        for ids in chunks(list(mention_ids))
        for row in connection.execute(query.where(_MENTION.c.id.in_(ids)))
    ]


def _compare(
    rows: Iterable[Any], mentions: Mapping[int, Mention], at: datetime
) -> tuple[dict[int, Change], frozenset[int], frozenset[int]]:
    """Split ids into those with newer knowledge, those from another author, and refused ones."""
    newer: dict[int, Change] = {}
    other_author: set[int] = set()
    refused: set[int] = set()
    for row in rows:
        mention = mentions[row.id]
        if author_key(mention) != (row.author_source, row.author_external_id):
            other_author.add(row.id)
            if mention.text != row.text or _is_rerated(row, mention):
                refused.add(row.id)
            # figures count from any copy; text, links and ratings only from the author
            # (docs/decisions/removal.md, "An edit is accepted only from the stored author")
            mention = _with_stored_text(mention, row)
        if not _is_older(mention, row, at):
            newer[row.id] = (row, mention)
    return newer, frozenset(other_author), frozenset(refused)


def _with_stored_text(mention: Mention, row: Any) -> Mention:
    """Keep only the figures of a post that another author claims to have written."""
    return replace(
        mention, text=row.text, lang=None, url=None, rating=None, edited_at=row.edited_at
    )


def _is_older(mention: Mention, row: Any, at: datetime) -> bool:
    """True when the stored row is the newer knowledge."""
    # a row of a clock that was weeks ahead would refuse every edit until that time comes
    if mention.fetched_at < row.fetched_at <= at + _STALEST:
        return True
    if row.edited_at is None:
        return False
    # another server's copy may not know of the edit yet
    # (docs/decisions/removal.md, "A stale fetch never overwrites a newer one")
    return mention.edited_at is None or mention.edited_at < row.edited_at


def _find_edited(connection: Connection, newer: Mapping[int, Change]) -> list[int]:
    """Find the mentions with another text; an earlier text counts only as a reported edit."""
    changed = [mention_id for mention_id, (row, new) in newer.items() if new.text != row.text]
    earlier: dict[int, set[str]] = defaultdict(set)
    for ids in chunks(changed):
        rows = connection.execute(
            select(_REVISION.c.mention_id, _REVISION.c.text).where(_REVISION.c.mention_id.in_(ids))
        )
        for row in rows:
            earlier[row.mention_id].add(row.text)
    return sorted(
        mention_id
        for mention_id in changed
        if newer[mention_id][1].text not in earlier[mention_id]
        or _is_reported_edit(*newer[mention_id])
    )


def _is_reported_edit(row: Any, mention: Mention) -> bool:
    """True when the platform reports an edit that is not stored yet."""
    return mention.edited_at is not None and mention.edited_at != row.edited_at


def _update_rows(
    connection: Connection, newer: Mapping[int, Change], edited_ids: Iterable[int]
) -> None:
    """Write new values; an edited mention also loses its sentiment and its correction."""
    refreshed: list[dict[str, Any]] = []
    edited: list[dict[str, Any]] = []
    edited_set = set(edited_ids)
    for mention_id, (row, mention) in newer.items():
        values = _merged_values(row, mention)
        if mention_id in edited_set:
            values |= {"text": mention.text, "edition": row.edition + 1}
            # a correction was about the old text, so it goes with it
            # (docs/decisions/removal.md, "A changed post is judged again, corrections included")
            values |= {"sentiment": "", "model_id": "", "corrected": False}
            edited.append({"_mention_id": mention_id} | values)
        elif tuple(values[name] for name in _REFRESHED) != _stored_values(row, _REFRESHED):
            refreshed.append({"_mention_id": mention_id} | values)
    for rows, columns in ((refreshed, _REFRESHED), (edited, _REFRESHED + _EDITED)):
        if rows:
            connection.execute(
                update(_MENTION)
                .where(_MENTION.c.id == bindparam("_mention_id"))
                .values({name: bindparam(name) for name in columns}),
                rows,
            )


def _merged_values(row: Any, mention: Mention) -> dict[str, Any]:
    """Merge the new state into the stored one; a value that the new state lacks stays."""
    # all zero means that the source does not count: a feed beside an API must not erase figures
    counts = row if mention.engagement == Engagement() else mention.engagement
    return {
        "lang": mention.lang or row.lang,
        "url": mention.url or row.url,
        "fetched_at": mention.fetched_at,
        "edited_at": mention.edited_at or row.edited_at,
        "shares": counts.shares,
        "likes": counts.likes,
        "replies": counts.replies,
        **dict(zip(_RATING, _merged_rating(row, mention), strict=True)),
    }


def _merged_rating(row: Any, mention: Mention) -> tuple[Any, ...]:
    if mention.rating is None:
        return _stored_values(row, _RATING)
    columns = ratings.to_columns(mention.rating)
    return tuple(columns[name] for name in _RATING)


def _is_rerated(row: Any, mention: Mention) -> bool:
    return _merged_rating(row, mention) != _stored_values(row, _RATING)


def _stored_values(row: Any, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in columns)


def _changed_shares(changes: Iterable[Change]) -> list[tuple[int, int, int]]:
    """List (story id, shares before, shares now) of originals with changed shares."""
    changed: list[tuple[int, int, int]] = []
    for row, mention in changes:
        shares = _merged_values(row, mention)["shares"]
        if row.story_id is not None and row.repost_of is None and shares != row.shares:
            changed.append((row.story_id, row.shares, shares))
    return changed


def _find_rerated(newer: Mapping[int, Change], edited: Sequence[int]) -> list[int]:
    """Find classified mentions with a new rating; edited ones wait for the model anyway."""
    return [
        mention_id
        for mention_id, (row, mention) in newer.items()
        if mention_id not in edited and row.model_id and _is_rerated(row, mention)
    ]


def _reset_verdicts(connection: Connection, edited: Sequence[int]) -> None:
    """Let the model and the rules read the new text; a flagged mention stays flagged.

    What a person did about the old text does not count for the new one.
    """
    for ids in chunks(edited):
        connection.execute(
            update(_MENTION_BRAND)
            .where(_MENTION_BRAND.c.mention_id.in_(ids))
            .values(toward="", intent="", reason="", handled_at=None, handled_by=None)
        )
        connection.execute(
            update(_MENTION_BRAND)
            .where(
                _MENTION_BRAND.c.mention_id.in_(ids),
                _MENTION_BRAND.c.verdict != Verdict.FLAGGED.value,
            )
            .values(verdict=UNREAD)
        )
