"""Find the rows in a JSON file: lines, one array, or an array inside objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from earful.contracts import Permanent
from listeners.files.json_documents import ASSIGNMENT
from listeners.files.lines import DECODER

Rows = Sequence[dict[str, Any]]
_BLANK = re.compile(r"[\s,;:]*")
# the keys of a page of the API of X, as twarc saves it
_PAGE_KEYS = frozenset(("data", "includes", "meta", "errors", "links", "__twarc"))
_SAMPLE = 100  # rows
_MAX_DEPTH = 4
_LINES_TRIED = 20


class JsonLayout(NamedTuple):
    """The place of the rows: on lines, or in a document at ``path``; see DocumentReader."""

    is_lines: bool
    path: tuple[str, ...] = ()
    is_paged: bool = False
    notes: tuple[str, ...] = ()


def find_layout(
    text: str, items: str | None, fit: Callable[[Rows], tuple[bool, int]]
) -> JsonLayout:
    """Return the layout of a file that begins with ``text``.

    ``items``: the path of the array that a person named. ``fit``: whether rows have all needed
    columns, and how many known ones. Permanent when several arrays could hold the rows.
    """
    script = ASSIGNMENT.match(text)
    values = list(_values(text, script.end() if script else 0))
    objects = [row for value in values for row in (value if isinstance(value, list) else [value])]
    objects = [row for row in objects if isinstance(row, dict)][:_SAMPLE]
    path = (
        tuple(items.split(".")) if items else _choose_path(objects, fit, is_alone=len(values) < 2)
    )
    notes = (
        [f"The file is a script; its rows are in {script.group().strip(' =')}."] if script else []
    )
    if path:
        notes.append(f"The rows are the objects in {'.'.join(path)!r}.")
        others = sorted(".".join(other) for other in _arrays(objects) if other != path)
        # the authors in a page's "includes" are read with its posts
        others = [other for other in others if not other.startswith("includes.")]
        unread = [other for other in others if not other.startswith(".".join(path))]
        notes += [f"These arrays are not read: {', '.join(unread)}."] if unread else []
    elif not script and _is_lines(text):
        return JsonLayout(True)
    return JsonLayout(False, path, bool(path) and _is_page(objects), tuple(notes))


def _is_lines(text: str) -> bool:
    """Return whether the first lines hold one value each."""
    for line in text.splitlines()[:_LINES_TRIED]:
        if stripped := line.strip().lstrip("\ufeff"):
            try:
                value, end = DECODER.raw_decode(stripped)
            except (ValueError, RecursionError):
                # one bad line among good ones becomes a reject when it is read
                continue
            if isinstance(value, dict) and not stripped[end:].strip():
                return True
    # neither a document that begins, nor lines: each line becomes a reject with its reason
    first = text.lstrip().partition("\n")[0].strip()
    return not first.startswith("[") and first not in ("{", "") and not _opens_object(first)


def _opens_object(line: str) -> bool:
    return bool(re.match(r'\{\s*("|$)', line))


def _values(text: str, at: int) -> Iterator[Any]:
    """Yield the values at the beginning of a file; of one that is cut, its beginning."""
    for _ in range(_SAMPLE):
        match = _BLANK.match(text, at)
        at = match.end() if match else at
        if at >= len(text):
            return
        value, at, is_whole = _partial(text, at, 0)
        yield value
        if not is_whole:
            return


def _partial(text: str, at: int, depth: int) -> tuple[Any, int, bool]:
    """Decode a value that may be cut; return it, its end, and whether it is whole."""
    try:
        value, end = DECODER.raw_decode(text, at)
        return value, end, True
    except (ValueError, RecursionError):
        if depth > _MAX_DEPTH or text[at : at + 1] not in ("{", "["):
            return None, at, False
    is_object = text[at] == "{"
    names: list[Any] = []
    values: list[Any] = []
    at += 1
    while len(values) < _SAMPLE:
        match = _BLANK.match(text, at)
        at = match.end() if match else at
        if text[at : at + 1] in ("", "]", "}"):
            break
        if is_object and len(names) == len(values):
            name, at, is_whole = _partial(text, at, depth + 1)
            names.append(name if isinstance(name, str) else "")
        else:
            value, at, is_whole = _partial(text, at, depth + 1)
            values.append(value)
        if not is_whole:
            break
    return (dict(zip(names, values, strict=False)) if is_object else values), at, False


def _choose_path(
    objects: Rows, fit: Callable[[Rows], tuple[bool, int]], *, is_alone: bool
) -> tuple[str, ...]:
    """Return the path of the array whose objects are the rows, () when ``objects`` are.

    1. Objects that have the needed columns are rows.
    2. Else the array whose objects have them; Permanent when there are several.
    3. Else the array whose objects have the most known columns, if the objects have fewer.
    4. Else the only array at the top of a file of one object.
    """
    is_complete, own = fit(objects)
    # a page of X's API names authors and quoted posts in "includes", beside its own posts
    arrays = {path: rows for path, rows in _arrays(objects).items() if path[0] != "includes"}
    if is_complete or not arrays:
        return ()
    fits = {path: fit(rows) for path, rows in arrays.items()}
    complete = [path for path, (is_fit, _) in fits.items() if is_fit]
    if len(complete) == 1:
        return complete[0]
    most = max(number for _, number in fits.values())
    best = complete or [path for path, (_, number) in fits.items() if number == most > own]
    if not best and is_alone and not own:
        top = min(map(len, arrays))
        best = [path for path in arrays if len(path) == top]
    if len(best) > 1 and is_alone:
        raise Permanent(
            f"this JSON object holds several arrays: {', '.join('.'.join(path) for path in best)}",
            hint='Say which holds the rows by the option items = "NAME".',
        )
    return best[0] if len(best) == 1 else ()


def _arrays(objects: Rows) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """Return the arrays of objects inside objects, by their paths, with their first objects."""
    arrays: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def collect(row: dict[str, Any], path: tuple[str, ...]) -> None:
        for key, value in row.items():
            if isinstance(value, dict) and len(path) < _MAX_DEPTH:
                collect(value, (*path, key))
            elif isinstance(value, list) and len(path) < _MAX_DEPTH:
                rows = [inner for inner in value[:_SAMPLE] if isinstance(inner, dict)]
                if rows:
                    arrays.setdefault((*path, key), []).extend(rows)
                for inner in rows:
                    collect(inner, (*path, key))

    for row in objects[:20]:
        collect(row, ())
    return arrays


def _is_page(objects: Rows) -> bool:
    """Return whether the objects are pages of an API that names its authors beside the posts."""
    first = objects[0] if objects else {}
    if "includes" in first:
        return True
    rows = first.get("data")
    post = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    return _PAGE_KEYS.issuperset(first) and "author_id" in post
