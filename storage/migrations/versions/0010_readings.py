"""Store what a mention says about each of its brands, and list questions and wishes.

Predictions stay as they are. A mention has no reading until a model has read it again.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_WORDS = ("toward", "intent", "reason")
# index, columns, condition
_INDEXES = (
    ("ix_mention_brand_late", ["mention_id", "brand_id"], "verdict = 'late'"),
    (
        "ix_mention_brand_question",
        ["brand_id", "published_at", "mention_id"],
        "verdict = 'question' AND handled_at IS NULL",
    ),
    (
        "ix_mention_brand_wish",
        ["brand_id", "published_at", "mention_id"],
        "verdict = 'wish' AND handled_at IS NULL",
    ),
)


def upgrade() -> None:
    op.create_table(
        "reading",
        sa.Column("mention_id", sa.BigInteger(), sa.ForeignKey("mention.id"), nullable=False),
        sa.Column("brand_id", sa.String(), sa.ForeignKey("brand.id"), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("toward_negative", sa.Float(), nullable=False),
        sa.Column("toward_neutral", sa.Float(), nullable=False),
        sa.Column("toward_positive", sa.Float(), nullable=False),
        sa.Column("irony", sa.Float(), nullable=False),
        sa.Column("ironic", sa.Boolean(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("could_not_tell", sa.Boolean(), nullable=False),
        sa.Column("intents", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("mention_id", "brand_id", "model_id"),
    )
    for name in _WORDS:
        op.add_column(
            "mention_brand",
            sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")),
        )
    op.add_column("mention_brand", sa.Column("handled_at", sa.BigInteger(), nullable=True))
    op.add_column("mention_brand", sa.Column("handled_by", sa.Text(), nullable=True))
    for name, columns, condition in _INDEXES:
        where = sa.text(condition)
        op.create_index(name, "mention_brand", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, _columns, _condition in _INDEXES:
        op.drop_index(name, "mention_brand")
    for name in (*_WORDS, "handled_at", "handled_by"):
        op.drop_column("mention_brand", name)
    op.drop_table("reading")
