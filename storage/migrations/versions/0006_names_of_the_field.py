"""Give tables, columns and indexes the names of their field.

Only names change; every row stays as it is.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# name before, name now
_TABLES = (
    ("about", "mention_brand"),
    ("told", "delivery_case"),
    ("digest", "digest_cursor"),
    ("retired", "retired_id"),
)
# table by its new name, column before, column now
_COLUMNS = (
    ("mention", "feeling", "sentiment"),
    ("revision", "feeling", "sentiment"),
    ("tally", "feeling", "sentiment"),
    ("correction", "label", "sentiment"),
    ("match", "noise", "noise_reason"),
    ("stage", "did", "summary"),
    ("export_log", "which", "filter"),
    ("spending", "again", "already_stored"),
    ("erased_author", "mark", "fingerprint"),
    ("rejected", "item", "location"),
    ("story_band", "kept_at", "stored_at"),
    ("retired_id", "name", "table_name"),
    ("retired_id", "last", "highest_id"),
)
# table by its new name, index before, index now, columns, condition
_INDEXES: tuple[tuple[str, str, str, list[str], str | None], ...] = (
    (
        *("mention_brand", "ix_about_time", "ix_mention_brand_time"),
        *(["brand_id", "published_at"], None),
    ),
    (
        *("mention_brand", "ix_about_unjudged", "ix_mention_brand_unjudged"),
        *(["mention_id", "brand_id"], "verdict = ''"),
    ),
    (
        *("mention_brand", "ix_about_too_old", "ix_mention_brand_too_old"),
        *(["mention_id", "brand_id"], "verdict = 'too_old'"),
    ),
    (
        *("delivery_case", "ix_told_delivery_id", "ix_delivery_case_delivery_id"),
        *(["delivery_id"], None),
    ),
    ("story_band", "ix_story_band_kept", "ix_story_band_stored", ["stored_at"], None),
)


def upgrade() -> None:
    for before, now in _TABLES:
        op.rename_table(before, now)
    for table, before, now in _COLUMNS:
        _rename_column(table, before, now)
    for table, before, now, columns, condition in _INDEXES:
        _rename_index(table, before, now, columns, condition)
    _rename_constraints((now, before, now) for before, now in _TABLES)


def downgrade() -> None:
    _rename_constraints((now, now, before) for before, now in _TABLES)
    for table, before, now in reversed(_COLUMNS):
        _rename_column(table, now, before)
    for table, before, now, columns, condition in _INDEXES:
        old_columns = ["kept_at" if name == "stored_at" else name for name in columns]
        _rename_index(table, now, before, old_columns, condition)
    for before, now in _TABLES:
        op.rename_table(now, before)


def _rename_column(table: str, before: str, now: str) -> None:
    op.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{before}" TO "{now}"')


def _rename_index(
    table: str, before: str, now: str, columns: list[str], condition: str | None
) -> None:
    """Rename an index. SQLite cannot, so there it is built again; PostgreSQL needs no rebuild."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f'ALTER INDEX "{before}" RENAME TO "{now}"')
        return
    op.drop_index(before, table)
    where = None if condition is None else sa.text(condition)
    op.create_index(now, table, columns, sqlite_where=where)


def _rename_constraints(tables: Iterable[tuple[str, str, str]]) -> None:
    """Rename PostgreSQL's constraints ("about_pkey") with their tables; SQLite's have no names.

    ``tables``: (name of the table at this moment, prefix before, prefix now).
    """
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    for table, before, now in tables:
        names = connection.execute(
            sa.text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:table AS regclass)"),
            {"table": table},
        ).scalars()
        for name in names.all():
            if name.startswith(f"{before}_"):
                renamed = now + name.removeprefix(before)
                op.execute(f'ALTER TABLE "{table}" RENAME CONSTRAINT "{name}" TO "{renamed}"')
