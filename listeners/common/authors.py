"""Authors of posts whose account the platform does not name."""

from __future__ import annotations

import re

from earful.types import ANONYMOUS_PREFIX, Author

# what programs write into an empty cell
NOTHING = frozenset(
    {"", "nan", "nat", "none", "null", "nil", "undefined", "n/a", "n.a.", "<na>", "(null)"}
    | {"#n/a", "#name?", "#ref!", "#value!", "#null!", "#num!", "#div/0!", "(empty)", "(blank)"}
)
# names that platforms show for any account that is gone, or that hides its name
_NOBODY = NOTHING | {
    *("-", "--", "—", "?", "unknown", "anonymous", "anonymous user", "deleted account"),
    *("deleted user", "a google user", "google user", "facebook user", "amazon customer"),
}
_GONE = re.compile(r"[\[(<]\s*(?:deleted|removed|suspended|unknown)(?: \w+){0,3}\s*[\])>]")
_LONGEST = 30  # characters of such a name


def is_nobody(name: str) -> bool:
    """Tell whether a name stands for no account, as "nan", "[deleted]" or "A Google user" do."""
    if len(name) > _LONGEST:
        return False
    folded = name.strip().lower()
    return folded in _NOBODY or (folded[:1] in "[(<" and _GONE.fullmatch(folded) is not None)


def anonymous_author(
    source: str, external_id: str, *, handle: str = "", name: str | None = None
) -> Author:
    """Make the author of one post whose account is unknown.

    ``external_id`` is the post's. Each such post gets an author of its own: two people without an
    account must not become one customer.
    """
    return Author(
        source=source,
        external_id=f"{ANONYMOUS_PREFIX}{external_id}",
        handle=handle or "anonymous",
        name=name,
    )


def is_anonymous(author: Author) -> bool:
    """Tell whether ``anonymous_author`` made this author."""
    return author.external_id.startswith(ANONYMOUS_PREFIX)
