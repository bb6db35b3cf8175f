"""Exports of stored mentions: streamed, safe in spreadsheets, and written whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import and_, exists, func, select

from earful.clock import Window
from earful.untrusted import formula_safe
from storage.analysis import ratings, readings
from storage.analysis.predictions import CURRENT_PREDICTION, UNKNOWN
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.tables import (
    AuthorRow,
    BrandRow,
    CaseRow,
    FlagRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    ReadingRow,
)

COLUMNS: tuple[str, ...] = (
    *("source", "external_id", "url", "author", "text", "lang", "language_found"),
    *("published_at", "brand", "sentiment"),
    *("negative", "neutral", "positive", "could_not_tell", "model_id", "flagged", "case_status"),
    *("story_id", "rating_kind", "rating_value", "rating_lowest", "rating_highest"),
    # behind the others, whose places scripts may count on: an import of the file needs them
    *("author_id", "author_name", "followers", "reply_to", "repost_of"),
    *("shares", "likes", "replies"),
    *("toward", "toward_negative", "toward_neutral", "toward_positive"),
    *("intent", "intents", "reason", "reasons", "ironic", "pieces"),
)
FORMATS = ("csv", "jsonl")
SENTIMENTS = ("negative", "neutral", "positive", "could_not_tell", "pending")
_CHUNK = 5000  # rows in memory at a time
_MENTION_BRAND, _MENTION, _AUTHOR = (
    table_of(MentionBrandRow),
    table_of(MentionRow),
    table_of(AuthorRow),
)
_BRAND, _PREDICTION, _FLAG = table_of(BrandRow), table_of(PredictionRow), table_of(FlagRow)
_CASE, _READING = table_of(CaseRow), table_of(ReadingRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilter:
    """The mentions to export; None or () sets no limit.

    ``sentiments`` and ``toward`` are of SENTIMENTS; ``window`` is of published_at. ``toward``,
    ``intents`` and ``reasons`` are those of the reading for the row's brand.
    """

    brand_id: str | None = None
    window: Window | None = None
    sentiments: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    flagged: bool | None = None
    toward: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def read_rows(db: Database, selection: ExportFilter) -> Iterator[dict[str, Any]]:
    """Yield one row for each mention and brand, oldest stored first, with COLUMNS as keys.

    ``sentiment`` is a person's correction, else the model's answer. It is "" while the mention is
    not classified, and when the model could not tell. The three probabilities are the model's, or
    None. ``lang`` is the language that the source stated, ``language_found`` the one that was
    detected. Rows with the same ``story_id`` say the same; it is None until the mention is grouped.
    The rating's columns are None without a rating. ``toward``, ``intent`` and ``reason`` are ""
    without a reading that says so; the reading's other columns are None without one.
    Memory does not grow with the number of rows.
    """
    with db.read() as connection:
        streamed = connection.execution_options(yield_per=_CHUNK).execute(_statement(selection))
        for part in streamed.partitions(_CHUNK):
            for row in part:
                yield _export_row(row)


_OWN_FLAG = and_(
    _FLAG.c.mention_id == _MENTION_BRAND.c.mention_id,
    _FLAG.c.brand_id == _MENTION_BRAND.c.brand_id,
)
_CASE_STATUS = (
    select(_CASE.c.status)
    .join(_FLAG, _FLAG.c.case_id == _CASE.c.id)
    .where(_OWN_FLAG)
    .scalar_subquery()
)
_SELECTED = (
    *(_MENTION.c[name] for name in ("source", "external_id", "url", "text", "lang")),
    *(_MENTION.c[name] for name in ("published_at", "sentiment", "story_id")),
    *(_MENTION.c[name] for name in ("reply_to", "repost_of", "shares", "likes", "replies")),
    *(_MENTION_BRAND.c[name] for name in ("toward", "intent", "reason")),
    *(_AUTHOR.c[name] for name in ("handle", "name", "followers")),
    _AUTHOR.c.external_id.label("author_id"),
    _BRAND.c.name.label("brand"),
    *(_PREDICTION.c[name] for name in ("negative", "neutral", "positive")),
    *(_PREDICTION.c[name] for name in ("could_not_tell", "model_id", "language")),
    *readings.COLUMNS,
    *ratings.COLUMNS,
    func.coalesce(_CASE_STATUS, "").label("case_status"),
)


def _statement(selection: ExportFilter) -> Any:
    return (
        select(*_SELECTED)
        .select_from(_MENTION_BRAND)
        .join(_MENTION, _MENTION.c.id == _MENTION_BRAND.c.mention_id)
        .join(_AUTHOR, _AUTHOR.c.id == _MENTION.c.author_id)
        .join(_BRAND, _BRAND.c.id == _MENTION_BRAND.c.brand_id)
        .outerjoin(_PREDICTION, CURRENT_PREDICTION)
        .outerjoin(_READING, readings.CURRENT_READING)
        .where(*_conditions(selection))
        # by the primary key: the database streams rows in its order and sorts nothing first
        # (test_memory_does_not_grow_with_the_rows)
        .order_by(_MENTION_BRAND.c.mention_id, _MENTION_BRAND.c.brand_id)
    )


def _conditions(selection: ExportFilter) -> list[Any]:
    conditions: list[Any] = []
    if selection.brand_id is not None:
        conditions.append(_MENTION_BRAND.c.brand_id == selection.brand_id)
    if selection.window is not None:
        conditions += [
            _MENTION_BRAND.c.published_at >= selection.window.since,
            _MENTION_BRAND.c.published_at < selection.window.until,
        ]
    for column, words in (
        (_MENTION.c.sentiment, _stored_words(selection.sentiments)),
        (_MENTION_BRAND.c.toward, _stored_words(selection.toward)),
        (_MENTION_BRAND.c.intent, selection.intents),
        (_MENTION_BRAND.c.reason, selection.reasons),
        (_MENTION.c.source, selection.sources),
    ):
        if words:
            conditions.append(column.in_(words))
    if selection.flagged is not None:
        flagged = exists().where(_OWN_FLAG)
        conditions.append(flagged if selection.flagged else ~flagged)
    return conditions


def _stored_words(sentiments: Iterable[str]) -> list[str]:
    words = {"could_not_tell": UNKNOWN, "pending": ""}
    return [words.get(sentiment, sentiment) for sentiment in sentiments]


def _export_row(row: Any) -> dict[str, Any]:
    return {
        "source": row.source,
        "external_id": row.external_id,
        "url": row.url or "",
        "author": row.handle,
        "text": row.text,
        "lang": row.lang or "",
        "language_found": row.language or "",
        "published_at": row.published_at.isoformat().replace("+00:00", "Z"),
        "brand": row.brand,
        "sentiment": "" if row.sentiment == UNKNOWN else row.sentiment,
        "negative": row.negative,
        "neutral": row.neutral,
        "positive": row.positive,
        "could_not_tell": row.could_not_tell,
        "model_id": row.model_id or "",
        "flagged": bool(row.case_status),
        "case_status": row.case_status,
        "story_id": row.story_id,
        **{column.name: row._mapping[column.name] for column in ratings.COLUMNS},
        "author_id": row.author_id,
        "author_name": row.name or "",
        "followers": row.followers,
        "reply_to": row.reply_to or "",
        "repost_of": _repost_cell(row),
        **{name: row._mapping[name] for name in ("shares", "likes", "replies")},
        **_reading_cells(row),
    }


def _reading_cells(row: Any) -> dict[str, Any]:
    return {
        "toward": "" if row.toward == UNKNOWN else row.toward,
        **{name: row._mapping[f"reading_{name}"] for name in readings.TOWARD},
        "intent": row.intent,
        "intents": row.reading_intents,
        "reason": row.reason,
        "reasons": row.reading_reasons,
        "ironic": row.reading_ironic,
        "pieces": row.reading_pieces,
    }


def _repost_cell(row: Any) -> str | bool:
    """Return the original's id; True where it is unknown, and "" for a post that is no repost.

    False only for words that an import would take for a repost.
    """
    if row.repost_of is None:
        return False if row.text.startswith("RT @") else ""
    return row.repost_of or True


def write_file(path: Path, file_format: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows to ``path`` and return their number; a half-written file never has that name.

    Raises ValueError for a format that is not one of FORMATS, OSError when it cannot be written.
    """
    writers: dict[str, Callable[[IO[str], Iterable[Mapping[str, Any]]], int]] = {
        "csv": write_csv,
        "jsonl": write_jsonl,
    }
    if file_format not in writers:
        raise ValueError(f"format {file_format!r}: use one of {', '.join(FORMATS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            number = writers[file_format](file, rows)
            file.flush()
            # before the rename: else a power cut could leave an empty file under the final name
            os.fsync(file.fileno())
        # mkstemp gives 0600; the file gets the mode that a plain open() would have given it
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return number


def write_csv(file: IO[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write comma-separated rows under a header; every text is safe in a spreadsheet."""
    writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007  (the last number is the count)
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return number


def write_jsonl(file: IO[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write one JSON object on each line, with texts exactly as stored."""
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007
        file.write(json.dumps({name: row[name] for name in COLUMNS}, ensure_ascii=False) + "\n")
    return number


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, Mapping):
        return json.dumps(value) if value else ""
    return formula_safe(str(value))
