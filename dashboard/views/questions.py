"""Questions: the posts that ask something and that no agent has answered."""

from __future__ import annotations

from dashboard import mention_list, states
from dashboard.mention_actions import MentionList
from earful.enums import Intent, Verdict
from storage import queries

QUESTIONS = MentionList(
    title="Questions",
    intent=Intent.QUESTION,
    verdict=Verdict.QUESTION,
    unit="question",
    units="questions",
    next_step="Posts that ask something and complain about nothing. "
    "Answer where they were written, then mark them here.",
    button="Answered",
    is_done="Marked as answered",
    read=queries.list_questions,
    count=queries.count_questions,
)


# st.navigation runs a page's file as __main__.
if __name__ == "__main__":
    states.draw_guarded(lambda: mention_list.draw_page(QUESTIONS))
