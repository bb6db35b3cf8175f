"""What the re-checks of several platforms have in common."""

from __future__ import annotations

from earful.contracts import Doubtful
from earful.types import Batch, Mention

_MANY = 10  # so many posts hardly vanish between two looks: the answer may be wrong


def has_changed(stored: Mention, found: Mention) -> bool:
    """True when a platform shows another text or other figures than we have."""
    return (stored.text, stored.engagement) != (found.text, found.engagement)


def raise_if_doubtful(batch: Batch, who: str, *, asked: int, shown: int) -> Batch:
    """The batch. Raises Doubtful with it when ``who`` shows none of many posts."""
    if shown or asked < _MANY:
        return batch
    raise Doubtful(
        f"{who} shows none of {asked} posts that are stored; it is asked again, and again, before "
        "they are taken for deleted",
        batch=batch,
    )
