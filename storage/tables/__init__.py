"""The tables. Rows of these classes never leave storage: outside are the facts of earful.types.

``mention.sentiment`` is the word that counts now: a person's correction, else the newest model's
label, "unknown" when it could not tell, "" until classified. ``tally`` counts mentions by brand,
quarter of an hour, source and sentiment; whoever changes a sentiment moves the count in the same
transaction. A quarter, because every time zone's day begins on one.
"""

from __future__ import annotations

from storage.tables.cases import (
    CaseEventRow,
    CaseRow,
    DeliveryRow,
    DigestRow,
    ExportRow,
    FlagRow,
    ToldRow,
)
from storage.tables.collecting import (
    CoverageRow,
    ErasedAuthorRow,
    GapRow,
    PartRow,
    QueryRow,
    RejectedRow,
    RetiredRow,
    SpendingRow,
    StageRow,
    TombstoneRow,
)
from storage.tables.columns import (
    GROUPED,
    NAMES_ITS_ORIGINAL,
    ON_ITS_WAY,
    OPEN_CASE,
    REAL,
    UNFILLED,
    UNGROUPED,
    UNJUDGED,
    UNREAD,
)
from storage.tables.mentions import (
    AboutRow,
    AuthorRow,
    BrandRow,
    CorrectionRow,
    MatchRow,
    MentionRow,
    PredictionRow,
    RevisionRow,
    StoryBandRow,
    StoryRow,
    TallyRow,
)

__all__ = [
    "GROUPED",
    "NAMES_ITS_ORIGINAL",
    "ON_ITS_WAY",
    "OPEN_CASE",
    "REAL",
    "UNFILLED",
    "UNGROUPED",
    "UNJUDGED",
    "UNREAD",
    "AboutRow",
    "AuthorRow",
    "BrandRow",
    "CaseEventRow",
    "CaseRow",
    "CorrectionRow",
    "CoverageRow",
    "DeliveryRow",
    "DigestRow",
    "ErasedAuthorRow",
    "ExportRow",
    "FlagRow",
    "GapRow",
    "MatchRow",
    "MentionRow",
    "PartRow",
    "PredictionRow",
    "QueryRow",
    "RejectedRow",
    "RetiredRow",
    "RevisionRow",
    "SpendingRow",
    "StageRow",
    "StoryBandRow",
    "StoryRow",
    "TallyRow",
    "ToldRow",
    "TombstoneRow",
]
