"""The command `earful`. Each command reports its result, and ends with 1 on an error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from commands import arguments, feedback, findings, model, stages
from commands import coverage as coverage_command
from commands import doctor as doctors
from commands import erase as erase_command
from commands import explain as explain_command
from commands.importing import command as import_command
from commands.progress import Advance, counting
from earful import logs
from earful.clock import Window
from earful.contracts import EdgeError
from earful.enums import Intent, Reason
from earful.hints import HintedError
from earful.settings import load as configuration
from earful.settings.errors import SettingsError, nearest
from earful.untrusted import clean_text
from outreach.words import count
from pipeline import digest as digests
from pipeline.app import opened
from pipeline.brand_order import order_brands
from storage import export_log, exports, queries
from storage.database import backup as backups
from storage.database.engine import DatabaseError

# Typer's pretty tracebacks may print local variables, and these hold secrets and mentions
# (https://typer.tiangolo.com/tutorial/exceptions/).
cli = typer.Typer(
    name="earful",
    help="The listening post that a brand runs itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(stages.cli)
cli.add_typer(model.cli)
cli.add_typer(feedback.cli)
cli.add_typer(import_command.cli)
_FIXABLE = (SettingsError, DatabaseError, EdgeError, OSError)


class ExportFormat(StrEnum):
    """The formats that `earful export` writes."""

    CSV = "csv"
    JSONL = "jsonl"


def main() -> None:
    """Run the command line: errors that a person can fix are a sentence, bugs keep a traceback."""
    # strangers' words, addresses and names: other users of this machine have no business with them
    os.umask(0o077)
    for stream in (sys.stdout, sys.stderr):
        # a mention may hold letters that the terminal's encoding lacks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        cli()
    # markup off: an error may quote a platform's [brackets]
    except _FIXABLE as error:
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        # cleaned: an error may quote a file's escape codes
        console.print(f"earful: {clean_text(str(error))}", style="red", markup=False)
        if isinstance(error, HintedError) and error.excerpt:
            console.print(indent(error.excerpt, "  "), markup=False)
        sys.exit(1)
    # 128 + SIGINT, as shells expect
    except KeyboardInterrupt:
        sys.exit(130)


@cli.callback()
def _configure(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more in the log.")] = False,
) -> None:
    logs.configure(verbose=verbose)


@cli.command()
def demo(
    summary_only: Annotated[
        bool, typer.Option("--once", help="No page: print a summary and end.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Where the page listens.", min=1, max=65535)] = (
        None
    ),
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Play fourteen days of an invented brand through the real path, on this machine alone."""
    from commands import demo as demonstration

    sys.exit(demonstration.run(summary_only=summary_only, port=port, browser=browser))


@cli.command()
def up(
    page: Annotated[bool, typer.Option(help="Serve the command center too.")] = True,
    port: Annotated[int | None, typer.Option(help="Where the page listens.", min=1, max=65535)] = (
        None
    ),
) -> None:
    """Listen, classify, flag and deliver on schedule, and serve the command center."""
    # Streamlit loads slowly: only this command and the demo pay for it.
    from commands.up import serve
    from dashboard import launch

    # first of all: a taken port is named before a database is made
    listener = launch.listen(configuration.load(), port=port) if page else None
    with opened() as app:
        sys.exit(serve(app, listener, port=port))


@cli.command()
def export(
    file: Annotated[Path, typer.Option("--out", help="The file to write.")],
    file_format: Annotated[ExportFormat, typer.Option("--format")] = ExportFormat.CSV,
    brand: Annotated[str | None, typer.Option(help="About this brand alone.")] = None,
    since: Annotated[str | None, typer.Option(help="Published from then on.")] = None,
    until: Annotated[str | None, typer.Option(help="Published before then.")] = None,
    sentiment: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(exports.SENTIMENTS)}; may be repeated.")
    ] = None,
    toward: Annotated[
        list[str] | None, typer.Option(help="Toward its brand, as --sentiment; may be repeated.")
    ] = None,
    intent: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(Intent)}; may be repeated.")
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(Reason)}; may be repeated.")
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    flagged: Annotated[bool | None, typer.Option(help="Only those flagged, or not.")] = None,
) -> None:
    """Take stored mentions away as a file: whole or not at all."""
    sentiments = _parse_words("--sentiment", sentiment, "sentiment", exports.SENTIMENTS)
    towards = _parse_words("--toward", toward, "sentiment", exports.SENTIMENTS)
    intents = _parse_words("--intent", intent, "intent", [item.value for item in Intent])
    reasons = _parse_words("--reason", reason, "reason", [item.value for item in Reason])
    with opened() as app:
        chosen = arguments.brand_named(app, brand)
        export_filter = exports.ExportFilter(
            brand_id=chosen.id if chosen else None,
            window=arguments.window(since, until, chosen),
            sentiments=sentiments,
            sources=tuple(source or ()),
            flagged=flagged,
            toward=towards,
            intents=intents,
            reasons=reasons,
        )
        with counting("written") as advance:
            number = exports.write_file(
                file, file_format.value, _counted(exports.read_rows(app.db, export_filter), advance)
            )
        # The log holds the options as they were typed: a reader can repeat the export with them.
        words = {"brand": brand, "since": since, "until": until, "flagged": flagged}
        words |= {"sentiment": ", ".join(sentiments), "source": ", ".join(source or ())}
        words |= {"toward": ", ".join(towards)}
        words |= {"intent": ", ".join(intents), "reason": ", ".join(reasons)}
        # `earful erase` names the exports that may still hold an erased person.
        export_log.log_export(
            app.db,
            export_log.LoggedExport(
                at=app.clock(),
                by=arguments.current_user(),
                path=str(file.resolve()),
                format=file_format.value,
                rows=number,
                filter="; ".join(f"{k} {v}" for k, v in words.items() if v not in (None, "")),
            ),
        )
    print(f"{count(number, 'row')} written to {file}")


@cli.command()
def erase(
    author: Annotated[
        str | None, typer.Option(help="SOURCE:ID or SOURCE:HANDLE; everything about them.")
    ] = None,
    mention: Annotated[str | None, typer.Option(help="SOURCE:ID; one post.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person or a post for good, and store neither again."""
    with opened() as app:
        is_erased = erase_command.erase(
            app, author, mention, confirm=lambda question: yes or typer.confirm(question)
        )
    sys.exit(0 if is_erased else 1)


@cli.command()
def explain(
    name: Annotated[
        str,
        typer.Argument(metavar="MENTION|CASE", help="SOURCE:ID, mention:NUMBER or case:NUMBER."),
    ],
    every_mention: Annotated[
        bool, typer.Option("--all", help="Every mention of a case, not the newest 20.")
    ] = False,
) -> None:
    """Say why a mention was flagged or not, and whether it still would be today."""
    with opened() as app:
        explain_command.show(app, name, every_mention=every_mention)


@cli.command()
def coverage(
    query: Annotated[str | None, typer.Option(help="This query alone, by its id.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How far to look back.")] = 7,
    cost: Annotated[bool, typer.Option("--cost", help="Also what was spent on it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Report the seen and missed time of each query, with the reasons."""
    with opened() as app:
        coverage_command.show(app, query, days=days, cost=cost, as_json=as_json)


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The copy to write.")],
) -> None:
    """Copy the SQLite database, also while `earful up` runs."""
    with opened() as app:
        size = backups.back_up(app.db, file)
        # `earful erase` names the copies that still hold an erased person
        export_log.log_file(
            app.db, file, export_log.BACKUP, by=arguments.current_user(), at=app.clock()
        )
        inbox = app.settings.feedback.inbox
    print(f"{size / 1_000_000:,.1f} MB written to {file}")
    print(f"Not in it: settings.toml, your keys, and the folder {inbox}. Copy them too.")


@cli.command()
def doctor() -> None:
    """Check settings, database, model, sources and channels, and say how to fix each problem."""
    signs = {findings.GOOD: "ok ", findings.LOOK: "?  ", findings.BAD: "BAD"}
    bad = False
    for finding in doctors.examine(configuration.load):
        bad |= finding.state == findings.BAD
        print(f"{signs[finding.state]} {finding.part}: {finding.result}")
        if finding.hint:
            print(f"      -> {finding.hint}")
        if finding.excerpt:
            print(indent(finding.excerpt, " " * 9))
    sys.exit(1 if bad else 0)


@cli.command()
def status() -> None:
    """Show brands, queue and problems in a table."""
    with opened() as app:
        state = queries.health(app.db)
        table = Table("brand", "mentions", "net sentiment", "unhappy now", "overdue")
        now = app.clock()
        window = Window(since=datetime(1970, 1, 1, tzinfo=UTC), until=now)
        for view in order_brands(app.db, app.settings):
            numbers = queries.headline(
                app.db, view.id, window, now=now, urgent_at=app.settings.rules.urgent_at
            )
            net = numbers.now.net_sentiment
            table.add_row(
                view.name,
                f"{numbers.now.mentions:,}",
                "" if net is None else f"{net:+.0f}",
                f"{numbers.unhappy_now:,}",
                f"{numbers.overdue:,}",
            )
    Console().print(table)
    print(f"{count(state.pending, 'mention')} to be classified")
    for problem in digests.problems(app.db, app.queries, now):
        print(problem)


def _parse_words(
    option: str, values: list[str] | None, noun: str, words: Sequence[str]
) -> tuple[str, ...]:
    """Return the values of an option that takes some of ``words``. Raises SettingsError."""
    for value in values or ():
        if value not in words:
            raise SettingsError(f"{option}: {value!r} is no {noun}{nearest(value, words)}")
    return tuple(values or ())


def _counted(rows: Iterator[dict[str, Any]], advance: Advance) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield row
        advance(1)
