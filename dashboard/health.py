"""Whether Earful still hears: a warning above the figures when not, a quiet line below when so."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.safe import clean, one_line
from dashboard.words import ago, span, when, zone_name
from earful.settings.load import Settings
from outreach.words import count
from storage.views import ListeningHealth, SourceHealth

_SHORT_WAIT = timedelta(hours=1)


def troubles(found: ListeningHealth, settings: Settings, now: datetime) -> tuple[str, ...]:
    """What is wrong, a sentence each, worst first.

    A query that settings no longer ask for keeps its row and its history, but worries nobody.
    """
    live = _live(found, settings)
    zone = settings.brand[0].timezone if settings.brand else "UTC"
    deaf = _sources(live, now, zone)
    return (*_not_running(live, now), *deaf, *_stages(found), *_deliveries(found))


def _live(found: ListeningHealth, settings: Settings) -> list[SourceHealth]:
    wanted = {query.id for query in settings.queries() if query.enabled}
    return [one for one in found.sources if one.query_id in wanted]


def warn(found: ListeningHealth, settings: Settings, now: datetime) -> None:
    """Say above everything else that something is not heard or not sent."""
    wrong = troubles(found, settings, now)
    if not wrong:
        return
    with st.container(border=True, key="trouble"):
        st.markdown(f"**{count(len(wrong), 'thing needs', 'things need')} attention**")
        # errors carry what far servers answered: plain text
        st.text("\n".join(wrong[:4]))
        if len(wrong) > 4:
            with st.expander(f"{len(wrong) - 4} more"):
                st.text("\n".join(wrong[4:]))


def strip(found: ListeningHealth, settings: Settings, now: datetime, zone: str) -> None:
    """When something was last heard, what still waits, how fresh this page is."""
    refresh = settings.dashboard.refresh
    parts = [f"Updated {now.astimezone(ZoneInfo(zone)):%H:%M:%S} ({zone_name(zone)})"]
    parts.append(f"looks again every {span(refresh) if refresh.seconds >= 60 else _secs(refresh)}")
    if found.newest_mention_at is not None:
        parts.append(f"newest mention {ago(found.newest_mention_at, now)}")
    looked = [one.polled_at for one in found.sources if one.polled_at is not None]
    if looked:
        parts.append(f"sources last looked at {ago(max(looked), now)}")
    if found.pending:
        parts.append(f"{count(found.pending, 'mention waits', 'mentions wait')} to be read")
    else:
        parts.append("every mention has been read")
    parts += _missing(_live(found, settings))
    with st.container(key="small-strip"):
        st.text(" · ".join(parts))


def _missing(live: list[SourceHealth]) -> Iterator[str]:
    """The stretches of time that no source showed us; `earful coverage` has each with its why."""
    gaps, lost = sum(one.gaps for one in live), sum(one.lost for one in live)
    if gaps:
        yield f"{count(gaps, 'gap is', 'gaps are')} looked for again"
    if lost:
        yield f"{count(lost, 'gap', 'gaps')} will not be seen (earful coverage says why)"


def _secs(length: timedelta) -> str:
    return f"{length.total_seconds():.0f} s"


def _not_running(live: list[SourceHealth], now: datetime) -> Iterator[str]:
    late = [by for one in live if (by := one.overdue_by(now)) is not None]
    if late:
        yield (
            f"Nothing has looked at {count(len(late), 'source')} for {span(max(late))} past the "
            "time. Is `earful up` running?"
        )


def _sources(live: list[SourceHealth], now: datetime, zone: str) -> Iterator[str]:
    for one in live:
        if one.paused or (one.error and not _waits_shortly(one, now)):
            name, heard = one_line(one.query_id, 80), _heard(one, zone, now)
            yield f"{name}: {heard}; {_state(one, zone, now)}{_reason(one)}"


def _heard(one: SourceHealth, zone: str, now: datetime) -> str:
    """Until when it was heard. Files know no times: there it is when one was read last."""
    until = one.complete_until or (one.polled_at if one.seen else None)
    return f"not heard since {when(until, zone, now)}" if until else "nothing heard yet"


def _waits_shortly(one: SourceHealth, now: datetime) -> bool:
    """True for a limit of requests that is over within the hour: nothing is wrong."""
    return not one.failures and one.due_at is not None and one.due_at - now < _SHORT_WAIT


def _state(one: SourceHealth, zone: str, now: datetime) -> str:
    if one.paused:
        again = f"`earful poll --resume {shlex.quote(one_line(one.query_id, 400))}`"
        return f"paused until somebody mends it and runs {again}"
    if not one.failures:
        at = "" if one.due_at is None else f" at {when(one.due_at, zone, now)}"
        return f"waits, and goes on by itself{at}"
    return f"failed {count(one.failures, 'time')} in a row, tries again by itself"


def _reason(one: SourceHealth) -> str:
    return f" ({clean(one.error, 200)})" if one.error else ""


def _stages(found: ListeningHealth) -> Iterator[str]:
    for stage in found.stages:
        if stage.error:
            yield f"The step '{stage.name}' stopped: {one_line(stage.error, 200)}"


def _deliveries(found: ListeningHealth) -> Iterator[str]:
    if found.deliveries_dead:
        yield (
            f"{count(found.deliveries_dead, 'message')} could not be delivered; "
            "`earful doctor` says why"
        )
