"""File formats of other tools: recognised by their headers, or named by ``--from``."""

from listeners.files.presets.recognition import recognise
from listeners.files.presets.register import PRESETS
from listeners.files.presets.sources import suggest_source
from listeners.files.presets.types import LeftOut, Preset, Recognised

__all__ = ["PRESETS", "LeftOut", "Preset", "Recognised", "recognise", "suggest_source"]
