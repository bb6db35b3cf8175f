"""Recognise a file's format by its headers and first rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from earful.settings.errors import nearest
from listeners.files.presets.adapter import FIELDS
from listeners.files.presets.generic import recognise_columns
from listeners.files.presets.headers import by_folded_name, key_paths, match
from listeners.files.presets.register import PRESETS
from listeners.files.presets.types import Preset, Recognised

_SHOWN = (*FIELDS, "title")


class UnknownPreset(ValueError):
    """No preset has this name; the text gives the nearest name."""


class _Fit(NamedTuple):
    """A preset that fits, with its columns; ``score``: the fields that identified it, then all."""

    preset: Preset
    columns: dict[str, str]
    score: tuple[int, int]


def is_header(cells: Sequence[str]) -> bool:
    """Return whether these cells can be the header of a table: a known one, or text and time."""
    if list(_fits(by_folded_name(cells))):
        return True
    return {"text", "published_at"} <= recognise_columns(cells).map.keys()


def get_preset(name: str) -> Preset:
    """Return the preset of a name; raises UnknownPreset with the nearest name."""
    if name not in PRESETS:
        raise UnknownPreset(f"there is no format {name!r}{nearest(name, PRESETS)}")
    return PRESETS[name]


def recognise(
    columns: Sequence[str],
    sample: Sequence[dict[str, Any]] = (),
    *,
    name: str | None = None,
    preamble: Sequence[str] = (),
) -> Recognised:
    """Propose how to read a file.

    1. With ``name``, take that preset; else take the one whose signature fits best.
    2. Two presets that fit alike are a question; without any, go by the names of the columns.
    3. Prove the order of day and month by the sample's dates, or ask for it.

    ``columns``: names of columns or keys. ``sample``: the first rows. ``preamble``: the lines
    above the header. Raises UnknownPreset for a wrong ``name``.
    """
    paths = by_folded_name([*columns, *key_paths(sample)])
    if name is not None:
        preset = get_preset(name)
        return _with_dates(_reading(_Fit(preset, _columns(preset, paths), (0, 0))), sample)
    fits = sorted(_fits(paths), key=lambda fit: fit.score, reverse=True)
    if not fits:
        return _with_dates(recognise_columns(columns, sample), sample)
    if len(fits) > 1 and fits[0].score == fits[1].score:
        names = " or ".join(f"--from {fit.preset.name}" for fit in fits[:2])
        question = (
            f"This can be a file of {fits[0].preset.title} and of {fits[1].preset.title}. "
            f"Say which: {names}."
        )
        return Recognised(preset=None, questions=(question,))
    return _with_dates(_reading(fits[0]), sample)


def _columns(preset: Preset, paths: dict[str, str]) -> dict[str, str]:
    columns = {field: match(synonyms, paths) for field, synonyms in preset.columns.items()}
    return {field: column for field, column in columns.items() if column is not None}


def _fits(paths: dict[str, str]) -> list[_Fit]:
    fits = []
    for preset in PRESETS.values():
        columns = _columns(preset, paths)
        groups = [group for group in preset.signature if all(field in columns for field in group)]
        if groups:
            fits.append(_Fit(preset, columns, (max(map(len, groups)), len(columns))))
    return fits


def _reading(fit: _Fit) -> Recognised:
    preset = fit.preset
    shown = {field: column for field, column in fit.columns.items() if field in _SHOWN}
    options: dict[str, Any] = {"preset": preset.name, "source_as": preset.source}
    optional = {
        "timezone": preset.timezone,
        "dates": preset.dates,
        "rating_scale": preset.rating_scale,
        "items": preset.items,
    }
    options |= {key: value for key, value in optional.items() if value is not None}
    return Recognised(
        preset=preset,
        map=shown,
        matched=tuple(f"{column} → {field}" for field, column in shown.items()),
        assumptions=preset.assumptions,
        source=preset.source,
        options=options,
    )


def _with_dates(reading: Recognised, sample: Sequence[dict[str, Any]]) -> Recognised:
    """Add the order of day and month, where the sample's dates are local notations."""
    return reading
