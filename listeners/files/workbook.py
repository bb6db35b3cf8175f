"""Read the rows of an .xlsx workbook in bounded memory.

Excel's formulas count as the values that Excel saved with them. Its dates have no zone.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any, NamedTuple

from earful.contracts import Permanent
from earful.settings.errors import nearest
from listeners.files.containers import Container, check_ratio

# cells of a row that are read; a hostile row names cell XFD1 and means 16,384
_MAX_COLUMNS = 1000
# texts of a workbook are held in memory
_MAX_TEXTS = 256 * 1024 * 1024
# rows without a cell after which the reader reports its progress
_PROGRESS_ROWS = 20_000
_XML_HEAD = 64 * 1024
_ROOT = re.compile(rb"<[A-Za-z]")
# Excel's own escape of control characters, as in _x000D_
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
# Excel keeps 15 digits of a number; longer ids have lost their last ones
_EXACT_BELOW = 10**15
# styles, validations and extensions that openpyxl does not know; no cell depends on them
warnings.filterwarnings("ignore", module="openpyxl")


class SheetRow(NamedTuple):
    """A row of a sheet: its number from 1 on, and its cells without empty ones at the end."""

    number: int
    cells: list[Any]


class Workbook:
    """An opened workbook. ``fingerprint`` changes with its content."""

    def __init__(self, archive: zipfile.ZipFile, stream: io.BufferedReader) -> None:
        _check_parts(archive)
        self.fingerprint = hashlib.sha256(
            "".join(f"{part.filename}{part.CRC}" for part in archive.infolist()).encode()
        ).hexdigest()
        # a lazy import: with numpy it takes 20 MB, and every command loads this module
        import openpyxl

        try:
            self._book = openpyxl.load_workbook(
                stream, read_only=True, data_only=True, keep_links=False
            )
        # openpyxl raises dozens of kinds of errors for damaged workbooks
        except Exception as error:
            raise Permanent(
                f"this workbook cannot be read ({str(error)[:120]})",
                hint="Save its sheet as CSV.",
            ) from error

    @classmethod
    def of(cls, container: Container) -> Workbook:
        """Open the workbook of a container."""
        if container.workbook is None:
            raise Permanent("this is no workbook", hint="Name an .xlsx file.")
        return cls(container.workbook, container.stream)

    def choose_sheet(self, name: str | None) -> tuple[str, tuple[str, ...]]:
        """Return the sheet to read, and the other sheets with rows.

        Without a name it is the first sheet with rows. Permanent: there is no such sheet.
        """
        from openpyxl.worksheet._read_only import ReadOnlyWorksheet

        sheets = {
            sheet.title: sheet
            for sheet in self._book.worksheets
            if isinstance(sheet, ReadOnlyWorksheet)
        }
        if name is not None and name not in sheets:
            raise Permanent(
                f"there is no sheet {name!r}{nearest(name, sheets)}",
                hint='Name one by the option sheet = "NAME".',
            )
        filled = [title for title in sheets if next(self.rows(title), None) is not None]
        chosen = name or next(iter(filled), next(iter(sheets), ""))
        return chosen, tuple(title for title in filled if title != chosen)

    def rows(self, title: str) -> Iterator[SheetRow]:
        """Yield the rows with cells; now and then an empty one, as progress."""
        sheet = self._book[title]
        # the dimension that a file claims may be a million rows of nothing
        sheet.reset_dimensions()
        try:
            for number, cells in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS), 1):
                values = [_value(cell) for cell in cells]
                while values and values[-1] is None:
                    values.pop()
                if values or number % _PROGRESS_ROWS == 0:
                    yield SheetRow(number, values)
        except zipfile.BadZipFile:
            raise
        except Exception as error:
            raise Permanent(
                f"the sheet {title!r} is damaged ({str(error)[:120]})",
                hint="Save it again, or as CSV.",
            ) from error


def _value(cell: Any) -> Any:
    """Return a cell's value, None for an empty one and for an error such as #N/A."""
    value = cell.value
    if isinstance(value, str):
        if cell.data_type == "e":
            return None
        if "_x" in value:
            value = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), value)
        return value if value.strip() else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT_BELOW:
        return float(value)
    if isinstance(value, timedelta) or (isinstance(value, time) and not isinstance(value, date)):
        return str(value)
    return value


def _check_parts(archive: zipfile.ZipFile) -> None:
    """Raise Permanent for a workbook that would take much memory or time to open."""
    for part in archive.infolist():
        if part.flag_bits & 1:
            raise Permanent("the workbook has a password", hint="Save it without one.")
        check_ratio(part.file_size, part.compress_size)
        is_held = not part.filename.startswith(("xl/worksheets/", "xl/media/"))
        if is_held and part.file_size > _MAX_TEXTS:
            raise Permanent(
                f"the workbook's part {part.filename} is over {_MAX_TEXTS // 1024**2} MB",
                hint="Save the sheet as CSV.",
            )
        if part.filename.endswith((".xml", ".rels")):
            with archive.open(part) as file:
                head = file.read(_XML_HEAD)
            # entities can expand without bound; no program writes any into a workbook
            root = _ROOT.search(head)
            if b"<!" in head[: root.start() if root else None].replace(b"<!--", b""):
                raise Permanent("the workbook defines XML entities", hint="Save it as CSV.")
