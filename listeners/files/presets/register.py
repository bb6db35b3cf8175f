"""Every format that ``--from`` names: one line each."""

from __future__ import annotations

from listeners.files.presets.types import Preset

PRESETS: dict[str, Preset] = {}
