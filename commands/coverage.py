"""`earful coverage`: what was seen of each source, what was not and why; with --cost, for how much.

What a platform said can stand in a reason, so every word is shown as plain text.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from commands.budget_report import AccountState, states
from earful.clock import Window
from earful.hints import with_hint
from earful.limits import money
from earful.settings.errors import SettingsError, nearest
from earful.untrusted import one_line
from outreach.words import count, length, percent
from pipeline.app import App
from storage.collecting import coverage_report, spending
from storage.collecting.coverage_report import PartCoverage, QueryCoverage
from storage.collecting.coverage_rules import LedgerGap
from storage.collecting.spending import Spending

_MEGABYTE = 1_000_000


def show(app: App, query: str | None, *, days: int, cost: bool, as_json: bool) -> None:
    """Print the last ``days`` of one query or of all. Raises SettingsError for an unknown one."""
    ids = [one.id for one in app.queries]
    if query is not None:
        if query not in ids:
            raise SettingsError(f"--query: there is no query {query!r}{nearest(query, ids)}")
        ids = [query]
    window = Window.last(timedelta(days=days), app.clock())
    found = coverage_report.read_coverage(app.db, ids, window)
    spent = [one for one in spending.by_query(app.db, window) if one.query_id in ids]
    accounts = states(app, window.until, ids) if cost else ()
    off = {one.id for one in app.queries if not one.enabled}
    if as_json:
        told: dict[str, Any] = {"queries": [_plain(one, spent, off) for one in found]}
        if cost:
            told["spent"] = [_spending_json(one) for one in spent]
            told["accounts"] = [asdict(one) for one in accounts]
        print(json.dumps(told, default=_written, indent=2, ensure_ascii=False))
        return
    console = Console()
    _print_coverage(console, found, spent, days, off)
    if cost:
        _print_cost(console, spent, accounts)


def _print_coverage(
    console: Console,
    found: Sequence[QueryCoverage],
    spent: Sequence[Spending],
    days: int,
    off: Collection[str],
) -> None:
    if not found:
        print("settings.toml has no [[listen]] block: nothing is asked")
        return
    table = Table(
        _query_column(), "seen from", "to (UTC)", f"of {count(days, 'day')}", "gaps", "re-read"
    )
    for one in found:
        again = _read_again(one, spent)
        _row(
            table,
            one.query_id,
            _moment(one.complete_since),
            _moment(one.complete_until),
            "" if one.share is None else percent(one.share, 1),
            sum(len(part.open) for part in one.parts if part.live),
            "" if again is None else percent(again),
        )
        if len(one.parts) > 1:
            for part in one.parts:
                _row(table, *_part_cells(part, one.window))
    console.print(table)
    for line in _sentences(found, days, off):
        console.print(Text(line), soft_wrap=True)


def _part_cells(part: PartCoverage, window: Window) -> tuple[object, ...]:
    share = percent(coverage_report.share_of(part.covered, window), 1)
    name = f"  {one_line(part.part, 80) or '(the rest)'}"
    name += "" if part.live else " (not asked any more)"
    return name, _moment(part.since), _moment(part.until), share, len(part.open), ""


def _sentences(found: Sequence[QueryCoverage], days: int, off: Collection[str]) -> Iterator[str]:
    for one in found:
        yield from _trouble(one, off=one.query_id in off)
    each = [(one, part) for one in found for part in one.parts]
    open_ = [
        _told(one, part, gap, _fate(one, part, off=one.query_id in off))
        for one, part in each
        for gap in part.open
    ]
    lost = [_told(one, part, gap) for one, part in each for gap in part.lost]
    for title, lines in (("Not seen, open:", open_), ("Not seen, lost:", lost)):
        if lines:
            yield title
            yield from lines
    filled = sum(part.filled for _, part in each)
    if filled:
        were = "gap was" if filled == 1 else "gaps were"
        yield f"{filled:,} {were} closed in the last {count(days, 'day')}."


def _trouble(one: QueryCoverage, *, off: bool) -> Iterator[str]:
    since = f"not seen since {_moment(one.complete_until)} UTC"
    if one.complete_until is None:
        since = "nothing was seen yet"
    if off:
        yield f"{one.query_id}: switched off in settings, {since}"
    elif one.paused:
        resume = f"When it is fixed, run `earful poll --resume {shlex.quote(one.query_id)}`."
        yield with_hint(
            f"{one.query_id}: paused, {since}: {one_line(one.error or '', 400)}", resume
        )
    elif one.error:
        resumes = f"It goes on at {_moment(one.due_at)} UTC." if one.due_at else ""
        yield with_hint(f"{one.query_id}: {since}: {one_line(one.error, 400)}", resumes)
    elif one.polled_at is None:
        yield f"{one.query_id}: not asked yet"


def _told(one: QueryCoverage, part: PartCoverage, gap: LedgerGap, fate: str = "") -> str:
    name = f"{one.query_id} ({one_line(part.part, 80)})" if part.part else one.query_id
    stretch = f"{_moment(gap.since)} to {_moment(gap.until)} UTC ({length(gap.until - gap.since)})"
    reason = one_line(gap.reason, 300)
    return f"  {name}: {stretch}, {gap.kind}: {reason}{fate}"


def _fate(one: QueryCoverage, part: PartCoverage, *, off: bool) -> str:
    if not part.live:
        return "; settings do not ask for it any more"
    if off:
        return "; looked for again once it is switched on"
    return "; looked for again once it is resumed" if one.paused else "; looked for again"


def _read_again(one: QueryCoverage, spent: Iterable[Spending]) -> float | None:
    mine = [each for each in spent if each.query_id == one.query_id]
    came = sum(each.new + each.already_stored for each in mine)
    return sum(each.already_stored for each in mine) / came if came else None


def _print_cost(
    console: Console, spent: Sequence[Spending], accounts: Sequence[AccountState]
) -> None:
    currencies = {one.account: one.currency for one in accounts}
    billed, counted = any(one.money for one in spent), any(one.units for one in spent)
    table = Table(
        _query_column(),
        *("requests", "MB", "reads"),
        *(["units"] if counted else []),
        *(["money"] if billed else []),
        *("new", "requests per 1,000 new"),
    )
    for one in spent:
        per = one.requests_per_thousand
        _row(
            table,
            one.query_id if one.query_id.startswith(f"{one.account}/") else _with_account(one),
            *(f"{one.requests:,}", f"{one.received / _MEGABYTE:,.1f}", f"{one.reads:,}"),
            *([f"{one.units:,}"] if counted else []),
            *([money(one.money, currencies.get(one.account, ""))] if billed else []),
            *(f"{one.new:,}", "" if per is None else f"{per:,.0f}"),
        )
    console.print(table)
    for state in accounts:
        for line in state.sentences():
            console.print(Text(line), soft_wrap=True)


def _with_account(one: Spending) -> str:
    return f"{one.query_id} (account {one.account})"


def _query_column() -> Column:
    return Column("query", overflow="fold")  # a name cut short cannot be copied


def _row(table: Table, *cells: object) -> None:
    """A row of plain words: what stands in [brackets] is no markup."""
    table.add_row(*(Text(str(cell)) for cell in cells))


def _moment(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _plain(one: QueryCoverage, spent: Iterable[Spending], off: Collection[str]) -> dict[str, Any]:
    """A query as the JSON has it."""
    again = _read_again(one, spent)
    more = {"enabled": one.query_id not in off, "share": one.share, "read_again": again}
    return asdict(one) | more


def _spending_json(spending: Spending) -> dict[str, Any]:
    """Give an account's spending the keys that the JSON output promises."""
    values = asdict(spending)
    return values | {"again": values.pop("already_stored")}


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be written as JSON")
