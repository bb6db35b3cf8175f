"""The health of the listening post: problems above the figures, a status line below them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.safe import clean, one_line
from dashboard.words import format_age, format_span, format_time, zone_name
from earful.command_name import command
from earful.settings.load import Settings
from outreach.words import count
from storage.views import ListeningHealth, SourceHealth

_SHORT_WAIT = timedelta(hours=1)
_LONG_SILENCE = timedelta(minutes=20)
_MAX_OPEN = 4  # more problems are folded


def list_problems(state: ListeningHealth, settings: Settings, now: datetime) -> tuple[str, ...]:
    """Return the problems, one sentence each, worst first.

    A query that settings no longer name keeps its history, but is no problem.
    """
    live = _enabled_sources(state, settings)
    zone = settings.brand[0].timezone if settings.brand else "UTC"
    return (
        *_overdue_problems(live, now),
        *_source_problems(live, now, zone),
        *_stage_problems(state),
        *_unclassified_problems(state, now),
        *_delivery_problems(state),
    )


def _enabled_sources(state: ListeningHealth, settings: Settings) -> list[SourceHealth]:
    enabled = {query.id for query in settings.queries() if query.enabled}
    return [source for source in state.sources if source.query_id in enabled]


def draw_problems(state: ListeningHealth, settings: Settings, now: datetime) -> None:
    """Draw the problems of sources, stages and deliveries, above everything else."""
    problems = list_problems(state, settings, now)
    if not problems:
        return
    with st.container(border=True, key="trouble"):
        st.markdown(f"**{count(len(problems), 'problem needs', 'problems need')} attention**")
        # plain text, because errors repeat the words of remote servers
        st.text("\n".join(problems[:_MAX_OPEN]))
        if len(problems) > _MAX_OPEN:
            with st.expander(f"{len(problems) - _MAX_OPEN} more"):
                st.text("\n".join(problems[_MAX_OPEN:]))


def draw_status_line(state: ListeningHealth, settings: Settings, now: datetime, zone: str) -> None:
    """Draw the age of page, newest mention and last poll, and the numbers of gaps."""
    refresh = settings.dashboard.refresh
    parts = [f"Updated {now.astimezone(ZoneInfo(zone)):%H:%M:%S} ({zone_name(zone)})"]
    parts.append(
        f"refreshes every {format_span(refresh) if refresh.seconds >= 60 else _secs(refresh)}"
    )
    if state.newest_mention_at is not None:
        parts.append(f"newest mention {format_age(state.newest_mention_at, now)}")
    polls = [source.polled_at for source in state.sources if source.polled_at is not None]
    if polls:
        parts.append(f"last poll {format_age(max(polls), now)}")
    if state.pending:
        parts.append(f"{count(state.pending, 'mention is', 'mentions are')} not classified yet")
    else:
        parts.append("every mention is classified")
    parts += _gaps(_enabled_sources(state, settings))
    with st.container(key="small-strip"):
        st.text(" · ".join(parts))


def _gaps(sources: list[SourceHealth]) -> Iterator[str]:
    """Yield the numbers of open and lost gaps; `earful coverage` lists each with its reason."""
    gaps, lost = sum(source.gaps for source in sources), sum(source.lost for source in sources)
    if gaps:
        yield f"{count(gaps, 'gap is', 'gaps are')} polled again"
    if lost:
        yield f"{count(lost, 'gap', 'gaps')} cannot be filled ({command('coverage')} says why)"


def _secs(length: timedelta) -> str:
    return f"{length.total_seconds():.0f} s"


def _overdue_problems(sources: list[SourceHealth], now: datetime) -> Iterator[str]:
    delays = [delay for source in sources if (delay := source.overdue_by(now)) is not None]
    if delays:
        yield (
            f"{count(len(delays), 'source was', 'sources were')} not polled for "
            f"{format_span(max(delays))} past the due time. Is {command('up')} running?"
        )


def _source_problems(sources: list[SourceHealth], now: datetime, zone: str) -> Iterator[str]:
    for source in sources:
        if source.paused or (source.error and not _is_short_wait(source, now)):
            name, coverage = one_line(source.query_id, 80), _coverage(source, zone, now)
            yield f"{name}: {coverage}; {_state(source, zone, now)}{_error(source)}"


def _coverage(source: SourceHealth, zone: str, now: datetime) -> str:
    """Say until when we have its mentions. Files have no times: there the last poll counts."""
    until = source.complete_until or (source.polled_at if source.seen else None)
    return f"no mentions since {format_time(until, zone, now)}" if until else "no mentions yet"


def _is_short_wait(source: SourceHealth, now: datetime) -> bool:
    """Say whether a request limit ends within the hour, which is no problem."""
    return not source.failures and source.due_at is not None and source.due_at - now < _SHORT_WAIT


def _state(source: SourceHealth, zone: str, now: datetime) -> str:
    if source.paused:
        resume = command(f"poll --resume {shlex.quote(one_line(source.query_id, 400))}")
        return f"paused: fix the cause, then run {resume}"
    if not source.failures:
        at = "" if source.due_at is None else f" at {format_time(source.due_at, zone, now)}"
        return f"waits, and continues by itself{at}"
    return f"failed {count(source.failures, 'time')} in a row, retries by itself"


def _error(source: SourceHealth) -> str:
    return f" ({clean(source.error, 200)})" if source.error else ""


def _stage_problems(state: ListeningHealth) -> Iterator[str]:
    for stage in state.stages:
        if stage.error:
            yield f"Stage '{stage.name}' stopped: {one_line(stage.error, 200)}"


def _unclassified_problems(state: ListeningHealth, now: datetime) -> Iterator[str]:
    """Say that mentions wait for the model and no process classifies them.

    A running `earful up` records its stages every few minutes, also when they have nothing to do.
    """
    runs = [stage for stage in state.stages if stage.name == "classify"]
    if not state.pending or any(stage.error for stage in runs):
        return
    ends = [stage.finished_at for stage in runs if stage.finished_at is not None]
    if not ends or now - max(ends) > _LONG_SILENCE:
        waiting = count(state.pending, "mention waits", "mentions wait")
        yield f"{waiting} to be classified. Is {command('up')} running?"


def _delivery_problems(state: ListeningHealth) -> Iterator[str]:
    if state.deliveries_dead:
        yield (
            f"{count(state.deliveries_dead, 'message')} could not be delivered; "
            f"{command('doctor')} says why"
        )
