"""Decide the zone of a file's times and the order of its dates, where the file itself says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from earful.contracts import BadItem
from listeners.common import times
from listeners.files.presets.adapter import column_value
from listeners.files.presets.moments import DateOrder, prove_order
from listeners.files.presets.types import Recognised

_ZONE = re.compile(
    r"\b(UTC|GMT|E[SD]T|C[SD]T|M[SD]T|P[SD]T|CES?T|EES?T|BST|IST|[AJKN]ST|A[EC][SD]T"
    r"|(?:Europe|America|Asia|Africa|Australia|Pacific|Atlantic)/[A-Z][A-Za-z_/]+)\b"
)
_IN_NAME = re.compile(r"\(([^()]{2,40})\)\s*$")
_UTC_NAMES = {"UTC", "GMT"}


def with_zone(reading: Recognised, column: str | None, preamble: Sequence[str]) -> Recognised:
    """Take the zone that the file states: in the column's name, or above its header.

    "Created (UTC)" and "From:,Sun Mar 08 00:00:00 UTC 2026" both do.
    """
    name = _IN_NAME.search(column or "")
    if name and (zone := _zone_of({name[1].strip()})):
        sentence = f"Times are in {zone}, as the column {column!r} says."
    elif "timezone" in reading.options:
        return reading
    elif zone := _zone_of(set(_ZONE.findall(" ".join(preamble)))):
        sentence = f"Times are in {zone}, as the lines above the header say."
    else:
        return reading
    if zone == reading.options.get("timezone"):
        return reading
    return replace(
        reading,
        assumptions=(*reading.assumptions, sentence),
        options={**reading.options, "timezone": zone},
    )


def _zone_of(names: set[str]) -> str | None:
    """Return the one zone of these names; None for an abbreviation such as CST, of which several
    places make use."""
    if names and names <= _UTC_NAMES:
        return "UTC"
    with suppress(ValueError, OSError):
        name = next(iter(names)) if len(names) == 1 else ""
        if "/" in name:
            return ZoneInfo(name).key
    return None


def with_dates(
    reading: Recognised,
    column: str,
    sample: Sequence[Mapping[str, Any]],
    more_rows: Callable[[], Iterable[Mapping[str, Any]]],
) -> Recognised:
    """Add the order of day and month, where the dates are local notations.

    The sample decides, else further rows; without a proof in them it is a question.
    """
    if "dates" in reading.options:
        return reading
    values = [column_value(row, column, "published_at") for row in sample]
    order = prove_order(values)
    if order.is_open:
        # the first hundred rows of a chat may all be of the first days of a month
        order = prove_order(column_value(row, column, "published_at") for row in more_rows())
        order = order if order.is_local else prove_order(values)
    if order.order is None and (question := _question_of(column, order, values)):
        return replace(reading, questions=(*reading.questions, question))
    if not order.evidence or order.order is None:
        return reading
    return replace(
        reading,
        assumptions=(*reading.assumptions, order.evidence),
        options={**reading.options, "dates": order.order},
    )


def _question_of(column: str, order: DateOrder, values: Sequence[Any]) -> str | None:
    """Return the question about the order of these dates; None when they can be read."""
    if order.is_local:
        return f"{column}: {order.evidence} Say which: --dates dmy or --dates mdy."
    for value in values[:20]:
        try:
            times.parse(value, UTC)
        except BadItem as error:
            if "dates = " in str(error):
                return f"{column}: {error}"
    return None
