"""How numbers, times and steps are worded for the people who read the pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from earful.case_states import CaseStatus
from outreach.words import rounded

STATUS = {
    CaseStatus.OPEN: "New",
    CaseStatus.TAKEN: "Taken",
    CaseStatus.CONTACTED: "Contacted",
    CaseStatus.RESOLVED: "Resolved",
}
STATUS_COLOUR = {
    CaseStatus.OPEN: "yellow",
    CaseStatus.TAKEN: "blue",
    CaseStatus.CONTACTED: "violet",
    CaseStatus.RESOLVED: "gray",
}
_UNITS = {"day": "days", "hour": "h", "minute": "min"}  # of days there are at least two


def many(number: int) -> str:
    """1234 -> 1,234."""
    return f"{number:,}"


def span(length: timedelta) -> str:
    """A length of time, rounded: 3 days, 5 h, 12 min."""
    number, unit = rounded(abs(length))
    return f"{number} {_UNITS[unit]}" if number else "less than a minute"


def ago(instant: datetime, now: datetime) -> str:
    """How long ago, for a reader who glances."""
    if abs(now - instant) < timedelta(minutes=1):
        return "just now"
    return f"in {span(instant - now)}" if instant > now else f"{span(now - instant)} ago"


def when(instant: datetime, zone: str, now: datetime) -> str:
    """The moment on the brand's own clock: Tue 4 Mar, 14:05; with the year when it is another."""
    local = instant.astimezone(ZoneInfo(zone))
    year = "" if local.year == now.astimezone(ZoneInfo(zone)).year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"


def due(due_at: datetime, now: datetime) -> str:
    """How much time is left to answer, or how late it is."""
    if due_at > now:
        return f"answer within {span(due_at - now)}"
    return f"overdue by {span(now - due_at)}"


def percent(share: float | None) -> str:
    """0.213 -> 21 %; a dash when there is nothing to divide."""
    return "–" if share is None else f"{100 * share:.0f} %"


def points(value: float | None) -> str:
    """Net sentiment with its sign: +12, −7, 0."""
    if value is None:
        return "–"
    whole = round(value)
    return f"{'+' if whole > 0 else '−' if whole < 0 else ''}{abs(whole)}"


def change(now: float | None, before: float | None, unit: str = "") -> str | None:
    """The difference with an ASCII sign, as st.metric reads it; None without a period before."""
    if now is None or before is None:
        return None
    return f"{round(now - before):+d}{unit}"


def change_share(now: int, before: int) -> str | None:
    """By how many percent a count moved; None when there was nothing before."""
    return f"{round(100 * (now - before) / before):+d} %" if before else None


def zone_name(zone: str) -> str:
    """Europe/Athens -> Athens time."""
    return "UTC" if zone == "UTC" else f"{zone.rsplit('/', 1)[-1].replace('_', ' ')} time"
