"""Define the tables. Rows never leave storage: other packages get the facts of earful.types.

``mention.sentiment`` is the word that counts now: a person's correction, else the newest model's
label, "unknown" when it could not tell, "" until classified. ``tally`` counts mentions by brand,
quarter of an hour, source and sentiment; a change of a sentiment moves the count in the same
transaction. A quarter, because every time zone's day begins on one.
"""

from __future__ import annotations

from storage.tables.cases import (
    CaseEventRow,
    CaseRow,
    DeliveryCaseRow,
    DeliveryRow,
    DigestCursorRow,
    ExportRow,
    FlagRow,
)
from storage.tables.collecting import (
    CoverageRow,
    ErasedAuthorRow,
    GapRow,
    PartRow,
    QueryRow,
    RejectedRow,
    RetiredIdRow,
    SpendingRow,
    StageRow,
    TombstoneRow,
)
from storage.tables.columns import (
    GROUPED,
    IS_REPOST,
    NOT_NOISE,
    OPEN_CASE,
    UNFILLED_GAP,
    UNGROUPED,
    UNJUDGED,
    UNREAD,
    UNSENT,
)
from storage.tables.mentions import (
    AuthorRow,
    BrandRow,
    CorrectionRow,
    MatchRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    RevisionRow,
    StoryBandRow,
    StoryRow,
    TallyRow,
)

__all__ = [
    "GROUPED",
    "IS_REPOST",
    "NOT_NOISE",
    "OPEN_CASE",
    "UNFILLED_GAP",
    "UNGROUPED",
    "UNJUDGED",
    "UNREAD",
    "UNSENT",
    "AuthorRow",
    "BrandRow",
    "CaseEventRow",
    "CaseRow",
    "CorrectionRow",
    "CoverageRow",
    "DeliveryCaseRow",
    "DeliveryRow",
    "DigestCursorRow",
    "ErasedAuthorRow",
    "ExportRow",
    "FlagRow",
    "GapRow",
    "MatchRow",
    "MentionBrandRow",
    "MentionRow",
    "PartRow",
    "PredictionRow",
    "QueryRow",
    "RejectedRow",
    "RetiredIdRow",
    "RevisionRow",
    "SpendingRow",
    "StageRow",
    "StoryBandRow",
    "StoryRow",
    "TallyRow",
    "TombstoneRow",
]
