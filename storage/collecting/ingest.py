"""Store a batch from a listener in one transaction; storing it twice changes nothing.

`store` runs these steps, in this order:

1. Clean the batch once (storage/collecting/clean_batch.py). No later step cleans again.
2. Remove posts that are gone upstream. Drop mentions that must not be stored: removed posts,
   plain reposts of them, and posts by erased authors.
   Before that, authors get the id that their account is stored under
   (storage/entities/accounts.py), and rows of a file that share an id are told apart
   (storage/collecting/shared_ids.py).
3. Take up changes of mentions that are stored already (storage/collecting/edits.py).
4. Store authors.
5. Store new mentions.
6. Link mentions to the query and to brands (storage/collecting/attribution.py).
7. Record coverage and gaps in the ledger (storage/collecting/coverage_ledger.py).
8. Store rejected items with their reasons (storage/collecting/rejected_items.py).
9. Count new and repeated mentions in the account's spending.
10. Move the query's position (storage/collecting/query_position.py). A re-check moves none and
    notes which mentions were checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from earful.intervals import Interval
from earful.types import Batch, Mention, Query, Rejected
from storage.analysis import ratings
from storage.collecting import attribution, coverage_ledger, edits, rechecks, spending
from storage.collecting.attribution import AttributedMention, Attributor
from storage.collecting.clean_batch import MAX_LOCATION, CleanBatch, clean_batch, with_authors
from storage.collecting.edits import ChangeReport
from storage.collecting.query_position import ANY_POSITION, AnyPosition, move_position
from storage.collecting.rejected_items import store_rejects
from storage.collecting.shared_ids import FileRows, tell_apart
from storage.database.engine import Database
from storage.database.upsert import insert_new, table_of
from storage.entities import accounts, authors
from storage.entities.lookup import ExternalKey, find_row_ids
from storage.removal import erasing, tombstones
from storage.tables import MentionRow, QueryRow, row_ids

_MENTION = table_of(MentionRow)
_QUERY = table_of(QueryRow)

_TWO_AUTHORS = "another author's post has this id; the stored post stays and this one was dropped"
RowIds = Mapping[ExternalKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestCounts:
    """Count the mentions and items of a batch by how they ended.

    ``seen``: mentions in the batch. ``new``: those stored for the first time. ``noise``: new ones
    about none of our brands. ``changed``: stored ones with a new text. ``gone``: stored ones that
    were removed. ``rejected``: items that could not be read. ``known``: stored before, and
    unchanged. ``removed``: kept out, because the post or its author was removed for good.
    ``repeated``: rows of a file that say again what another row of it said. ``refused``: the
    mentions among the rejected, with their words.
    """

    seen: int
    new: int
    rejected: int
    noise: int = 0
    changed: int = 0
    gone: int = 0
    known: int = 0
    removed: int = 0
    repeated: int = 0
    refused: tuple[Rejected, ...] = ()


def store(
    db: Database,
    query: Query,
    batch: Batch,
    attribute: Attributor,
    at: datetime,
    *,
    after: str | AnyPosition | None = ANY_POSITION,
    checked_ids: Sequence[int] = (),
) -> IngestCounts:
    """Store a batch and the query's new position in one transaction.

    The module's docstring lists the steps. ``attribute`` returns the brands of a mention, which
    must be stored already, or why it is noise. ``after`` is the position that this step of a poll
    started from. ``checked_ids`` are the mentions that the platform was asked about, when the batch
    answers a re-check and is no step of a poll.

    Raises PositionConflict when the query is no longer at ``after``: the open windows of two polls
    would mix.
    """
    # 1. Outside the transaction: matching names takes time, and other writers would wait.
    cleaned = clean_batch(batch, attribute)
    with db.write() as connection:
        # 2. First, so that a post that is both in the batch and gone is not stored.
        gone = erasing.remove_gone_posts(connection, cleaned.gone, at)
        rows = _find_stored(connection, cleaned, is_file=batch.is_file)
        allowed = _drop_removed(connection, rows.batch)
        stored_ids = {
            key: rows.stored_ids[key] for key in allowed.mentions if key in rows.stored_ids
        }
        # 3. Before the authors: a change from another author must not store that author.
        changes = _take_up_changes(connection, allowed, stored_ids, at)
        # 4 and 5. Mentions refer to their authors by row id.
        author_ids = _store_authors(connection, allowed, stored_ids, changes)
        new_ids = _store_new_mentions(connection, allowed, stored_ids, author_ids)
        # 6. Also for stored mentions: this query may be the first to find them.
        _link(connection, query, allowed, stored_ids, new_ids, changes)
        # 7. In this transaction: coverage without its mentions would hide a loss.
        complete = coverage_ledger.record_batch(connection, query, allowed, at)
        # 8. After step 3, which may refuse mentions.
        refused = (*rows.refused, *_reject_contested(allowed, stored_ids, changes))
        rejected = (*allowed.rejected, *refused)
        new_rejects = store_rejects(connection, query, rejected, at)
        repeated_keys = rows.repeated_keys & allowed.mentions.keys()
        counts = IngestCounts(
            seen=len(rows.batch.mentions),
            new=len(new_ids),
            rejected=len(rejected),
            noise=sum(map(allowed.is_noise, new_ids)),
            changed=len(changes.edited),
            gone=gone,
            known=len(stored_ids) - len(changes.edited | changes.refused) - len(repeated_keys),
            removed=len(rows.batch.mentions) - len(allowed.mentions),
            repeated=rows.repeated + len(repeated_keys),
            refused=refused,
        )
        # 9. Counted with the mentions, so that a repeated batch is counted as repeated.
        _count_spending(connection, query, counts, at)
        # 10. Last: it raises PositionConflict, which takes all the other steps back.
        if checked_ids:
            rechecks.mark_checked(connection, checked_ids, at)
        else:
            values = _position_values(allowed, counts, new_rejects, complete, at)
            move_position(connection, query, after, values)
    return counts


def _find_stored(connection: Connection, batch: CleanBatch, *, is_file: bool) -> FileRows:
    """Find the stored mentions of a batch; of a file, tell rows that share an id apart."""
    mentions = [*batch.mentions.values(), *(row.mention for row in batch.later_rows)]
    authors_of_batch = [mention.author for mention in mentions]
    # an erased person's handle may have a new owner: rows by handle alone are not the owner's
    erased = tombstones.find_erased(connection, authors_of_batch)
    renamed = accounts.unify(
        connection,
        (each for each in authors_of_batch if (each.source, each.external_id) not in erased),
    )
    if renamed:
        batch = with_authors(batch, renamed)
    if is_file:
        return tell_apart(connection, batch)
    return FileRows(batch=batch, stored_ids=find_row_ids(connection, _MENTION, batch.mentions))


def _drop_removed(connection: Connection, batch: CleanBatch) -> CleanBatch:
    """Leave out mentions that must not be stored: removed posts and erased authors."""
    mentions = tombstones.drop_removed(connection, batch.mentions)
    contested = batch.contested & mentions.keys()  # a removed post is named nowhere
    return replace(batch, mentions=mentions, contested=contested)


def _take_up_changes(
    connection: Connection, batch: CleanBatch, stored_ids: RowIds, at: datetime
) -> ChangeReport:
    """Bring mentions that are stored already up to date."""
    repeated = {
        stored_ids[key]: mention for key, mention in batch.mentions.items() if key in stored_ids
    }
    return edits.apply_changes(connection, repeated, at)


def _store_authors(
    connection: Connection, batch: CleanBatch, stored_ids: RowIds, changes: ChangeReport
) -> RowIds:
    """Store the authors of the batch; return their row ids.

    Skips a mention that is stored under another author: a stranger who knows a mail's Message-ID
    must not become an author by it.
    """
    return authors.store(
        connection,
        [
            mention.author
            for key, mention in batch.mentions.items()
            if stored_ids.get(key) not in changes.other_author
        ],
    )


def _store_new_mentions(
    connection: Connection, batch: CleanBatch, stored_ids: RowIds, author_ids: RowIds
) -> RowIds:
    """Insert the mentions that are not stored yet; return their row ids."""
    rows = [
        _mention_row(mention, author_ids[authors.author_key(mention)], is_noise=batch.is_noise(key))
        for key, mention in batch.mentions.items()
        if key not in stored_ids
    ]
    insert_new(connection, MentionRow, row_ids.with_unused_ids(connection, _MENTION, rows))
    keys = [key for key in batch.mentions if key not in stored_ids]
    return find_row_ids(connection, _MENTION, keys)


def _link(
    connection: Connection,
    query: Query,
    batch: CleanBatch,
    stored_ids: RowIds,
    new_ids: RowIds,
    changes: ChangeReport,
) -> None:
    """Link each accepted mention to the query and to its brands."""
    ids = {**stored_ids, **new_ids}
    attributed = [
        AttributedMention(
            id=ids[key], mention=mention, links=batch.links[key], was_stored=key in stored_ids
        )
        for key, mention in batch.mentions.items()
        if stored_ids.get(key) not in changes.refused
    ]
    attribution.store_links(connection, query.id, attributed)


def _mention_row(mention: Mention, author_id: int, *, is_noise: bool) -> dict[str, Any]:
    return {
        "source": mention.source,
        "external_id": mention.external_id,
        "author_id": author_id,
        "text": mention.text,
        "lang": mention.lang,
        "url": mention.url,
        "published_at": mention.published_at,
        "fetched_at": mention.fetched_at,
        "edited_at": mention.edited_at,
        "reply_to": mention.reply_to,
        "repost_of": mention.repost_of,
        "shares": mention.engagement.shares,
        "likes": mention.engagement.likes,
        "replies": mention.engagement.replies,
        "sentiment": "",
        "model_id": "",
        "corrected": False,
        "noise": is_noise,
        **ratings.to_columns(mention.rating),
    }


def _reject_contested(
    batch: CleanBatch, stored_ids: RowIds, changes: ChangeReport
) -> Iterable[Rejected]:
    """Report each post that came under an id which belongs to another author."""
    refused = {key for key in batch.mentions if stored_ids.get(key) in changes.refused}
    for _source, external_id in sorted(batch.contested | refused):
        yield Rejected(where=external_id[:MAX_LOCATION], reason=_TWO_AUTHORS)


def _count_spending(
    connection: Connection, query: Query, counts: IngestCounts, at: datetime
) -> None:
    spending.count_mentions(
        connection,
        query,
        at,
        new=counts.new,
        already_stored=counts.seen - counts.new,
        noise=counts.noise,
    )


def _position_values(
    batch: CleanBatch,
    counts: IngestCounts,
    new_rejects: int,
    complete: Interval | None,
    at: datetime,
) -> dict[str, Any]:
    """Collect the query's new values; ``complete`` is the interval that the ledger calls whole."""
    if batch.complete_since is not None:  # the listener's own word goes before the ledger's
        complete = (batch.complete_since, at)
    values: dict[str, Any] = {
        "position": batch.position,
        "polled_at": at,
        "seen": _QUERY.c.seen + counts.seen,
        "stored": _QUERY.c.stored + counts.new,
        "rejected": _QUERY.c.rejected + new_rejects,
    }
    if complete is not None:
        values["complete_since"], values["complete_until"] = complete
    return values
