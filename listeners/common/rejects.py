"""Unreadable items: the other items of a page are kept, and a person can inspect each reject."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from earful.contracts import BadItem
from earful.types import Mention, Rejected
from listeners.common.plain_text import clean

Item = TypeVar("Item")

_RAW = 500  # characters of an item that are kept to show

_SHORT = reprlib.Repr()  # repr() goes down a level of Python's stack for each level of the JSON
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring = 6, 30, 10, 300


def preview(value: object, limit: int = 40) -> str:
    """The beginning of a value as Python writes it, for an error's sentence."""
    return clean(repr(value[:limit]) if isinstance(value, str) else _SHORT.repr(value)[: 2 * limit])


def reject(where: str, error: BadItem, item: object) -> Rejected:
    """Record that an item of a response cannot be read, with its beginning."""
    raw = clean(_SHORT.repr(item)[: 2 * _RAW], _RAW)
    return Rejected(where=clean(where, 200), reason=str(error), raw=raw)


def read_items(
    items: Iterable[Item],
    read: Callable[[Item], Mention | None],
    *,
    where: Callable[[Item], str],
    keep_raw: bool = True,
) -> tuple[tuple[Mention, ...], tuple[Rejected, ...]]:
    """Read each item of a page; a BadItem costs that item and not its page.

    ``read`` returns None for an item that is left out. ``where`` names a rejected item. Without
    ``keep_raw`` a reject does not show the item itself.
    """
    mentions: list[Mention] = []
    rejects: list[Rejected] = []
    for item in items:
        try:
            mention = read(item)
        except BadItem as error:
            if keep_raw:
                rejects.append(reject(where(item), error, item))
            else:
                rejects.append(Rejected(where=where(item), reason=str(error)))
            continue
        if mention is not None:
            mentions.append(mention)
    return tuple(mentions), tuple(rejects)
