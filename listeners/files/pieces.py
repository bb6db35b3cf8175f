"""Text that files keep in pieces or in several columns, put together as people wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from earful.contracts import BadItem

_MAX_DEPTH = 30
# the keys that hold the words of a piece: Telegram, YouTube, Facebook, Slack, rich text
_WORDS = ("text", "content", "value", "children", "elements", "takeoutSegments")
_JSON = re.compile(r"\s*(?:\[\s*)?\{\s*\"|\s*\[\s*\"")
_JSON_BEGINS = frozenset("[{ \t\n")
# a cell that must not be empty is filled with a sign
_PLACEHOLDER = re.compile(r"[\s.\-–—_…,;:*/\\|~?]{0,10}")


def join_pieces(value: object) -> str | None:
    """Return the text of a string, a list of pieces, or an object that holds them.

    A string that is JSON of such pieces is read too: YouTube writes them into a cell, with or
    without brackets. Returns None when there is no text in it. Raises BadItem for a list or
    object without pieces of text.
    """
    if isinstance(value, str):
        may_be_json = value[:1] in _JSON_BEGINS and _JSON.match(value)
        return _from_cell(value) if may_be_json else value
    if value is None or value != value:  # NaN differs from itself
        return None
    if isinstance(value, (list, dict)):
        pieces = list(_pieces(value, 0))
        if not pieces and value:
            raise BadItem("it is not text but a list or an object")
        return "".join(pieces)
    return str(value)


def join_columns(parts: Sequence[str]) -> str:
    """Join the texts of several columns by line ends.

    An empty part, a lone sign such as "." and a title that the text begins with are left out.
    """
    texts = [part for part in parts if part and not _PLACEHOLDER.fullmatch(part)]
    if len(texts) < 2:
        # a lone sign is still what the author wrote
        return texts[0] if texts else next((part for part in parts if part), "")
    distinct = [
        text
        for number, text in enumerate(texts)
        if not any(later.startswith(text) for later in texts[number + 1 :])
    ]
    return "\n".join(distinct)


def _from_cell(cell: str) -> str:
    """Return the text of the pieces in a cell; the cell itself when it is no JSON of pieces."""
    text = cell.strip()
    with suppress(ValueError, RecursionError):
        pieces = json.loads(text if text.startswith("[") else f"[{text}]")
        # people write JSON too: only pieces that say they are text are taken for it
        if isinstance(pieces, list) and any(_is_piece(piece) for piece in pieces):
            return "".join(_pieces(pieces, 0))
    return cell


def _is_piece(piece: object) -> bool:
    if not isinstance(piece, dict):
        return False
    return isinstance(piece.get("text"), str) or isinstance(piece.get("takeoutSegments"), list)


def _pieces(value: Any, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _pieces(item, depth + 1)
    elif isinstance(value, Mapping):
        key = next((key for key in _WORDS if isinstance(value.get(key), (str, list))), None)
        if key is not None:
            yield from _pieces(value[key], depth + 1)
