"""Rules that the re-checks of several platforms share."""

from __future__ import annotations

from earful.contracts import Doubtful
from earful.types import Batch, Mention

_MIN_DOUBTFUL = 10  # so many posts rarely vanish between two re-checks: the response may be wrong


def has_changed(stored: Mention, fresh: Mention) -> bool:
    """Tell whether the platform shows another text or other figures than the stored mention."""
    return (stored.text, stored.engagement) != (fresh.text, fresh.engagement)


def raise_if_doubtful(batch: Batch, platform: str, *, requested: int, visible: int) -> Batch:
    """Return the batch; raise Doubtful with it when none of 10 or more posts is visible."""
    if visible or requested < _MIN_DOUBTFUL:
        return batch
    raise Doubtful(
        f"{platform} shows none of {requested} posts that are stored; it is asked again, "
        "and again, before they are taken for deleted",
        batch=batch,
    )
