"""Compute the reach of mentions and the priority of cases."""

from __future__ import annotations

# The followers of an ordinary account. They stand in where a source names none, so that no source's
# customers rank behind another's, and for the audience that one share adds.
ORDINARY_FOLLOWERS = 100


# Each flag already counts the complaints before it, so more flags lift their case only a little.
FURTHER_FLAG_BUMP = 2
MAX_FURTHER_FLAG_BUMP = 10


def reach(followers: int | None, shares: int) -> int:
    """Estimate the audience of a mention: followers, and an ordinary account's for each share.

    Unknown followers (None) count as an ordinary account's.
    """
    audience = ORDINARY_FOLLOWERS if followers is None else max(0, followers)
    return audience + ORDINARY_FOLLOWERS * max(0, shares)


def priority_of(highest_severity: int, flags: int) -> int:
    """Return a case's priority (0 to 100) from its highest severity and its number of flags.

    It is the highest severity, and 2 points for each further flag, 10 at most; 0 without a flag.
    """
    if not flags:
        return 0
    bump = min(MAX_FURTHER_FLAG_BUMP, FURTHER_FLAG_BUMP * (flags - 1))
    return max(0, min(100, highest_severity + bump))
