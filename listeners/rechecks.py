"""What the re-checks of several platforms have in common."""

from __future__ import annotations

from earful.types import Mention


def changed(stored: Mention, found: Mention) -> bool:
    """True when a platform shows another text or other figures than we have."""
    return (stored.text, stored.engagement) != (found.text, found.engagement)
