"""Columns get the names of their field: sentiment, where it was feeling and label.

Only names change; every row stays as it is.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# table, name before, name now
_COLUMNS = (
    ("mention", "feeling", "sentiment"),
    ("revision", "feeling", "sentiment"),
    ("tally", "feeling", "sentiment"),
    ("correction", "label", "sentiment"),
)


def upgrade() -> None:
    for table, before, now in _COLUMNS:
        op.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{before}" TO "{now}"')


def downgrade() -> None:
    for table, before, now in reversed(_COLUMNS):
        op.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{now}" TO "{before}"')
