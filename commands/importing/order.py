"""An order to import a file: its options as typed, checked and named in this command's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from commands.importing.wording import in_command_words, option_name
from earful.settings.errors import SettingsError, explain, nearest
from earful.settings.load import slug
from earful.types import Brand, Query
from listeners.files.presets import suggest_source
from listeners.files.replay import ReplayOptions
from listeners.mail.mbox import MboxOptions
from pipeline.app import App
from storage.entities import brands

# Rows in one transaction: larger ones bring no more speed, and would hold up polling.
_BATCH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """The file to import and its format.

    ``columns`` maps our fields to the file's columns. ``options`` are further keys of RowOptions,
    as {"encoding": "cp1253"}. Without ``options["timezone"]`` a time that names no zone is in the
    brand's. ``is_mailbox``: the file is an mbox; ``mine`` are the brand's own addresses in it.
    """

    file: Path
    source: str
    brand: str | None = None
    brand_from: str | None = None
    columns: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    rejects: Path
    is_mailbox: bool = False
    mine: tuple[str, ...] = ()

    def row_options(self) -> dict[str, Any]:
        """Return the options of the listener that reads the file."""
        options = {
            "path": str(self.file),
            "source_as": self.source,
            "map": dict(self.columns),
            "batch": _BATCH,
        }
        if self.brand_from is not None:
            options["brand_from"] = self.brand_from
        return options | dict(self.options)


def check_file(file: Path) -> None:
    """Raise SettingsError when the file does not exist."""
    if not file.exists():
        raise SettingsError(f"{file}: there is no such file")


def checked_options(file: Path, options: Mapping[str, Any]) -> ReplayOptions:
    """Return the options, checked; SettingsError names the option as this command has it."""
    try:
        return ReplayOptions.model_validate(dict(options))
    except ValidationError as error:
        lines = explain(str(file), error, ReplayOptions, place_of=option_name)
        raise SettingsError(in_command_words(lines)) from error


def check_source(name: str) -> None:
    """Raise SettingsError for a name of a platform that Earful calls otherwise."""
    suggested = suggest_source(name)
    if suggested is not None:
        raise SettingsError(
            f"--source: {name!r} is not the name that Earful uses (did you mean {suggested!r}?)",
            hint="Imported posts meet the ones of the live listener only under its name.",
        )


def query_of(app: App, order: ImportOrder) -> Query:
    """Return the query that the rows are stored under; stores the order's brand if it is new.

    Raises SettingsError for wrong options.
    """
    if order.is_mailbox:
        return mailbox_query(order, _stored_brand(app, order.brand).id)
    # before the brand is stored: a slip in an option must not leave a new brand behind
    checked_options(order.file, order.row_options())
    brand = None if order.brand_from is not None else _stored_brand(app, order.brand)
    options = order.row_options()
    options.setdefault("timezone", zone_of(app, brand))
    return Query(
        id=f"import/{order.source}/{order.file.name}",
        brand_id=brand.id if brand else "",
        source="replay",
        options=options,
    )


def mailbox_query(order: ImportOrder, brand_id: str) -> Query:
    """Return the query of a mailbox file. Raises SettingsError for an address that is none."""
    options = {"path": str(order.file), "mine": order.mine}
    try:
        MboxOptions.model_validate(options)
    except ValidationError as error:
        lines = explain(str(order.file), error, MboxOptions, place_of=option_name)
        raise SettingsError(in_command_words(lines)) from error
    return Query(
        id=f"import/mbox/{order.file.name}", brand_id=brand_id, source="mbox", options=options
    )


def zone_of(app: App, brand: Brand | None) -> str:
    """Return the zone of times without one: the brand's, or the first brand's for a column."""
    return brand.timezone if brand else app.timezone


def _stored_brand(app: App, name: str | None) -> Brand:
    """Return the rows' brand, which is stored if it is new."""
    brand = named_brand(app, name)
    if brand.id not in brands.all_brands(app.db):
        brands.add_missing(app.db, [brand])
    return brand


def named_brand(app: App, name: str | None) -> Brand:
    """Return the brand of that name, else the only one of ours; stores nothing.

    Raises SettingsError when several brands are ours and none is named.
    """
    if name is not None:
        return brands.all_brands(app.db).get(slug(name)) or Brand(id=slug(name), name=name)
    ours = [brand for brand in app.settings.brands() if brand.ours]
    if len(ours) == 1:
        return ours[0]
    names = [brand.name for brand in ours]
    raise SettingsError(f"--brand is missing: which brand is this file about?{nearest('', names)}")
