"""The language that a text was found to be written in stands beside the model's answer.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prediction", sa.Column("language", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("prediction", "language")
