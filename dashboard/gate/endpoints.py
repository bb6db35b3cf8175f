"""The paths and methods that the pages need; the gate refuses every other one.

Streamlit has more: uploads that are kept in memory, metrics, an agent's interface, OAuth.
"""

from __future__ import annotations

import re
from pathlib import Path

_VIEWS = Path(__file__).resolve().parents[1] / "views"

HEALTH, SIGN_IN, SIGN_OUT = "/healthz", "/sign-in", "/sign-out"
STREAM = "/_stcore/stream"
_READING = frozenset({"GET", "HEAD"})
# Streamlit's own script asks for these; the others under /_stcore/ are not ours.
_NEEDED = frozenset({"/_stcore/health", "/_stcore/host-config", "/favicon.png"})
# The build gives every file a plain name. Media are made by pages: pictures and downloads.
_FILE = re.compile(r"/(?:static|media)(?:/[A-Za-z0-9_-][A-Za-z0-9._@~-]*)+")
# Also what a page's relative address asks for first: /unhappy/_stcore/health gives 404 there.
_MAX_PATH = 300


def page_paths() -> frozenset[str]:
    """Return the addresses of the pages."""
    names = {file.stem for file in _VIEWS.glob("*.py") if not file.stem.startswith("_")}
    return frozenset({"/", *(f"/{name}" for name in names)})


def is_allowed(method: str, path: str, pages: frozenset[str]) -> bool:
    """Say whether a page needs this request."""
    if method not in _READING or len(path) > _MAX_PATH:
        return False
    return path in pages or path in _NEEDED or _FILE.fullmatch(path) is not None


def local_target(target: str, pages: frozenset[str]) -> str:
    """Return the page to go to after the sign-in: ``target`` if it is one of ours, else "/"."""
    path, _, query = target.partition("?")
    if path not in pages or len(target) > _MAX_PATH or not target.isascii():
        return "/"
    if not target.isprintable() or " " in target:
        return "/"
    return f"{path}?{query}" if query else path
