"""Authors of posts whose account the platform does not name."""

from __future__ import annotations

from earful.types import Author

_PREFIX = "anonymous-"


def anonymous_author(
    source: str, external_id: str, *, handle: str = "", name: str | None = None
) -> Author:
    """Make the author of one post whose account is unknown.

    ``external_id`` is the post's. Each such post gets an author of its own: two people without an
    account must not become one customer.
    """
    return Author(
        source=source,
        external_id=f"{_PREFIX}{external_id}",
        handle=handle or "anonymous",
        name=name,
    )


def is_anonymous(author: Author) -> bool:
    """Tell whether ``anonymous_author`` made this author."""
    return author.external_id.startswith(_PREFIX)
