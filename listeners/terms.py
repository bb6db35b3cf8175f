"""What to ask a search for that knows no OR."""

from __future__ import annotations

from listeners.match import Matcher, fold


def search_terms(any_of: tuple[str, ...]) -> list[str]:
    """What to search for: handles without their sign, no term twice, and none that a shorter one
    finds anyway ("Acme Plus" beside "Acme")."""
    folded = dict.fromkeys(
        term for one in any_of if (term := fold(one.replace('"', " ")).lstrip("@#"))
    )
    return [
        term
        for term in folded
        if not any(
            other != term and other.isascii() and Matcher([other]).matches(term) for other in folded
        )
    ]
