"""Pure arithmetic of cases: reach and priority."""

from __future__ import annotations

from collections.abc import Sequence

# What an ordinary account has. It stands in where a source does not say (no source's customers
# should rank behind another's for that), and for the audience that one share adds.
ORDINARY_FOLLOWERS = 100


# Each flag already counts the complaints before it, so more flags lift their case only a little.
FURTHER_FLAG_BUMP = 2
FURTHER_FLAGS_MOST = 10


def reach(followers: int | None, shares: int) -> int:
    """About how many people a mention was put before: followers, and an ordinary account's
    followers for each share. Unknown followers (None) count as an ordinary account's."""
    known = ORDINARY_FOLLOWERS if followers is None else max(0, followers)
    return known + ORDINARY_FOLLOWERS * max(0, shares)


def case_priority(severities: Sequence[int]) -> int:
    """A case's priority (0..100) from its flags' severities: the highest, and 2 points for each
    further flag, 10 at most. The order does not matter; without a flag it is 0."""
    if not severities:
        return 0
    bump = min(FURTHER_FLAGS_MOST, FURTHER_FLAG_BUMP * (len(severities) - 1))
    return max(0, min(100, max(severities) + bump))
