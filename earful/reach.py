"""About how many people a mention was put before."""

from __future__ import annotations

# What an ordinary account has. It stands in where a source does not say (no source's customers
# should rank behind another's for that), and for the audience that one share adds.
ORDINARY_FOLLOWERS = 100


def reach(followers: int | None, shares: int) -> int:
    """About how many people a mention was put before: followers, and an ordinary account's
    followers for each share. Unknown followers (None) count as an ordinary account's."""
    known = ORDINARY_FOLLOWERS if followers is None else max(0, followers)
    return known + ORDINARY_FOLLOWERS * max(0, shares)
