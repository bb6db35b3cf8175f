"""Print the summary of `earful demo --once`."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

import listeners
from earful.clock import Window
from earful.command_name import command
from outreach.words import display_handle
from pipeline.app import App
from storage import queries
from storage.views import CaseView, QueueFilter, VoiceShare

_STORY = timedelta(days=14)
_MAX_CASES = 8


def show(app: App, console: Console, *, seconds: float) -> None:
    """Print the brands side by side, and the customers to call first."""
    now = app.clock()
    ours = app.settings.brands()[0]
    window = Window.last(_STORY, now)
    voices = queries.share_of_voice(app.db, ours.id, window)
    open_cases = QueueFilter(brand_id=ours.id)
    console.print(_brands(voices))
    console.print(_people(queries.queue(app.db, open_cases, limit=_MAX_CASES)))
    mentions = sum(source.stored for source in queries.health(app.db).sources)
    console.print(
        f"{mentions:,} mentions in fourteen days (one about two brands counts for both), "
        f"{queries.count_cases(app.db, open_cases)} unhappy customers of {ours.name}, "
        f"found in {seconds:.1f} s. See the page: {command('demo')}",
        markup=False,
    )


def _brands(voices: tuple[VoiceShare, ...]) -> Table:
    table = Table(title="Fourteen days of an invented brand")
    table.add_column("brand")
    for name in ("mentions", "share of voice", "negative", "neutral", "positive", "net sentiment"):
        table.add_column(name, justify="right")
    for voice in voices:
        counts, net = voice.counts, voice.counts.net_sentiment
        table.add_row(
            Text(voice.brand, style="bold" if voice.ours else ""),
            f"{counts.mentions:,}",
            f"{voice.share:.0%}",
            *(f"{number:,}" for number in (counts.negative, counts.neutral, counts.positive)),
            "" if net is None else f"{net:+.0f}",
        )
    return table


def _people(cases: tuple[CaseView, ...]) -> Table:
    table = Table(title="Whom to call first")
    table.add_column("priority", justify="right")
    table.add_column("who")
    table.add_column("what they said", ratio=1)
    table.add_column("complaints", justify="right")
    for case in cases:
        account = display_handle(case.handle, has_at=listeners.handles_have_at(case.source))
        table.add_row(
            str(case.priority),
            Text(f"{account} on {case.source}"),
            Text(_short(case.text)),
            str(case.complaints),
        )
    return table


def _short(text: str, limit: int = 110) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
