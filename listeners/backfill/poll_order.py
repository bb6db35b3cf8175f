"""Order the windows of a poll, and store the order of the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from earful.contracts import EdgeError, Spent
from listeners.backfill.windows import RESUME_NONE, BackfillPosition, OpenWindow, PartProgress

PartWindow = tuple[str, OpenWindow]  # the name of a part, and one of its windows


def rotate_parts(names: Sequence[str], next_part: str) -> list[str]:
    """Return the names beginning with ``next_part``, the part that the last poll did not reach.

    Neither a busy part nor one that fails can use up every poll's requests.
    """
    start = names.index(next_part) if next_part in names else 0
    return [*names[start:], *names[:start]]


def sort_old_windows(
    parts: Mapping[str, PartProgress],
    new: Sequence[PartWindow],
    resume_last: tuple[int, str] | None,
) -> list[PartWindow]:
    """Return the windows that earlier polls left open, oldest first.

    The window ``resume_last``, at which an error ended the last poll, and older ones come last.
    """

    def order(part_window: PartWindow) -> tuple[bool, int, str]:
        name, window = part_window
        is_last = resume_last is not None and (window.low, name) <= resume_last
        return is_last, window.low, name

    new_windows = {window for _, window in new}
    old = [
        (name, window)
        for name, progress in parts.items()
        for window in progress.windows
        if window not in new_windows
    ]
    return sorted(old, key=order)


def order_next_poll(
    position: BackfillPosition,
    current: PartWindow,
    new: Sequence[PartWindow],
    error: EdgeError,
) -> None:
    """Store the order of the next poll, after ``error`` ended this one at ``current``."""
    name, window = current
    is_spent = isinstance(error, Spent)
    if window not in {new_window for _, new_window in new}:
        # a window that a budget refused is not broken, so it stays the oldest
        position.resume_last = RESUME_NONE if is_spent else (window.low, name)
    elif is_spent and window.requests == 1:  # its part had none of the budget's requests
        position.next_part = name
