"""Numbers, times and statuses in words, as the pages show them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from earful.case_states import CaseStatus
from earful.clock import UNDATED
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
_UNITS = {
    "day": "days",
    "hour": "h",
    "minute": "min",
}  # ``rounded`` gives hours up to two days, so "days" is never one


def capitalize(words: str) -> str:
    """Write "lost or missing" as "Lost or missing", and leave the other letters as they are."""
    return words[:1].upper() + words[1:]


def format_count(number: int) -> str:
    """Write 1234 as 1,234."""
    return f"{number:,}"


def format_span(length: timedelta) -> str:
    """Write a length of time, rounded: 3 days, 5 h, 12 min."""
    number, unit = rounded(abs(length))
    return f"{number} {_UNITS[unit]}" if number else "less than a minute"


def format_age(instant: datetime, now: datetime) -> str:
    """Write the time between an instant and now: 5 h ago."""
    if instant == UNDATED:
        return "age unknown"
    if abs(now - instant) < timedelta(minutes=1):
        return "just now"
    return (
        f"in {format_span(instant - now)}" if instant > now else f"{format_span(now - instant)} ago"
    )


def format_time(instant: datetime, zone: str, now: datetime) -> str:
    """Write an instant on the brand's clock: Tue 4 Mar, 14:05; with the year when it is another."""
    if instant == UNDATED:
        return "undated"
    local = instant.astimezone(ZoneInfo(zone))
    year = "" if local.year == now.astimezone(ZoneInfo(zone)).year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"


def format_due(due_at: datetime, now: datetime) -> str:
    """Write the time that is left to answer, or that it is overdue."""
    if due_at > now:
        return f"answer within {format_span(due_at - now)}"
    return f"overdue by {format_span(now - due_at)}"


def format_percent(share: float | None) -> str:
    """Write 0.213 as 21 %, and None as a dash."""
    return "–" if share is None else f"{100 * share:.0f} %"


def format_points(value: float | None) -> str:
    """Write net sentiment with its sign: +12, −7, 0."""
    if value is None:
        return "–"
    number = round(value)
    return f"{'+' if number > 0 else '−' if number < 0 else ''}{abs(number)}"


def format_change(now: float | None, before: float | None, unit: str = "") -> str | None:
    """Write the difference with an ASCII sign, which st.metric needs; None without both values."""
    if now is None or before is None:
        return None
    return f"{round(now - before):+d}{unit}"


def format_percent_change(now: int, before: int) -> str | None:
    """Write the change of a count in percent; None when it was 0 before."""
    return f"{round(100 * (now - before) / before):+d} %" if before else None


def zone_name(zone: str) -> str:
    """Write Europe/Athens as Athens time."""
    return "UTC" if zone == "UTC" else f"{zone.rsplit('/', 1)[-1].replace('_', ' ')} time"
