"""File formats of other tools: recognised by their headers, or named by ``--from``."""

from listeners.files.presets.adapter import RowAdapter
from listeners.files.presets.recognition import UnknownPreset, get_preset, is_header, recognise
from listeners.files.presets.register import PRESETS
from listeners.files.presets.sources import suggest_source
from listeners.files.presets.types import LeftOut, Preset, Recognised

__all__ = [
    "PRESETS",
    "LeftOut",
    "Preset",
    "Recognised",
    "RowAdapter",
    "UnknownPreset",
    "get_preset",
    "is_header",
    "recognise",
    "suggest_source",
]
