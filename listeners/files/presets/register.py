"""Every format that ``--from`` names: one line each."""

from __future__ import annotations

from listeners.files.presets import reviews
from listeners.files.presets.types import Preset

_ALL: tuple[Preset, ...] = (
    reviews.PLAY_CONSOLE,
    reviews.APPSTORE_CONNECT,
    reviews.TRUSTPILOT,
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
