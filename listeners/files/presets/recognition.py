"""Recognise a file's format by its headers and first rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from listeners.files.presets.generic import recognise_columns
from listeners.files.presets.types import Recognised


def recognise(columns: Sequence[str], sample: Sequence[dict[str, Any]] = ()) -> Recognised:
    """Propose how to read a file with these columns; ``sample`` holds its first rows."""
    return recognise_columns(columns, sample)
