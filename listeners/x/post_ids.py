"""Read X's ids, which are snowflakes, and the times in them.

Their upper bits are the millisecond in which a post, or a version of it, was written
(https://docs.x.com/resources/fundamentals/x-ids).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from listeners.common import times

_ID = re.compile(r"[0-9]{1,19}")
_SNOWFLAKE_EPOCH = times.from_epoch(1288834974.657)


def is_id(value: object) -> bool:
    """Return whether this can be an id of X."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def item_id(item: object, key: str = "id") -> str:
    """Return the id that an object has at ``key``; "" without a readable one."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) and is_id(value) else ""


def time_of_id(number: str) -> datetime | None:
    """Return the instant in an id; None for text that is no id."""
    return time_in_id(number) if _ID.fullmatch(number) else None


def time_in_id(number: str) -> datetime:
    """Return the instant in an id, which must be one."""
    return _SNOWFLAKE_EPOCH + timedelta(milliseconds=int(number) >> 22)
