"""List the questions and wishes that agents have handled, the last handled one first.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_handled = sa.text("handled_at IS NOT NULL")
    op.create_index(
        "ix_mention_brand_handled",
        "mention_brand",
        ["brand_id", "verdict", "handled_at", "mention_id"],
        sqlite_where=is_handled,
        postgresql_where=is_handled,
    )


def downgrade() -> None:
    op.drop_index("ix_mention_brand_handled", "mention_brand")
