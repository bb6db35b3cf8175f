"""Store and read the brands that settings or an import name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from earful.types import Brand
from storage.database.clean import storable
from storage.database.engine import Database
from storage.database.upsert import insert_new, insert_or_update, table_of
from storage.tables import BrandRow

_BRAND = table_of(BrandRow)
_LISTS = ("aliases", "handles", "own_accounts", "exclude", "competitors")


def sync(db: Database, brands: Iterable[Brand]) -> None:
    """Store the brands of the settings; brands that left the settings keep their history."""
    # nothing is deleted: mentions and cases refer to brands that left the settings
    rows = [_to_row(brand) for brand in brands]
    with db.write() as connection:
        insert_or_update(
            connection,
            BrandRow,
            rows,
            keys=["id"],
            change=lambda new, _old: {
                name: getattr(new, name)
                for name in ("name", "competitor_of", "timezone", "details")
            },
        )


def add_missing(db: Database, brands: Iterable[Brand]) -> None:
    """Add new brands, as an import names them; stored brands stay as they are."""
    with db.write() as connection:
        insert_new(connection, BrandRow, [_to_row(brand) for brand in brands])


def all_brands(db: Database) -> dict[str, Brand]:
    """Read all stored brands by id."""
    with db.read() as connection:
        return read_all(connection)


def read_all(connection: Connection) -> dict[str, Brand]:
    """Read all stored brands by id, inside a transaction."""
    return {row.id: _to_brand(row) for row in connection.execute(select(_BRAND))}


def _to_row(brand: Brand) -> dict[str, Any]:
    return {
        "id": brand.id,
        "name": storable(brand.name, 120),
        "competitor_of": brand.competitor_of,
        "timezone": brand.timezone,
        "details": {name: list(getattr(brand, name)) for name in _LISTS},
    }


def _to_brand(row: Any) -> Brand:
    return Brand(
        id=row.id,
        name=row.name,
        competitor_of=row.competitor_of,
        timezone=row.timezone,
        **{name: tuple(row.details.get(name, ())) for name in _LISTS},
    )
