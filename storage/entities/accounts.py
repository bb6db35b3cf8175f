"""Know one account by its number and by its handle, on platforms where a handle names one account.

One file names an account by its number, another by its handle alone. An author without a number has
the handle as its id.

1. An author known by the handle alone is the stored account that has this handle, when exactly one
   has it. Else it is the account of the same batch with this handle.
2. An account with a number takes over the stored author that had its handle as the id, when no
   other number has this handle. The author's row stays, so no mention and no case moves.
3. Two numbers are never one account. A handle that several numbers have had decides nothing.

docs/decisions/storage.md, "An account is known by its number, else by its handle".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select, update

from earful.types import ANONYMOUS_PREFIX, Author
from storage.database.upsert import table_of
from storage.entities.lookup import ExternalKey, find_row_ids, group_by_source
from storage.tables import AuthorRow

_AUTHOR = table_of(AuthorRow)
# elsewhere people go by names, which many share
_UNIQUE_HANDLES = frozenset(
    ("x", "reddit", "mastodon", "bluesky", "instagram", "threads", "tiktok")
)
# ids that are no handles, although an event stream gives nothing but them
_NUMBERS = ("did:", ANONYMOUS_PREFIX)


@dataclass(frozen=True, slots=True)
class _Account:
    """A stored account, or one of the batch; ``row_id`` is None for one that is not stored."""

    row_id: int | None
    author: Author

    @property
    def is_handle_only(self) -> bool:
        return _is_handle_only(self.author)


def has_own_handle(source: str, external_id: str, handle: str) -> bool:
    """Return whether the handle names one account: people without a name share theirs."""
    return (
        source in _UNIQUE_HANDLES
        and bool(handle)
        and handle.isascii()
        and not external_id.startswith(ANONYMOUS_PREFIX)
    )


def unify(connection: Connection, authors: Iterable[Author]) -> Mapping[ExternalKey, Author]:
    """Return the authors that are stored under another id, by the key that the batch gives them.

    Gives stored authors without a number the number that the batch knows.
    """
    fresh = _find_unknown(connection, authors)
    if not fresh:
        return {}
    stored = _find_by_handle(connection, fresh)
    renamed: dict[ExternalKey, Author] = {}
    by_handle: dict[ExternalKey, list[Author]] = defaultdict(list)
    for author in fresh:
        by_handle[_handle_key(author)].append(author)
    for key, group in by_handle.items():
        accounts = stored.get(key, [])
        numbered = [author for author in group if not _is_handle_only(author)]
        if len(numbered) == 1 and len(accounts) == 1 and accounts[0].is_handle_only:
            _give_number(connection, accounts[0], numbered[0])
            accounts = [_Account(accounts[0].row_id, numbered[0])]
            renamed[_key(stored[key][0].author)] = numbered[0]
        account = _pick(accounts, numbered)
        for author in group:
            if account is not None and _is_handle_only(author):
                renamed[_key(author)] = replace(
                    author,
                    external_id=account.external_id,
                    handle=account.handle,
                    verified=account.verified,
                )
    return {key: author for key, author in renamed.items() if key != _key(author)}


def _find_unknown(connection: Connection, authors: Iterable[Author]) -> list[Author]:
    """Return the authors of platforms with unique handles that are not stored under their id."""
    candidates = {
        _key(author): author
        for author in authors
        if author.source in _UNIQUE_HANDLES
        and author.handle.isascii()
        and not author.external_id.startswith(_NUMBERS)
    }
    if not candidates:
        return []
    stored = find_row_ids(connection, _AUTHOR, candidates)
    numbered = {
        _handle_key(author)
        for key, author in candidates.items()
        if key not in stored and not _is_handle_only(author)
    }
    return [
        author
        for key, author in candidates.items()
        # a stored author without a number, whose number comes in the same batch, takes it over
        if key not in stored or (_is_handle_only(author) and _handle_key(author) in numbered)
    ]


def _find_by_handle(
    connection: Connection, authors: Iterable[Author]
) -> dict[ExternalKey, list[_Account]]:
    """Return the stored accounts with the handles of these authors, in any case of letters."""
    accounts: dict[ExternalKey, list[_Account]] = defaultdict(list)
    for source, handles in group_by_source({_handle_key(author) for author in authors}):
        rows = connection.execute(
            select(_AUTHOR).where(
                _AUTHOR.c.source == source, func.lower(_AUTHOR.c.handle).in_(handles)
            )
        )
        for row in rows:
            account = _Account(row.id, _to_author(row))
            accounts[_handle_key(account.author)].append(account)
    return accounts


def _pick(accounts: list[_Account], numbered: list[Author]) -> Author | None:
    """Return the account that an author known by the handle alone is; None when nothing decides."""
    by_handle = [account.author for account in accounts if account.is_handle_only]
    if by_handle:
        return by_handle[0]
    choices = {account.author.external_id: account.author for account in accounts}
    choices = {author.external_id: author for author in numbered} | choices
    return next(iter(choices.values())) if len(choices) == 1 else None


def _give_number(connection: Connection, account: _Account, author: Author) -> None:
    connection.execute(
        update(_AUTHOR).where(_AUTHOR.c.id == account.row_id).values(external_id=author.external_id)
    )


def _is_handle_only(author: Author) -> bool:
    return author.external_id.lower() == author.handle.lower()


def _key(author: Author) -> ExternalKey:
    return author.source, author.external_id


def _handle_key(author: Author) -> ExternalKey:
    return author.source, author.handle.lower()


def _to_author(row: Any) -> Author:
    names = ("source", "external_id", "handle", "name", "followers", "verified", "url")
    return Author(**{name: getattr(row, name) for name in names})
