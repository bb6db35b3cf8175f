"""What is about none of our brands, who said the same before, and what was given beside words.

What is stored already is about a brand, and each mention is a story of its own: it was judged so.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_REAL, _UNGROUPED = sa.text("NOT noise"), sa.text("story_id IS NULL AND NOT noise")
_GROUPED = sa.text("story_id IS NOT NULL")
_ALL_THERE_WAS = """
    INSERT INTO story (id, mentions, authors, reach)
    SELECT mention.id, 1, 1, coalesce(author.followers, 100)
           + 100 * CASE WHEN mention.shares < 1000000000 THEN mention.shares ELSE 1000000000 END
    FROM mention JOIN author ON author.id = mention.author_id
"""


def upgrade() -> None:
    op.add_column(
        "match", sa.Column("noise", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.add_column(
        "mention", sa.Column("noise", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("mention", sa.Column("story_id", sa.BigInteger(), nullable=True))
    op.add_column("mention", sa.Column("rating_kind", sa.String(), nullable=True))
    for name in ("rating_value", "rating_lowest", "rating_highest"):
        op.add_column("mention", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("flag", sa.Column("story_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "story",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mentions", sa.BigInteger(), nullable=False),
        sa.Column("authors", sa.BigInteger(), nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "story_band",
        sa.Column("band", sa.BigInteger(), nullable=False),
        sa.Column("story_id", sa.BigInteger(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("band", "story_id"),
        sqlite_with_rowid=False,
    )
    # before the long work, so that it is not kept up to date for nothing
    op.drop_index("ix_mention_model", "mention")
    for statement in (_ALL_THERE_WAS, _own_stories(), "UPDATE flag SET story_id = mention_id"):
        op.execute(sa.text(statement))
    op.create_index("ix_story_band_kept", "story_band", ["kept_at"])
    op.create_index("ix_story_band_story", "story_band", ["story_id"])
    op.create_index("ix_flag_story", "flag", ["story_id"])
    op.create_index(
        "ix_mention_story",
        "mention",
        ["story_id", "author_id"],
        sqlite_where=_GROUPED,
        postgresql_where=_GROUPED,
    )
    op.create_index(
        "ix_mention_ungrouped",
        "mention",
        ["id"],
        sqlite_where=_UNGROUPED,
        postgresql_where=_UNGROUPED,
    )
    op.create_index(
        "ix_mention_model",
        "mention",
        ["model_id", "id"],
        sqlite_where=_REAL,
        postgresql_where=_REAL,
    )


def _own_stories() -> str:
    """Each mention tells its own story. PostgreSQL writes a table anew in a fraction of the time
    that an update of every row and of every index takes."""
    if op.get_bind().dialect.name == "postgresql":
        return "ALTER TABLE mention ALTER COLUMN story_id TYPE BIGINT USING id"
    return "UPDATE mention SET story_id = id"


def downgrade() -> None:
    op.drop_index("ix_mention_model", "mention")
    op.create_index("ix_mention_model", "mention", ["model_id", "id"])
    op.drop_index("ix_mention_ungrouped", "mention")
    op.drop_index("ix_mention_story", "mention")
    op.drop_index("ix_flag_story", "flag")
    op.drop_table("story_band")
    op.drop_table("story")
    op.drop_column("flag", "story_id")
    for name in ("rating_highest", "rating_lowest", "rating_value", "rating_kind"):
        op.drop_column("mention", name)
    op.drop_column("mention", "story_id")
    op.drop_column("mention", "noise")
    op.drop_column("match", "noise")
