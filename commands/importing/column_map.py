"""Read `--map`: which column of the file is which field, also for names with commas and equals."""

from __future__ import annotations

import re
from collections.abc import Iterable

from earful.settings.errors import SettingsError, nearest
from listeners.files.rows import ColumnMap

_HINT = "Write text=body,id=key."
_PART = re.compile(r"\s*([A-Za-z_]+)\s*=\s*(.*)", re.DOTALL)
_QUOTED = re.compile(r'\s*([A-Za-z_]+)\s*=\s*"((?:[^"]|"")*)"\s*(?:,|$)')


def parse_map(texts: str | Iterable[str]) -> dict[str, str]:
    """Read "text=body,id=key", or several of them, as {"text": "body", "id": "key"}.

    A comma separates two parts only where ``FIELD=`` follows, so `text=What went wrong, if
    anything?` names one column. A name in double quotes is taken as it is, with "" for a quote.
    Raises SettingsError, which names the wrong part.
    """
    columns: dict[str, str] = {}
    for text in [texts] if isinstance(texts, str) else texts:
        for field, column in _parts(text):
            if field in columns and field == "text":
                raise SettingsError(
                    "--map: text is given twice",
                    hint=f"Write text={columns[field]}+{column} to join the two columns.",
                )
            if field in columns:
                raise SettingsError(f"--map: {field} is given twice")
            columns[field] = column
    return columns


def _parts(text: str) -> Iterable[tuple[str, str]]:
    """Yield the field and the column of each part."""
    fields = [name for name in ColumnMap.model_fields if name != "brands"]
    next_part = re.compile(r",(?=\s*(?:" + "|".join(fields) + r")\s*=)")
    remaining = text
    while remaining.strip(" ,"):
        quoted = _QUOTED.match(remaining)
        if quoted:
            field, column = quoted[1], quoted[2].replace('""', '"')
            remaining = remaining[quoted.end() :]
        else:
            part, *rest = next_part.split(remaining.lstrip(" ,"), maxsplit=1)
            remaining = rest[0] if rest else ""
            match = _PART.fullmatch(part)
            if not match or not match[2].strip():
                raise SettingsError(f"--map: {part.strip()!r} is not FIELD=COLUMN", hint=_HINT)
            field, column = match[1], match[2].strip()
            _refuse_wrong_field_inside(column, fields)
        if field not in fields:
            raise SettingsError(f"--map: {field!r} is no field{nearest(field, fields)}")
        yield field, column


def _refuse_wrong_field_inside(column: str, fields: list[str]) -> None:
    """Refuse "body,txt=key": a slip in the second field's name, not a column with a comma."""
    slip = re.search(r",\s*([a-z_]+)=", column)
    if slip:
        raise SettingsError(
            f"--map: {slip[1]!r} is no field{nearest(slip[1], fields)}",
            hint=f'A column of that name goes in double quotes: "{column}".',
        )
