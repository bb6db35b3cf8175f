"""What posts said before, what must not come back, which message tells of which case, exports.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAMES_ITS_ORIGINAL = sa.text("repost_of <> ''")


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, autoincrement=True, nullable=False)


def upgrade() -> None:
    edition = sa.Column("edition", sa.Integer(), nullable=False, server_default="0")
    op.add_column("mention", edition)
    op.add_column("mention", sa.Column("edited_at", sa.BigInteger(), nullable=True))
    op.add_column("mention", sa.Column("checked_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_mention_repost",
        "mention",
        ["repost_of"],
        sqlite_where=_NAMES_ITS_ORIGINAL,
        postgresql_where=_NAMES_ITS_ORIGINAL,
    )
    op.create_index("ix_match_mention_id", "match", ["mention_id"])
    op.create_table(
        "revision",
        _id(),
        sa.Column("mention_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("feeling", sa.String(), nullable=False),
        sa.Column("predictions", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["mention_id"], ["mention.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_revision_mention_id", "revision", ["mention_id"])
    _upgrade_erasing()
    _upgrade_messages()


def _upgrade_erasing() -> None:
    op.create_table(
        "tombstone",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "external_id"),
    )
    op.create_table(
        "erased_author",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "mark"),
    )
    op.create_table(
        "retired",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _upgrade_messages() -> None:
    op.create_table(
        "told",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"]),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.PrimaryKeyConstraint("case_id", "delivery_id"),
    )
    op.create_index("ix_told_delivery_id", "told", ["delivery_id"])
    op.create_table(
        "export_log",
        _id(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("which", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_export_log_at", "export_log", ["at"])


def downgrade() -> None:
    for table in ("export_log", "told", "retired", "erased_author", "tombstone", "revision"):
        op.drop_table(table)
    op.drop_index("ix_mention_repost", "mention")
    op.drop_index("ix_match_mention_id", "match")
    for column in ("checked_at", "edited_at", "edition"):
        op.drop_column("mention", column)
