"""Read the newest rows of a case, and its highest severity, without reading the whole case.

Only indexes change; every row stays as it is.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# table, index, columns
_BEFORE = (
    ("flag", "ix_flag_case_id", ["case_id"]),
    ("flag", "ix_flag_author_id", ["author_id"]),
    ("case_event", "ix_case_event_case_id", ["case_id"]),
)
_NOW = (
    ("flag", "ix_flag_case", ["case_id", "published_at", "id"]),
    ("flag", "ix_flag_severity", ["case_id", "severity"]),
    ("flag", "ix_flag_author", ["author_id", "brand_id", "published_at"]),
    ("case_event", "ix_case_event_case", ["case_id", "id"]),
)


def upgrade() -> None:
    for table, name, columns in _NOW:
        op.create_index(name, table, columns)
    for table, name, _columns in _BEFORE:
        op.drop_index(name, table)


def downgrade() -> None:
    for table, name, columns in _BEFORE:
        op.create_index(name, table, columns)
    for table, name, _columns in _NOW:
        op.drop_index(name, table)
