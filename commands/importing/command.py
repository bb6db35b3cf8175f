"""The command `earful import`: its options, and the closing text."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from commands import arguments
from commands.importing.column_map import parse_map
from commands.importing.mailbox import mailbox_plan
from commands.importing.order import (
    ImportOrder,
    check_file,
    check_source,
    named_brand,
    zone_of,
)
from commands.importing.plan import Plan, Request, make_plan
from commands.importing.preview import count_rows, describe, first_rows
from commands.importing.store import import_file
from commands.importing.wording import in_command_words
from commands.progress import counting
from earful.settings.errors import SettingsError
from listeners.files.content import IsMailbox
from pipeline.app import App, opened
from storage import export_log

cli = typer.Typer()

# as people type them in a shell, where a real tab is hard to write
_DELIMITERS = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@cli.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="JSON, JSONL, CSV, TSV, XLSX, mbox, also .gz, .zip, .zst.")
    ],
    source: Annotated[
        str | None, typer.Option(help="The platform that the mentions are from.")
    ] = None,
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
    mine: Annotated[
        list[str] | None,
        typer.Option(help="Your own address or domain in a mailbox; may be repeated."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rows that cannot be read go, with their reason.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how the file is read, and store nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
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
    check_file(file)
    if source is not None:
        check_source(source)
    if brand is not None and brand_from is not None:
        raise SettingsError("--brand and --brand-from: give one of the two")
    request = Request(
        file=file,
        columns=parse_map(columns or ()),
        options={name: value for name, value in options.items() if value is not None},
        source=source,
        brand_from=brand_from,
        is_dry_run=dry_run,
    )
    own_addresses = tuple(mine or ())
    try:
        plan = make_plan(request)
    except IsMailbox:
        plan = mailbox_plan(request, own_addresses)
    order = ImportOrder(
        file=file,
        source=plan.source or "unnamed",
        brand=None if plan.brand_from else brand,
        brand_from=plan.brand_from or brand_from,
        columns=plan.columns,
        options=plan.options,
        rejects=rejects or Path(f"{file.name}.rejects.jsonl"),
        is_mailbox=plan.is_mailbox,
        mine=own_addresses,
    )
    with opened() as app:
        if _is_confirmed(app, plan, order, dry_run=dry_run, yes=yes):
            _import_and_report(app, order, plan)


def _is_confirmed(app: App, plan: Plan, order: ImportOrder, *, dry_run: bool, yes: bool) -> bool:
    """Show the plan where a person needs it; return whether the file is to be stored.

    Raises SettingsError for open questions, and without a terminal to ask in.
    """
    brand = None if order.brand_from is not None else named_brand(app, order.brand)
    zone = order.options.get("timezone") or zone_of(app, brand)
    if dry_run or not plan.is_certain or plan.questions:
        about = brand.name if brand else f"by the column {order.brand_from}"
        _print_lines(describe(plan, order, about, zone))
    if plan.questions and not dry_run:
        raise SettingsError(
            f"{order.file}: nothing was stored", hint=in_command_words(plan.questions[0])
        )
    if dry_run:
        if not plan.source:
            print("open: --source is missing. Write --source x, or any other name.")
        if not plan.questions:
            _print_lines(first_rows(order, zone, app.clock))
            with counting("read") as advance:
                _print_lines(count_rows(order, zone, app.clock, advance))
        return False
    if plan.is_certain or yes:
        return True
    _print_lines(first_rows(order, zone, app.clock))
    if not sys.stdin.isatty():
        raise SettingsError(
            f"{order.file}: nothing was stored: how the file is read has to be confirmed",
            hint="Add --yes to store it so, or name the columns with --map.",
        )
    if not typer.confirm("Store the file like this?"):
        raise SettingsError(f"{order.file}: nothing was stored, as you answered")
    return True


def _brand_zone(app: App, order: ImportOrder) -> str | None:
    """Return the brand's zone, in which times without one were read; None for another zone."""
    if "timezone" in order.options:
        return None
    return zone_of(app, None if order.brand_from is not None else named_brand(app, order.brand))


def _log_files(app: App, order: ImportOrder, *, has_rejects: bool) -> None:
    """Record the file and its rejects: `earful erase` looks into both for an erased person."""
    by, at = arguments.current_user(), app.clock()
    export_log.log_file(app.db, order.file, export_log.IMPORT, by=by, at=at)
    if has_rejects:
        export_log.log_file(app.db, order.rejects, export_log.REJECTS, by=by, at=at)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _import_and_report(app: App, order: ImportOrder, plan: Plan) -> None:
    """Import the file and print the closing text; SettingsError when no row was read."""
    with counting("read") as advance:
        report = import_file(
            app, order, progress=lambda stored: advance(stored.seen + stored.rejected)
        )
    _log_files(app, order, has_rejects=report.rejected > 0)
    if not report.rows and report.broken is None:
        raise SettingsError(f"{order.file}: it holds no rows")
    if report.rows:
        print(report.closing_line(order.rejects))
    first = report.first_unread()
    if first and not report.is_empty:
        print(f"the first not read, {first}")
    _print_lines(report.assumptions(_brand_zone(app, order)))
    if plan.is_certain and plan.inspection is not None:
        # a plan that a person confirmed has shown them
        _print_lines(f"assumed: {note}" for note in plan.inspection.notes)
    if report.broken is not None:
        raise SettingsError(
            in_command_words(report.broken.sentence), hint=in_command_words(report.broken.hint)
        ) from report.broken
    if report.is_empty:
        reason = "no row of it is a mention"
        if first:
            reason = f"no row could be read; the first, {first}"
        raise SettingsError(f"{order.file}: {reason}")
