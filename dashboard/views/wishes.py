"""Wishes: the posts that suggest something and that no agent has noted."""

from __future__ import annotations

from dashboard import mention_list, states
from dashboard.mention_actions import MentionList
from earful.enums import Intent, Verdict
from storage import queries

WISHES = MentionList(
    title="Wishes",
    intent=Intent.SUGGESTION,
    verdict=Verdict.WISH,
    unit="wish",
    units="wishes",
    next_step="Posts that suggest something. Hand them to the people who can act on them, "
    "then mark them here.",
    button="Noted",
    is_done="Marked as noted",
    read=queries.list_wishes,
    count=queries.count_wishes,
)


# st.navigation runs a page's file as __main__.
if __name__ == "__main__":
    states.draw_guarded(lambda: mention_list.draw_page(WISHES))
