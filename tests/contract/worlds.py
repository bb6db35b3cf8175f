"""Every source's world: the class World of each module world_<source>.py beside this one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from world import World

_MODULES = sorted(file.stem for file in Path(__file__).parent.glob("world_*.py"))
WORLDS: dict[str, type[World]] = {
    found.source: found for found in (import_module(name).TheWorld for name in _MODULES)
}
