"""Find an author by the handle: files may lack the account's number.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_author_handle", "author", ["source", sa.text("lower(handle)")])


def downgrade() -> None:
    op.drop_index("ix_author_handle", "author")
