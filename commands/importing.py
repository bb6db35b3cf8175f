"""`earful import`: store a file of mentions through the same listener and ingest as a source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earful.settings.errors import SettingsError, nearest
from earful.settings.load import slug
from earful.types import Batch, Brand, Query
from listeners import check_query
from pipeline.app import App
from pipeline.poll import Polled, store_all
from storage.collecting.ingest import IngestCounts
from storage.entities import brands

# Rows in one transaction: larger ones bring no more speed, and would hold up polling.
_BATCH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """The file to import and its format; ``columns`` maps our fields to the file's columns."""

    file: Path
    source: str
    brand: str | None = None
    brand_from: str | None = None
    columns: dict[str, str]
    file_format: str | None = None
    timezone: str | None = None
    rejects: Path


def parse_map(text: str) -> dict[str, str]:
    """ "text=body,id=key" as {"text": "body", "id": "key"}; SettingsError names a wrong part."""
    columns: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        field, equals, column = part.partition("=")
        if not equals or not field.strip() or not column.strip():
            raise SettingsError(
                f"--map: {part!r} is not FIELD=COLUMN", hint="Write text=body,id=key."
            )
        columns[field.strip()] = column.strip()
    return columns


def import_file(
    app: App, order: ImportOrder, *, progress: Callable[[IngestCounts], None]
) -> Polled:
    """Store every mention of the file; repeating it adds nothing. Rejects go to their own file.

    Raises SettingsError for wrong options, and the listener's Permanent or Transient when the file
    cannot be read to its end; the rows before that are stored.
    """
    if not order.file.exists():
        raise SettingsError(f"{order.file}: there is no such file")
    query = _query(app, order)
    check_query(query)
    total = Polled(queries=1)
    # From the first row each time: storage drops the stored ones (test_a_file_comes_in_once).
    batches = app.listener(query).poll(query, None)
    with RejectsFile(order.rejects) as rejects:
        store_all(
            app.db,
            query,
            rejects.write_rejects(batches),
            clock=app.clock,
            total=total,
            progress=progress,
        )
    return total


def _query(app: App, order: ImportOrder) -> Query:
    options: dict[str, Any] = {
        "path": str(order.file),
        "source_as": order.source,
        "map": order.columns,
        "batch": _BATCH,
    }
    optional = (
        ("brand_from", order.brand_from),
        ("format", order.file_format),
        ("timezone", order.timezone),
    )
    options |= {name: value for name, value in optional if value is not None}
    return Query(
        id=f"import/{order.source}/{order.file.name}",
        brand_id=_brand_id(app, order),
        source="replay",
        options=options,
    )


def _brand_id(app: App, order: ImportOrder) -> str:
    """Return the id of the rows' brand, which is stored if it is new; "" for a brand column."""
    stored = brands.all_brands(app.db)
    if order.brand_from is not None:
        if order.brand is not None:
            raise SettingsError("--brand and --brand-from: give one of the two")
        return ""
    if order.brand is not None:
        brand = Brand(id=slug(order.brand), name=order.brand)
        if brand.id not in stored:
            brands.add_missing(app.db, [brand])
        return brand.id
    ours = [brand for brand in app.settings.brands() if brand.ours]
    if len(ours) == 1:
        return ours[0].id
    names = [brand.name for brand in ours]
    raise SettingsError(f"--brand is missing: which brand is this file about?{nearest('', names)}")


class RejectsFile:
    """A file of unreadable rows with their reasons; created with the first row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write_rejects(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches as they come, and write their rejects."""
        for batch in batches:
            for rejected in batch.rejected:
                line = {"where": rejected.where, "reason": rejected.reason, "raw": rejected.raw}
                # ASCII, because a bad row may hold half of a surrogate pair, which UTF-8 cannot.
                print(json.dumps(line, ensure_ascii=True), file=self._open())
            yield batch

    def _open(self) -> Any:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Overwritten, because a repeated import meets the same bad rows.
            self._file = self._path.open("w", encoding="utf-8")
        return self._file
