"""Say why a page is empty: what is not listened to, what fails, what waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dashboard.health import list_problems
from dashboard.safe import one_line
from dashboard.words import format_age
from earful.command_name import command
from earful.settings.load import Settings
from outreach.words import count
from storage.views import ListeningHealth, SourceHealth


def explain_silence(state: ListeningHealth, settings: Settings, now: datetime) -> tuple[str, ...]:
    """Return why there are no mentions, one sentence each, the nearest cause first."""
    queries = settings.queries()
    enabled = {query.id for query in queries if query.enabled}
    if not queries:
        return ("settings.toml has no [[listen]] block, so no source is listened to.",)
    if not enabled:
        return ("Every source in settings.toml is switched off (enabled = false).",)
    sources = [source for source in state.sources if source.query_id in enabled]
    reasons = [
        *_never_polled(len(enabled), sources),
        *list_problems(state, settings, now),
        *_without_mentions(sources),
    ]
    return tuple(reasons) or tuple(_calm(sources, now))


def _never_polled(enabled: int, sources: list[SourceHealth]) -> Iterator[str]:
    waiting = enabled - sum(not source.is_never_polled for source in sources)
    if waiting:
        sentence = count(waiting, "source has", "sources have")
        yield f"{sentence} not been polled yet. Is {command('up')} running?"


def _without_mentions(sources: list[SourceHealth]) -> Iterator[str]:
    for source in sources:
        name = one_line(source.query_id, 80)
        if source.rejected and not source.stored:
            items = count(source.rejected, "item")
            yield f"{name}: {items} could not be read, and none became a mention"


def _calm(sources: list[SourceHealth], now: datetime) -> Iterator[str]:
    polls = [source.polled_at for source in sources if source.polled_at is not None]
    if polls:
        answers = count(len(polls), "source answers", "sources answer")
        age = format_age(max(polls), now)
        yield f"{answers}, and no post names the brand yet. Last poll: {age}."
