"""How urgent a case is, from its flags: whenever it gains one, and when a post of it goes."""

from __future__ import annotations

from collections.abc import Sequence

# Each flag already counts the complaints before it, so more flags lift their case only a little.
FURTHER_FLAG_BUMP = 2
FURTHER_FLAGS_MOST = 10


def case_priority(severities: Sequence[int]) -> int:
    """A case's priority (0..100) from its flags' severities: the highest, and 2 points for each
    further flag, 10 at most. The order does not matter; without a flag it is 0."""
    if not severities:
        return 0
    bump = min(FURTHER_FLAGS_MOST, FURTHER_FLAG_BUMP * (len(severities) - 1))
    return max(0, min(100, max(severities) + bump))
