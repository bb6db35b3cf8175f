"""Recognise a file's format by its headers and first rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from earful.settings.errors import nearest
from listeners.files.presets.adapter import FIELDS
from listeners.files.presets.forms import (
    google_forms_fit,
    question_map,
    scale_of,
)
from listeners.files.presets.generic import recognise_columns
from listeners.files.presets.headers import by_folded_name, key_paths, match
from listeners.files.presets.register import PRESETS
from listeners.files.presets.time_readings import with_dates, with_zone
from listeners.files.presets.types import Preset, Recognised

# fields that only serve a preset -> the field of a mention that they become a part of
_SERVED = {
    **dict.fromkeys(("title", "subject", "body", "snippet", "title_snippet", "comment"), "text"),
    **dict.fromkeys(("plain", "comments", "parts"), "text"),
    **dict.fromkeys(("domain", "kind_name", "network", "site", "outlet"), "source"),
    **{"clock": "published_at", "started": "published_at", "comment_time": "published_at"},
    **{"handle": "author", "writer": "author", "first": "name", "last": "name"},
    **{"video": "url", "ticket": "id", "comment_id": "id", "part_id": "id", "post_id": "id"},
    **dict.fromkeys(
        ("role", "type", "public", "private", "sent_by", "profile", "direction"),
        "whether a customer wrote it",
    ),
}


class UnknownPreset(ValueError):
    """No preset has this name; the text gives the nearest name."""


class _Fit(NamedTuple):
    """A preset that fits, with its columns; ``score``: the fields that identified it, then all."""

    preset: Preset
    columns: dict[str, str]
    score: tuple[int, int]


def is_header(cells: Sequence[str]) -> bool:
    """Return whether these cells can be the header of a table: a known one, or text and time."""
    if _fits(by_folded_name(cells)) or google_forms_fit(cells):
        return True
    return {"text", "published_at"} <= recognise_columns(cells).map.keys()


def get_preset(name: str) -> Preset:
    """Return the preset of a name; raises UnknownPreset with the nearest name."""
    if name not in PRESETS:
        raise UnknownPreset(f"there is no format {name!r}{nearest(name, PRESETS)}")
    return PRESETS[name]


def recognise(
    columns: Sequence[str],
    sample: Sequence[Mapping[str, Any]] = (),
    *,
    name: str | None = None,
    chosen: Mapping[str, str] = MappingProxyType({}),
    dates: str | None = None,
    timezone: str | None = None,
    preamble: Sequence[str] = (),
    more_rows: Callable[[], Iterable[Mapping[str, Any]]] = tuple,
) -> Recognised:
    """Propose how to read a file.

    1. With ``name``, take that preset; else take the one whose signature fits best.
    2. Two presets that fit alike are a question; without any, go by the names of the columns.
    3. Ask for text and time where a named preset finds no column for them.
    4. Choose the questions of a form that hold its text and its rating.
    5. Prove the order of day and month by the sample's dates, or ask for it.

    ``columns``: names of columns or keys. ``sample``: the first rows. ``chosen``, ``dates`` and
    ``timezone``: the columns by field, the order of dates and the zone that a person named.
    ``preamble``: the lines above the header. ``more_rows``: yields further rows, for dates that
    the sample does not decide. Raises UnknownPreset for a wrong ``name``.
    """
    paths = by_folded_name([*columns, *key_paths(sample)])
    if name is not None:
        reading = _named(get_preset(name), paths, columns, chosen)
    else:
        fits = sorted(_fits(paths), key=lambda fit: fit.score, reverse=True)
        if len(fits) > 1 and fits[0].score == fits[1].score:
            return _which_of(fits[0].preset, fits[1].preset)
        if fits:
            reading = _reading(fits[0])
        elif google_forms_fit(columns):
            reading = _named(PRESETS["google-forms"], paths, columns, chosen)
        else:
            reading = recognise_columns(columns, chosen, sample)
    reading = _with_questions(reading, columns, sample, chosen)
    column = chosen.get("published_at") or reading.map.get("published_at")
    reading = _without_zone(reading) if timezone else with_zone(reading, column, preamble)
    return reading if dates or column is None else with_dates(reading, column, sample, more_rows)


def _named(
    preset: Preset, paths: dict[str, str], columns: Sequence[str], chosen: Mapping[str, str]
) -> Recognised:
    """Return the reading by a preset that a person named, with a question when it does not fit."""
    present_columns = _columns(preset, paths)
    reading = _reading(_Fit(preset, present_columns, (0, 0)))
    if preset.signature and not any(
        present_columns.keys() >= set(group) for group in preset.signature
    ):
        named = present_columns.keys() | chosen.keys()
        if not {"text", "published_at"} <= named:
            question = (
                f"This is no file of {preset.title}: its columns are {', '.join(columns)[:300]}. "
                "Leave --from out, or name text and time: "
                "--map text=COLUMN --map published_at=COLUMN."
            )
            return replace(reading, questions=(question,))
    return reading


def _without_zone(reading: Recognised) -> Recognised:
    """Take the tool's own zone out of the plan, because a person named another."""
    options = {key: value for key, value in reading.options.items() if key != "timezone"}
    assumptions = tuple(s for s in reading.assumptions if not s.startswith("Times are"))
    return replace(reading, options=options, assumptions=assumptions)


def _which_of(first: Preset, second: Preset) -> Recognised:
    question = (
        f"This can be a file of {first.title} and of {second.title}. "
        f"Say which: --from {first.name} or --from {second.name}."
    )
    return Recognised(preset=None, questions=(question,))


def _columns(preset: Preset, paths: dict[str, str]) -> dict[str, str]:
    columns = {field: match(synonyms, paths) for field, synonyms in preset.columns.items()}
    return {field: column for field, column in columns.items() if column is not None}


def _fits(paths: dict[str, str]) -> list[_Fit]:
    fits = []
    for preset in PRESETS.values():
        columns = _columns(preset, paths)
        groups = [group for group in preset.signature if columns.keys() >= set(group)]
        if groups:
            fits.append(_Fit(preset, columns, (max(map(len, groups)), len(columns))))
    return fits


def _reading(fit: _Fit) -> Recognised:
    preset = fit.preset
    displayed = {field: fit.columns[field] for field in FIELDS if field in fit.columns}
    pairs = [(column, field) for field, column in displayed.items()]
    pairs += [(fit.columns[field], _SERVED[field]) for field in _SERVED if field in fit.columns]
    options: dict[str, Any] = {"preset": preset.name, "source_as": preset.source}
    optional = {
        "timezone": preset.timezone,
        "dates": preset.dates,
        "rating_scale": preset.rating_scale,
    }
    options |= {key: value for key, value in optional.items() if value is not None}
    return Recognised(
        preset=preset,
        map=displayed,
        matched=tuple(dict.fromkeys(f"{column} → {field}" for column, field in pairs)),
        assumptions=preset.assumptions,
        source=preset.source,
        options=options,
    )


def _with_questions(
    reading: Recognised,
    columns: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    chosen: Mapping[str, str],
) -> Recognised:
    """Choose among the questions of a survey; a person's --map may choose otherwise."""
    if reading.preset is None or reading.source != "survey":
        return reading
    survey = question_map(columns, sample) | dict(chosen)
    options = {**reading.options, "map": survey}
    if "rating" in survey:
        options["rating_scale"] = scale_of(survey["rating"], sample)
    questions = reading.questions
    if "text" not in survey:
        questions = (
            "No question was answered in a person's own words. Name the column of the text: "
            "--map text=COLUMN.",
        )
    return replace(
        reading,
        map={**reading.map, **survey},
        matched=(
            *(f"{column} → {field}" for field, column in survey.items()),
            *reading.matched,
        ),
        options=options,
        questions=questions,
    )
