"""Clean a batch once, before it is stored: later steps trust every text, id and number in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from earful.types import Author, Batch, Gap, Gone, Mention, Rejected, Seen
from earful.untrusted import web_link
from storage.collecting.attribution import Attributor, BrandLinks, Noise
from storage.database.clean import countable, identity, storable
from storage.entities.lookup import ExternalKey

Fact = TypeVar("Fact", Author, Gap, Gone, Mention, Seen)

# In characters. The first two together fit PostgreSQL's index entry (about 2,700 bytes) in any
# script: the table of rejects has a unique index over them.
MAX_LOCATION = 200
_MAX_REJECT_REASON = 400
_MAX_RAW = 500
_MAX_NAME = 200
_MAX_LANG = 20
_MAX_GAP_REASON = 500
_MAX_GONE_REASON = 200
_MAX_NOISE_REASON = 300


class FileRow(NamedTuple):
    """A clean row of a file: its key, its mention, and the brands of it or why it is noise."""

    key: ExternalKey
    mention: Mention
    links: BrandLinks | Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanBatch:
    """A batch with texts, ids and numbers that all fit the database.

    ``mentions`` holds each mention once, by its stored key, oldest first. ``links`` holds the
    brands of each, or why it is noise. ``contested`` are the keys that arrived with two authors.
    ``later_rows`` are the rows of a file whose id another row of ``mentions`` has.
    """

    mentions: Mapping[ExternalKey, Mention]
    links: Mapping[ExternalKey, BrandLinks | Noise]
    contested: frozenset[ExternalKey]
    gone: tuple[Gone, ...]
    seen: tuple[Seen, ...]
    gaps: tuple[Gap, ...]
    rejected: tuple[Rejected, ...]
    position: str | None
    complete_since: datetime | None
    later_rows: tuple[FileRow, ...] = ()

    def is_noise(self, key: ExternalKey) -> bool:
        """True when the mention is about none of our brands."""
        return isinstance(self.links[key], Noise)


def clean_batch(batch: Batch, attribute: Attributor) -> CleanBatch:
    """Clean everything that a listener brought, and attribute each mention to brands.

    ``attribute`` sees the mention as it arrived: cleaning may cut a long text, and a brand can be
    named in the part that is cut. Of a file's rows that share an id, the first is in ``mentions``
    and the others are in ``later_rows``.
    """
    later: list[tuple[ExternalKey, Mention]] = []
    contested: frozenset[ExternalKey] = frozenset()
    if batch.is_file:
        raw_mentions, later = _pick_first(batch.mentions)
    else:
        raw_mentions, contested = _pick_newest(batch.mentions)
    return CleanBatch(
        later_rows=tuple(
            FileRow(key, _clean_mention(key, mention), _clean_links(attribute(mention)))
            for key, mention in later
        ),
        mentions={key: _clean_mention(key, mention) for key, mention in raw_mentions.items()},
        links={key: _clean_links(attribute(mention)) for key, mention in raw_mentions.items()},
        contested=contested,
        gone=tuple(map(_clean_gone, batch.gone)),
        seen=tuple(_with_values(seen, part=identity(seen.part)) for seen in batch.seen),
        gaps=tuple(map(_clean_gap, batch.gaps)),
        rejected=tuple(map(_clean_rejected, batch.rejected)),
        position=batch.position,
        complete_since=batch.complete_since,
    )


def with_authors(batch: CleanBatch, authors: Mapping[ExternalKey, Author]) -> CleanBatch:
    """Return the batch with these authors in the place of those with their keys."""

    def rename(mention: Mention) -> Mention:
        author = authors.get(_author_key(mention))
        return mention if author is None else replace(mention, author=author)

    return replace(
        batch,
        mentions={key: rename(mention) for key, mention in batch.mentions.items()},
        later_rows=tuple(row._replace(mention=rename(row.mention)) for row in batch.later_rows),
    )


def _pick_first(
    mentions: Iterable[Mention],
) -> tuple[dict[ExternalKey, Mention], list[tuple[ExternalKey, Mention]]]:
    """Split rows into the first of each id, oldest first, and the rows behind it in their order."""
    first: dict[ExternalKey, Mention] = {}
    later: list[tuple[ExternalKey, Mention]] = []
    for mention in mentions:
        key = mention.source, identity(mention.external_id)
        if key in first:
            later.append((key, mention))
        else:
            first[key] = mention
    by_age = sorted(first.items(), key=lambda entry: entry[1].published_at)
    return dict(by_age), later


def _pick_newest(
    mentions: Iterable[Mention],
) -> tuple[dict[ExternalKey, Mention], frozenset[ExternalKey]]:
    """Pick the newest state of each mention, oldest mention first.

    Also returns the keys that arrived with two different authors; the first author wins.
    """
    newest: dict[ExternalKey, Mention] = {}
    contested: set[ExternalKey] = set()
    for mention in mentions:
        key = mention.source, identity(mention.external_id)
        if key in newest and _author_key(mention) != _author_key(newest[key]):
            contested.add(key)
        elif key not in newest or is_newer(mention, newest[key]):
            newest[key] = mention
    # later stages read mentions in the order of their ids, and older posts come first there
    by_age = sorted(newest.items(), key=lambda entry: entry[1].published_at)
    return dict(by_age), frozenset(contested)


def _author_key(mention: Mention) -> ExternalKey:
    return mention.author.source, identity(mention.author.external_id)


def is_newer(mention: Mention, stored: Mention) -> bool:
    """True when the platform says that ``mention`` is the later state; the first wins a tie."""
    return (mention.edited_at or mention.published_at, mention.fetched_at) > (
        stored.edited_at or stored.published_at,
        stored.fetched_at,
    )


def _clean_mention(key: ExternalKey, mention: Mention) -> Mention:
    engagement = mention.engagement
    counts = {
        "shares": countable(engagement.shares),
        "likes": countable(engagement.likes),
        "replies": countable(engagement.replies),
    }
    if any(count != getattr(engagement, name) for name, count in counts.items()):
        engagement = replace(engagement, **counts)
    return _with_values(
        mention,
        external_id=key[1],
        author=_clean_author(mention.author),
        text=storable(mention.text),
        lang=None if mention.lang is None else storable(mention.lang, _MAX_LANG),
        url=web_link(mention.url),
        reply_to=None if mention.reply_to is None else identity(mention.reply_to),
        repost_of=None if mention.repost_of is None else identity(mention.repost_of),
        engagement=engagement,
    )


def _clean_author(author: Author) -> Author:
    return _with_values(
        author,
        external_id=identity(author.external_id),
        handle=storable(author.handle, _MAX_NAME),
        name=None if author.name is None else storable(author.name, _MAX_NAME),
        followers=None if author.followers is None else countable(author.followers),
        url=web_link(author.url),
    )


def _clean_links(links: Iterable[tuple[str, bool]] | Noise) -> BrandLinks | Noise:
    if isinstance(links, Noise):
        return Noise(storable(links.reason, _MAX_NOISE_REASON))
    return tuple(links)


def _clean_gone(gone: Gone) -> Gone:
    reason = storable(gone.reason, _MAX_GONE_REASON)
    return _with_values(gone, external_id=identity(gone.external_id), reason=reason)


def _clean_gap(gap: Gap) -> Gap:
    return _with_values(gap, part=identity(gap.part), reason=storable(gap.reason, _MAX_GAP_REASON))


def _clean_rejected(rejected: Rejected) -> Rejected:
    return Rejected(
        where=storable(rejected.where, MAX_LOCATION),
        reason=storable(rejected.reason, _MAX_REJECT_REASON),
        raw=storable(rejected.raw, _MAX_RAW),
    )


def _with_values(fact: Fact, **values: Any) -> Fact:
    """Copy a fact with new values; return the fact itself when none of them differs.

    Nearly every fact is clean already, and a copy costs more than the comparison.
    """
    changed = {name: value for name, value in values.items() if value != getattr(fact, name)}
    return replace(fact, **changed) if changed else fact
