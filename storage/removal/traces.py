"""Remove ids and names of erased posts and people from the rows that merely mention them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, and_, delete, select, update

from storage.database.upsert import chunks, table_of
from storage.entities.lookup import ExternalKey, group_by_source
from storage.removal.name_finder import NameFinder
from storage.tables import MentionRow, RejectedRow

_MENTION, _REJECTED = table_of(MentionRow), table_of(RejectedRow)


def scrub_rejects(connection: Connection, words: Iterable[str]) -> None:
    """Remove erased ids and names from rejected items.

    Deletes an item with one of the words in its location or reason. Empties the raw text of an
    item that holds one only there.
    """
    # one pass over the items, however many posts the person had
    finder = NameFinder(words)
    to_delete: list[int] = []
    to_empty: list[int] = []
    for row in connection.execute(select(_REJECTED).execution_options(yield_per=1000)):
        if finder.find(f"{row.location}\n{row.reason}"):
            to_delete.append(row.id)
        elif finder.find(row.raw):
            to_empty.append(row.id)
    for ids in chunks(to_delete):
        connection.execute(delete(_REJECTED).where(_REJECTED.c.id.in_(ids)))
    for ids in chunks(to_empty):
        connection.execute(update(_REJECTED).where(_REJECTED.c.id.in_(ids)).values(raw=""))


def clear_reply_references(connection: Connection, posts: Iterable[ExternalKey]) -> None:
    """Remove these posts' ids from the replies of other people."""
    for source, external_ids in group_by_source(posts):
        # the reply itself stays: it is another person's post
        # (test_answers_to_them_stay_and_do_not_say_to_what)
        is_reply = and_(_MENTION.c.source == source, _MENTION.c.reply_to.in_(external_ids))
        connection.execute(update(_MENTION).where(is_reply).values(reply_to=None))
