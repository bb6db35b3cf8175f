"""What was seen, what was missed and since when it is closed; what every account spent.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SPENT = ("requests", "received", "reads", "units", "money", "new", "again", "noise")


def upgrade() -> None:
    op.create_table(
        "coverage",
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("query_id", "part", "since"),
    )
    op.create_table(
        "part",
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("query_id", "part"),
    )
    op.create_table(
        "spending",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("brand_id", sa.String(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SPENT),
        sa.PrimaryKeyConstraint("account", "query_id", "brand_id", "hour"),
    )
    op.create_index("ix_spending_hour", "spending", ["account", "hour"])
    _upgrade_gaps()


def _upgrade_gaps() -> None:
    """The old rows become open gaps of the part ""; of two that overlap, the later is cut."""
    old = op.get_bind().execute(
        sa.text("SELECT query_id, since, until, reason, noted_at FROM gap ORDER BY 1, 2, 3")
    )
    rows, last = [], ("", 0)
    for query_id, since, until, reason, noted_at in old:
        if last[0] == query_id:
            since = max(since, last[1])
        if since < until:
            rows.append((query_id, since, until, reason, noted_at))
            last = (query_id, until)
    op.drop_table("gap")
    gap = op.create_table(
        "gap",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_gap_unfilled",
        "gap",
        ["query_id", "part", "since"],
        sqlite_where=sa.text("state <> 'filled'"),
        postgresql_where=sa.text("state <> 'filled'"),
    )
    op.create_index("ix_gap_query", "gap", ["query_id", "until"])
    names = ("query_id", "since", "until", "reason", "noted_at")
    new = {"part": "", "kind": "limit", "state": "open"}
    op.bulk_insert(gap, [dict(zip(names, row, strict=True)) | new for row in rows])


def downgrade() -> None:
    op.drop_table("spending")
    op.drop_table("part")
    op.drop_table("coverage")
    op.drop_index("ix_gap_query", "gap")
    op.drop_index("ix_gap_unfilled", "gap")
    op.execute(sa.text("DELETE FROM gap WHERE state = 'filled'"))
    op.execute(
        sa.text(
            "DELETE FROM gap WHERE id NOT IN"
            " (SELECT min(id) FROM gap GROUP BY query_id, since, until)"
        )
    )
    with op.batch_alter_table("gap", schema=None) as batch_op:
        for name in ("part", "kind", "state", "closed_at"):
            batch_op.drop_column(name)
        batch_op.create_unique_constraint("uq_gap", ["query_id", "since", "until"])
