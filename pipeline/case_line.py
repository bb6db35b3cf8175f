"""Convert a stored case for the digest and the alerts."""

from __future__ import annotations

import listeners
from outreach.facts import CaseLine
from outreach.reasons import describe_briefly
from storage.views import CaseView, StoryReach


def case_line(case: CaseView) -> CaseLine:
    """Return the stored case as the outreach package's CaseLine."""
    evidence = case.evidence
    story = case.story or StoryReach(mentions=1, authors=1, reach=0)
    return CaseLine(
        case_id=case.id,
        brand=case.brand,
        handle=case.handle,
        handle_has_at=listeners.handles_have_at(case.source),
        name=case.name,
        source=case.source,
        url=case.url,
        followers=case.followers,
        priority=case.priority,
        status=case.status,
        assignee=case.assignee,
        opened_at=case.opened_at,
        due_at=case.due_at,
        complaints=case.complaints,
        reason=case.reason,
        problem=""
        if evidence is None
        else describe_briefly(evidence.intents, evidence.reasons, ironic=evidence.ironic),
        text=case.text,
        lang=case.language or case.lang,
        mentions=story.mentions,
        accounts=story.authors,
        reach=story.reach,
    )
