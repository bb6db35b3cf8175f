"""`earful coverage`: report the seen and missed time of each query; with --cost its spending too.

A reason may quote a platform, so every word is shown as plain text.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from commands.budget_report import AccountSpending, account_spendings
from earful.clock import Window
from earful.command_name import command
from earful.hints import with_hint
from earful.limits import money
from earful.settings.errors import SettingsError, nearest
from earful.untrusted import one_line
from outreach.words import count, length, percent
from pipeline.app import App
from storage.collecting import coverage_report
from storage.collecting import spending as spending_ledger
from storage.collecting.coverage_report import PartCoverage, QueryCoverage
from storage.collecting.coverage_rules import LedgerGap
from storage.collecting.spending import Spending

_MEGABYTE = 1_000_000

# Reasons that earlier versions stored end with the promise that the outlook gives again.
_PROMISE = re.compile(r"[;.,]? it will be tried again\.?$", re.IGNORECASE)


def show(app: App, query: str | None, *, days: int, cost: bool, as_json: bool) -> None:
    """Print the last ``days`` of one query or of all. Raises SettingsError for an unknown one."""
    ids = [configured.id for configured in app.queries]
    if query is not None:
        if query not in ids:
            raise SettingsError(f"--query: there is no query {query!r}{nearest(query, ids)}")
        ids = [query]
    window = Window.last(timedelta(days=days), app.clock())
    coverages = coverage_report.read_coverage(app.db, ids, window)
    spendings = [
        spending
        for spending in spending_ledger.by_query(app.db, window)
        if spending.query_id in ids
    ]
    accounts = account_spendings(app, window.until, ids) if cost else ()
    disabled = {configured.id for configured in app.queries if not configured.enabled}
    if as_json:
        report: dict[str, Any] = {
            "queries": [_query_json(coverage, spendings, disabled) for coverage in coverages]
        }
        if cost:
            report["spent"] = [_spending_json(spending) for spending in spendings]
            report["accounts"] = [asdict(account) for account in accounts]
        print(json.dumps(report, default=_to_json, indent=2, ensure_ascii=False))
        return
    console = Console()
    _print_coverage(console, coverages, spendings, days, disabled)
    if cost:
        _print_cost(console, spendings, accounts)


def _print_coverage(
    console: Console,
    coverages: Sequence[QueryCoverage],
    spendings: Sequence[Spending],
    days: int,
    disabled: Collection[str],
) -> None:
    if not coverages:
        print("settings.toml has no [[listen]] block: nothing is polled")
        return
    table = Table(
        _query_column(), "seen from", "to (UTC)", f"of {count(days, 'day')}", "gaps", "re-read"
    )
    for coverage in coverages:
        reread = _reread_share(coverage, spendings)
        _row(
            table,
            coverage.query_id,
            _moment(coverage.complete_since),
            _moment(coverage.complete_until),
            "" if coverage.share is None else percent(coverage.share, 1),
            sum(len(part.open) for part in coverage.parts if part.live),
            "" if reread is None else percent(reread),
        )
        if len(coverage.parts) > 1:
            for part in coverage.parts:
                _row(table, *_part_cells(part, coverage.window))
    console.print(table)
    # Not wrapped, because the commands in these sentences are copied.
    for line in _sentences(coverages, days, disabled):
        console.print(Text(line), soft_wrap=True)


def _part_cells(part: PartCoverage, window: Window) -> tuple[object, ...]:
    share = percent(coverage_report.share_of(part.covered, window), 1)
    name = f"  {one_line(part.part, 80) or '(the rest)'}"
    name += "" if part.live else " (not polled any more)"
    return name, _moment(part.since), _moment(part.until), share, len(part.open), ""


def _sentences(
    coverages: Sequence[QueryCoverage], days: int, disabled: Collection[str]
) -> Iterator[str]:
    for coverage in coverages:
        yield from _trouble(coverage, is_disabled=coverage.query_id in disabled)
    parts = [(coverage, part) for coverage in coverages for part in coverage.parts]
    open_gaps = [
        _gap_line(coverage, part, gap, _outlook(coverage, part, coverage.query_id in disabled))
        for coverage, part in parts
        for gap in part.open
    ]
    lost_gaps = [_gap_line(coverage, part, gap) for coverage, part in parts for gap in part.lost]
    for title, lines in (("Not seen, open:", open_gaps), ("Not seen, lost:", lost_gaps)):
        if lines:
            yield title
            yield from lines
    filled = sum(part.filled for _, part in parts)
    if filled:
        were = "gap was" if filled == 1 else "gaps were"
        yield f"{filled:,} {were} closed in the last {count(days, 'day')}."


def _trouble(coverage: QueryCoverage, *, is_disabled: bool) -> Iterator[str]:
    since = f"not seen since {_moment(coverage.complete_until)} UTC"
    if coverage.complete_until is None:
        since = "nothing was seen yet"
    if is_disabled:
        yield f"{coverage.query_id}: switched off in settings, {since}"
    elif coverage.paused:
        resume = command(f"poll --resume {shlex.quote(coverage.query_id)}")
        yield with_hint(
            f"{coverage.query_id}: paused, {since}: {one_line(coverage.error or '', 400)}",
            f"When it is fixed, run {resume}.",
        )
    elif coverage.error:
        resumes = f"It goes on at {_moment(coverage.due_at)} UTC." if coverage.due_at else ""
        yield with_hint(f"{coverage.query_id}: {since}: {one_line(coverage.error, 400)}", resumes)
    elif coverage.polled_at is None:
        yield f"{coverage.query_id}: not polled yet"


def _gap_line(
    coverage: QueryCoverage, part: PartCoverage, gap: LedgerGap, outlook: str = ""
) -> str:
    name = f"{coverage.query_id} ({one_line(part.part, 80)})" if part.part else coverage.query_id
    window = f"{_moment(gap.since)} to {_moment(gap.until)} UTC ({length(gap.until - gap.since)})"
    reason = _PROMISE.sub("", one_line(gap.reason, 300))
    return f"  {name}: {window}, {gap.kind}: {reason}{outlook}"


def _outlook(coverage: QueryCoverage, part: PartCoverage, is_disabled: bool) -> str:
    if not part.live:
        return "; settings do not search for it any more"
    if is_disabled:
        return "; looked for again once it is switched on"
    return "; looked for again once it is resumed" if coverage.paused else "; looked for again"


def _reread_share(coverage: QueryCoverage, spendings: Iterable[Spending]) -> float | None:
    """Return the share of mentions that were stored already, 0 to 1; None without mentions."""
    of_query = [spending for spending in spendings if spending.query_id == coverage.query_id]
    total = sum(spending.new + spending.already_stored for spending in of_query)
    return sum(spending.already_stored for spending in of_query) / total if total else None


def _print_cost(
    console: Console, spendings: Sequence[Spending], accounts: Sequence[AccountSpending]
) -> None:
    currencies = {account.account: account.currency for account in accounts}
    is_billed = any(spending.money for spending in spendings)
    has_quota = any(spending.units for spending in spendings)
    table = Table(
        _query_column(),
        *("requests", "MB", "reads"),
        *(["units"] if has_quota else []),
        *(["money"] if is_billed else []),
        *("new", "requests per 1,000 new"),
    )
    for spending in spendings:
        per_thousand = spending.requests_per_thousand
        _row(
            table,
            spending.query_id
            if spending.query_id.startswith(f"{spending.account}/")
            else _with_account(spending),
            *(
                f"{spending.requests:,}",
                f"{spending.received / _MEGABYTE:,.1f}",
                f"{spending.reads:,}",
            ),
            *([f"{spending.units:,}"] if has_quota else []),
            *([money(spending.money, currencies.get(spending.account, ""))] if is_billed else []),
            *(f"{spending.new:,}", "" if per_thousand is None else f"{per_thousand:,.0f}"),
        )
    console.print(table)
    for account in accounts:
        for line in account.sentences():
            console.print(Text(line), soft_wrap=True)


def _with_account(spending: Spending) -> str:
    return f"{spending.query_id} (account {spending.account})"


def _query_column() -> Column:
    # folded, because a name that is cut short cannot be copied
    return Column("query", overflow="fold")


def _row(table: Table, *cells: object) -> None:
    """Add a row of plain words: [brackets] in it are no markup."""
    table.add_row(*(Text(str(cell)) for cell in cells))


def _moment(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _query_json(
    coverage: QueryCoverage, spendings: Iterable[Spending], disabled: Collection[str]
) -> dict[str, Any]:
    """Return a query with the keys that the JSON output promises."""
    return asdict(coverage) | {
        "enabled": coverage.query_id not in disabled,
        "share": coverage.share,
        "read_again": _reread_share(coverage, spendings),
    }


def _spending_json(spending: Spending) -> dict[str, Any]:
    """Give an account's spending the keys that the JSON output promises."""
    values = asdict(spending)
    return values | {"again": values.pop("already_stored")}


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be written as JSON")
