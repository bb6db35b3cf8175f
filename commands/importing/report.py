"""The closing text of an import: every row of the file in exactly one count."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earful.contracts import Permanent, Transient
from earful.types import Batch, Rejected
from earful.untrusted import one_line
from outreach.words import count
from storage.collecting.ingest import IngestCounts

# different reasons that are counted one by one; a file of a million bad rows may give a million
_MAX_REASONS = 1000
_OTHER_REASONS = "other reasons"
_SHOWN_REASONS = 5
# values in a reason: in quotes, and numbers
_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\d+")
_REASON_LENGTH = 70  # characters
_STEMS = (("text: it is empty", "no text"),)


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """Count the rows of a file by how they ended; every row is in one count.

    ``known``: stored before. ``repeated``: said again by another row of the file. ``removed``: by
    an erased author, or of a removed post. ``reasons`` and ``left_out`` count rows by a phrase.
    ``assumed`` counts rows that were read by an assumption; these are in another count too.
    ``broken`` is the error that ended the reading before the file's end.
    """

    new: int = 0
    known: int = 0
    changed: int = 0
    repeated: int = 0
    removed: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)
    first_rejected: Rejected | None = None
    broken: Permanent | Transient | None = None

    _kinds: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The rows of the file."""
        stored = self.new + self.known + self.changed + self.repeated + self.removed
        return stored + self.rejected + self.left_out.total()

    @property
    def is_empty(self) -> bool:
        """True when no row became a mention, and none was one before."""
        return self.rows == self.rejected + self.left_out.total()

    def count_batch(self, batch: Batch) -> None:
        """Count the rows of a batch that its reader settled."""
        self._count_rejected(batch.rejected)
        self.left_out.update(batch.left_out)
        self.assumed.update(batch.assumed)

    def count_stored(self, stored: IngestCounts) -> None:
        """Count the rows of a batch that storage settled."""
        self.new += stored.new
        self.known += stored.known
        self.changed += stored.changed
        self.repeated += stored.repeated
        self.removed += stored.removed
        self._count_rejected(stored.refused)

    def _count_rejected(self, rejected: Iterable[Rejected]) -> None:
        for row in rejected:
            self.rejected += 1
            self.first_rejected = self.first_rejected or row
            self._count_reason(row.reason)

    def _count_reason(self, reason: str) -> None:
        """Count a reason with others of its kind, under the first one as the example."""
        kind = _kind_of(reason)
        if kind not in self._kinds and len(self._kinds) >= _MAX_REASONS:
            reason = kind = _OTHER_REASONS
        self.reasons[self._kinds.setdefault(kind, reason)] += 1

    def closing_line(self, rejects: Path) -> str:
        """Return "1,204 rows: 1,180 new, 12 known, 5 not read (3 × no text, …) → FILE"."""
        text = f"{count(self.rows, 'row')}: {self.new:,} new"
        for number, name in (
            (self.known, "known"),
            (self.changed, "changed"),
            (self.repeated, "said again"),
            (self.removed, "removed for good before"),
        ):
            text += f", {number:,} {name}" if number else ""
        return text + self._unstored() + (f" → {rejects}" if self.rejected else "")

    def counts_unstored(self, readable: int) -> str:
        """Return the counts of a file of which nothing was stored; ``readable`` of it could be."""
        rows = readable + self.rejected + self.left_out.total()
        return f"{count(rows, 'row')}: {readable:,} readable{self._unstored()}; nothing was stored"

    def _unstored(self) -> str:
        text = ""
        if self.left_out:
            text += f", {self.left_out.total():,} left out ({_top(self.left_out)})"
        if self.rejected:
            text += f", {self.rejected:,} not read ({_top(self.reasons)})"
        return text

    def first_unread(self) -> str:
        """Return the place and the whole reason of the first unread row; "" without one."""
        if self.first_rejected is None:
            return ""
        row = self.first_rejected
        return f"{one_line(row.where, 200)}: {one_line(row.reason, 400)}"

    def assumptions(self, brand_zone: str | None = None) -> Iterator[str]:
        """Yield a line for each assumption, with the number of rows that it touched.

        ``brand_zone`` is the brand's zone, where no option named one.
        """
        for phrase, rows in self.assumed.most_common():
            is_brands = brand_zone is not None and phrase.endswith(f" read as {brand_zone}")
            whose = ", the brand's zone" if is_brands else ""
            yield f"{one_line(phrase, 200)}{whose}: {count(rows, 'row')}"


def _top(phrases: Counter[str]) -> str:
    """Return the commonest phrases with their numbers; a file's own words are kept to one line."""
    most = phrases.most_common(_SHOWN_REASONS)
    listing = ", ".join(f"{number:,} × {_brief(phrase)}" for phrase, number in most)
    others = phrases.total() - sum(number for _, number in most)
    return listing + (f", {others:,} × {_OTHER_REASONS}" if others else "")


def _kind_of(reason: str) -> str:
    """Return a reason without its values: rows with other values have the same trouble."""
    return _VALUES.sub("…", reason)


def _brief(reason: str) -> str:
    for start, short in _STEMS:
        if reason.startswith(start):
            return short
    text = one_line(reason, 400)
    return text if len(text) <= _REASON_LENGTH else text[: _REASON_LENGTH - 1] + "…"


class RejectsFile:
    """A file of unreadable rows with their reasons; created with the first row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, rejected: Iterable[Rejected]) -> None:
        """Write rows with their reasons, one JSON object a line."""
        for row in rejected:
            line = {"where": row.where, "reason": row.reason, "raw": row.raw}
            # ASCII, because a bad row may hold half of a surrogate pair, which UTF-8 cannot.
            print(json.dumps(line, ensure_ascii=True), file=self._open())

    def _open(self) -> Any:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Overwritten, because a repeated import meets the same bad rows.
            self._file = self._path.open("w", encoding="utf-8")
        return self._file
