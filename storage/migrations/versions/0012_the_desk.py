"""Keep what a desk works with: later posts, sleep, due times that explain themselves, an audit.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = ("audit", "same_person", "listed_mention", "case_viewer", "case_draft", "case_tag")


def _case_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("may_be_settled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("later_sentiment", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("snoozed_until", sa.BigInteger(), nullable=True),
        sa.Column("first_contact_by", sa.String(), nullable=True),
        sa.Column("first_contact_url", sa.Text(), nullable=True),
        sa.Column("due_because", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("archived", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def upgrade() -> None:
    for column in _case_columns():
        op.add_column("case", column)
    is_reply = sa.text("reply_to IS NOT NULL")
    op.create_index(
        "ix_mention_reply",
        "mention",
        ["reply_to"],
        sqlite_where=is_reply,
        postgresql_where=is_reply,
    )
    _create_tables_of_cases()
    _create_other_tables()


def _create_tables_of_cases() -> None:
    op.create_table(
        "case_tag",
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("case.id"), primary_key=True),
        sa.Column("tag", sa.String(), primary_key=True),
    )
    op.create_index("ix_case_tag_tag", "case_tag", ["tag"])
    op.create_table(
        "case_draft",
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("case.id"), primary_key=True),
        sa.Column("agent", sa.String(), primary_key=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "case_viewer",
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("case.id"), primary_key=True),
        sa.Column("agent", sa.String(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )


def _create_other_tables() -> None:
    op.create_table(
        "listed_mention",
        sa.Column("mention_id", sa.BigInteger(), sa.ForeignKey("mention.id"), primary_key=True),
        sa.Column("brand_id", sa.String(), sa.ForeignKey("brand.id"), primary_key=True),
        sa.Column("list", sa.String(), primary_key=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("handled_at", sa.BigInteger(), nullable=True),
        sa.Column("handled_by", sa.String(), nullable=True),
    )
    is_unhandled = sa.text("handled_at IS NULL")
    op.create_index(
        "ix_listed_mention_list",
        "listed_mention",
        ["brand_id", "list", "published_at", "mention_id"],
        sqlite_where=is_unhandled,
        postgresql_where=is_unhandled,
    )
    op.create_table(
        "same_person",
        sa.Column("author_id", sa.BigInteger(), sa.ForeignKey("author.id"), primary_key=True),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_same_person_person_id", "same_person", ["person_id"])
    op.create_table(
        "audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("words_hash", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False, unique=True),
    )
    op.create_index("ix_audit_subject", "audit", ["subject", "id"])


def downgrade() -> None:
    op.drop_index("ix_mention_reply", "mention")
    for table in _TABLES:
        op.drop_table(table)
    for column in _case_columns():
        op.drop_column("case", column.name)
