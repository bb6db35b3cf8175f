"""The command `earful import`: its options, and the closing text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.importing.column_map import parse_map
from commands.importing.order import ImportOrder
from commands.importing.store import import_file
from commands.progress import counting
from earful.settings.errors import SettingsError
from pipeline.app import opened

cli = typer.Typer()

# as people type them in a shell, where a real tab is hard to write
_DELIMITERS = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@cli.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="JSON, JSONL, CSV, TSV, XLSX, also .gz, .zip, .zst.")
    ],
    source: Annotated[str, typer.Option(help="The platform that the mentions are from.")],
    preset: Annotated[
        str | None, typer.Option("--from", help="The tool that wrote the file: trustpilot, …")
    ] = None,
    brand: Annotated[str | None, typer.Option(help="The brand that all are about.")] = None,
    brand_from: Annotated[str | None, typer.Option(help="The column that names it.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--map", help="text=Body,author=User,…; may be repeated.")
    ] = None,
    dates: Annotated[
        str | None, typer.Option(help="dmy, mdy, ymd, or a format as %d/%m/%Y %H:%M.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="The zone of times that name none; default: the brand's.")
    ] = None,
    rating_scale: Annotated[str | None, typer.Option(help="The scale of ratings: 1-5.")] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", help="jsonl, json, csv, tsv, xlsx; default: found out."),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="utf-8, utf-16, cp1252, …")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What stands between cells: ; or tab.")
    ] = None,
    quotes: Annotated[bool | None, typer.Option(help="Whether cells may be in quotes.")] = None,
    skip: Annotated[int | None, typer.Option(help="Lines above the header.")] = None,
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="Whether the first row names the columns.")
    ] = True,
    items: Annotated[str | None, typer.Option(help="Where a JSON object holds its rows.")] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook.")] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rows that cannot be read go, with their reason.")
    ] = None,
) -> None:
    """Store a file of mentions. Repeating it adds nothing."""
    options: dict[str, Any] = {
        "preset": preset,
        "dates": dates,
        "timezone": timezone,
        "rating_scale": rating_scale,
        "format": file_format,
        "encoding": encoding,
        "delimiter": delimiter and _DELIMITERS.get(delimiter.lower(), delimiter),
        "quotes": quotes,
        "skip": skip,
        "header": None if header else False,
        "items": items,
        "sheet": sheet,
    }
    order = ImportOrder(
        file=file,
        source=source,
        brand=brand,
        brand_from=brand_from,
        columns=parse_map(columns or ()),
        options={name: value for name, value in options.items() if value is not None},
        rejects=rejects or Path(f"{file.name}.rejects.jsonl"),
    )
    _import_and_report(order)


def _import_and_report(order: ImportOrder) -> None:
    """Import the file and print the closing text; SettingsError when no row was read."""
    with opened() as app, counting("read") as advance:
        report = import_file(
            app, order, progress=lambda stored: advance(stored.seen + stored.rejected)
        )
    print(report.closing_line(order.rejects))
    for line in report.details():
        print(line)
    if report.is_empty:
        first = report.first_rejected
        reason = "it holds no rows" if not report.rows else "no row of it is a mention"
        if first is not None:
            reason = f"no row could be read; the first, {first.where}: {first.reason}"
        raise SettingsError(f"{order.file}: {reason}")
