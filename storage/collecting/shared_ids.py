"""Tell the rows of one file apart when they share an id: of an import, "replay" or "folder".

A helpdesk exports a ticket's number on each of its messages, so an id need not name one row. No
row is dropped uncounted. For the rows under one id:

1. The stored mention's author owns the id; while nothing is stored, the first row's author does.
2. A row by another author is refused, with its words. One that a former import stored in the same
   words, but under another author, counts as known.
3. Rows with the same author and words are one mention; the further ones are repeats.
4. A row in the words of the stored mention is that mention.
5. When all remaining rows say the same, and no earlier row of this file has taken the id, the row
   is the mention's new text: an edit, as in an updated export.
6. Other rows get an id of their own, made of the id and the words. A second import makes the same
   id, and adds nothing.

A file is stored in batches. ``fetched_at`` is the same for all rows of one reading of a file, so a
stored row with that instant was stored or refreshed by an earlier batch of this reading. A row
that is appended later has another instant, so rule 5 takes it as an edit. This needs no memory
that grows with the file: docs/decisions/storage.md, "Rows of a file that share an id".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select

from earful.types import ANONYMOUS_PREFIX, Mention, Rejected
from storage.collecting.attribution import BrandLinks, Noise
from storage.collecting.clean_batch import MAX_LOCATION, CleanBatch, FileRow, is_newer
from storage.database.clean import identity, storable
from storage.database.upsert import table_of
from storage.entities.authors import author_key
from storage.entities.lookup import ExternalKey, group_by_source
from storage.tables import AuthorRow, MentionRow

_MENTION, _AUTHOR = table_of(MentionRow), table_of(AuthorRow)
_OTHER_AUTHOR = "another author's post has this id; the first post stays and this row was left out"
_DIGEST = 12  # hexadecimal digits; the rows of one id are few
_RAW = 500  # characters of a refused row's words


@dataclass(slots=True, kw_only=True)
class FileRows:
    """The rows of a batch by their final ids.

    ``stored_ids``: the row ids of those that are stored. ``repeated``: rows that another row of the
    file says in the same words. ``repeated_keys``: mentions of this batch that an earlier batch of
    the file brought; they are linked to their brands, and counted as repeated. ``refused``: rows
    under an id of another author.
    """

    batch: CleanBatch
    stored_ids: dict[ExternalKey, int]
    repeated: int = 0
    repeated_keys: set[ExternalKey] = field(default_factory=set)
    refused: list[Rejected] = field(default_factory=list)


def tell_apart(connection: Connection, batch: CleanBatch) -> FileRows:
    """Give each row of a file's batch its final id; the module's docstring lists the rules."""
    stored = _read_stored(connection, batch.mentions)
    later_rows: dict[ExternalKey, list[FileRow]] = {}
    for row in batch.later_rows:
        later_rows.setdefault(row.key, []).append(row)
    groups = {
        key: [FileRow(key, mention, batch.links[key]), *later_rows.get(key, ())]
        for key, mention in batch.mentions.items()
        if key in later_rows or (key in stored and not _is_same(stored[key], mention))
    }
    result = FileRows(batch=batch, stored_ids={key: row.id for key, row in stored.items()})
    if groups:
        derived = {_derived_key(row) for rows in groups.values() for row in rows}
        stored |= _read_stored(connection, derived)
        _Decisions(result, stored).decide_all(groups)
    return result


def _is_same(stored: Any, mention: Mention) -> bool:
    """True for a row that a former import stored like this: the common case of a second import."""
    return (
        stored.text == mention.text
        and stored.fetched_at != mention.fetched_at
        and (stored.author_source, stored.author_external_id) == author_key(mention)
    )


class _Decisions:
    """Decide about groups of rows that share an id, and write the decisions into ``result``."""

    def __init__(self, result: FileRows, stored: Mapping[ExternalKey, Any]) -> None:
        self._result = result
        self._stored = stored
        self._mentions = dict(result.batch.mentions)
        self._links = dict(result.batch.links)

    def decide_all(self, groups: Mapping[ExternalKey, Sequence[FileRow]]) -> None:
        for key, rows in groups.items():
            del self._mentions[key], self._links[key]
            self._decide(key, rows)
        # later stages read mentions in the order of their ids, and older posts come first there
        by_age = sorted(self._mentions.items(), key=lambda entry: entry[1].published_at)
        self._result.batch = replace(
            self._result.batch, mentions=dict(by_age), links=self._links, later_rows=()
        )
        self._result.stored_ids = {
            key: self._stored[key].id for key in self._mentions if key in self._stored
        }

    def _decide(self, key: ExternalKey, rows: Sequence[FileRow]) -> None:
        stored = self._stored.get(key)
        is_taken = stored is not None and stored.fetched_at == rows[0].mention.fetched_at
        owner = author_key(rows[0].mention)
        if stored is not None:
            owner = stored.author_source, stored.author_external_id
        own = [row for row in rows if author_key(row.mention) == owner]
        others = [row for row in rows if author_key(row.mention) != owner]
        by_text: dict[str, list[FileRow]] = {}
        for row in own:
            by_text.setdefault(row.mention.text, []).append(row)
        holder = self._pick_holder(stored, by_text, is_taken=is_taken)
        for text, same in by_text.items():
            self._keep(key if text == holder else _derived_key(same[0]), same)
        if others and stored is not None and not is_taken and key not in self._mentions:
            alike = [row for row in others if row.mention.text == stored.text]
            namesakes = [
                row for row in alike if author_key(row.mention) == author_key(alike[0].mention)
            ]
            if namesakes:
                others = [row for row in others if row not in namesakes]
                self._keep(key, namesakes)
        self._result.refused += map(_refuse, others)

    def _pick_holder(
        self, stored: Any, by_text: Mapping[str, Sequence[FileRow]], *, is_taken: bool
    ) -> str | None:
        """Return the words that stay under the id itself; None when all get an id of their own."""
        if stored is None:
            return next(iter(by_text), None)
        if stored.text in by_text:
            return str(stored.text)
        if is_taken or len(by_text) != 1:
            return None
        text, rows = next(iter(by_text.items()))
        return None if _derived_key(rows[0]) in self._stored else text

    def _keep(self, key: ExternalKey, rows: Sequence[FileRow]) -> None:
        """Keep the rows as one mention under ``key``."""
        newest = rows[0].mention
        for row in rows[1:]:
            newest = row.mention if is_newer(row.mention, newest) else newest
        self._mentions[key] = _with_key(newest, key)
        self._links[key] = _merge_links(row.links for row in rows)
        self._result.repeated += len(rows) - 1
        stored = self._stored.get(key)
        if stored is not None and stored.fetched_at == newest.fetched_at:
            self._result.repeated_keys.add(key)


def _derived_key(row: FileRow) -> ExternalKey:
    """Return the id of a row whose own id belongs to a row with other words."""
    source, external_id = row.key
    digest = hashlib.sha256(row.mention.text.encode("utf-8", "surrogatepass")).hexdigest()
    return source, identity(f"{external_id}~{digest[:_DIGEST]}")


def _with_key(mention: Mention, key: ExternalKey) -> Mention:
    if mention.external_id == key[1]:
        return mention
    author = mention.author
    if author.external_id == f"{ANONYMOUS_PREFIX}{mention.external_id}":
        # two people without a name are not one customer
        author = replace(author, external_id=identity(f"{ANONYMOUS_PREFIX}{key[1]}"))
    return replace(mention, external_id=key[1], author=author)


def _merge_links(links: Iterable[BrandLinks | Noise]) -> BrandLinks | Noise:
    """Return the brands of all rows: Earful's own export has a row for each brand of a mention."""
    several = list(links)
    brands = [link for row in several if not isinstance(row, Noise) for link in row]
    return tuple(dict.fromkeys(brands)) or several[0]


def _refuse(row: FileRow) -> Rejected:
    author = row.mention.author.handle
    where = storable(f"id {row.key[1]} by {author}", MAX_LOCATION)
    return Rejected(
        where=where, reason=_OTHER_AUTHOR, raw=storable(f"{author}: {row.mention.text}", _RAW)
    )


_STORED = (
    select(
        *(_MENTION.c[name] for name in ("id", "source", "external_id", "text", "fetched_at")),
        _AUTHOR.c.source.label("author_source"),
        _AUTHOR.c.external_id.label("author_external_id"),
    )
    .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
    .where(
        _MENTION.c.source == bindparam("source"),
        _MENTION.c.external_id.in_(bindparam("external_ids", expanding=True)),
    )
)


def _read_stored(connection: Connection, keys: Iterable[ExternalKey]) -> dict[ExternalKey, Any]:
    return {
        (row.source, row.external_id): row
        for source, external_ids in group_by_source(keys)
        for row in connection.execute(_STORED, {"source": source, "external_ids": external_ids})
    }
