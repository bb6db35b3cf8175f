"""Read the labels of a row as a person writes them: sentiments, names apart by +, yes and no."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from earful.enums import Intent, Reason
from earful.settings.errors import nearest

SENTIMENTS = ("negative", "neutral", "positive")

# The columns with a label; "label" is another word for the first.
SENTIMENT, SYNONYM = "sentiment", "label"
TOWARD, INTENTS, REASONS, IRONIC = "toward", "intents", "reasons", "ironic"
LABEL_COLUMNS = (SENTIMENT, SYNONYM, TOWARD, INTENTS, REASONS, IRONIC)
BRAND = "brand"

_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_NONE_HOLDS = "-"
_APART = re.compile(r"[+,;|]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLabels:
    """The labels of one row; None where it has none.

    ``sentiment`` and ``toward`` are places in SENTIMENTS. An empty set of names is a label too:
    none of them holds. ``brand``: the name that ``toward`` is about, "" where the row names none.
    """

    sentiment: int | None = None
    toward: int | None = None
    intents: frozenset[str] | None = None
    reasons: frozenset[str] | None = None
    ironic: bool | None = None
    brand: str = ""

    @property
    def is_empty(self) -> bool:
        """True when the row has no label at all."""
        labels = (self.sentiment, self.toward, self.intents, self.reasons, self.ironic)
        return all(label is None for label in labels)


def read_labels(values: Mapping[str, Any]) -> RowLabels:
    """Read the cells of a row by their columns, which are in lower case.

    An empty cell is no label. ValueError names the column, the word and the allowed ones.
    """
    column = SYNONYM if SYNONYM in values else SENTIMENT
    labels = RowLabels(
        sentiment=_sentiment(SENTIMENT, values.get(column)),
        toward=_sentiment(TOWARD, values.get(TOWARD)),
        intents=_names(INTENTS, values.get(INTENTS), [intent.value for intent in Intent]),
        reasons=_names(REASONS, values.get(REASONS), [reason.value for reason in Reason]),
        ironic=_yes_or_no(IRONIC, values.get(IRONIC)),
        brand=_brand(values.get(BRAND)),
    )
    if labels.is_empty:
        raise ValueError(_missing(values))
    return labels


def _missing(values: Mapping[str, Any]) -> str:
    columns = [name for name in LABEL_COLUMNS if name in values and name != SYNONYM]
    if set(columns) <= {SENTIMENT}:
        value = values.get(SENTIMENT, values.get(SYNONYM))
        return f"sentiment {_quote(value)}; allowed are {', '.join(SENTIMENTS)}"
    return f"it has no label: {', '.join(columns)} are empty"


def _sentiment(column: str, value: Any) -> int | None:
    if _is_blank(value):
        return None
    word = value.strip().casefold() if isinstance(value, str) else value
    if word not in SENTIMENTS:
        raise ValueError(f"{column} {_quote(value)}; allowed are {', '.join(SENTIMENTS)}")
    return SENTIMENTS.index(word)


def _names(column: str, value: Any, allowed: list[str]) -> frozenset[str] | None:
    if _is_blank(value):
        return None
    words = _words(column, value)
    if words == [_NONE_HOLDS] or not words:
        return frozenset()
    unknown = next((word for word in words if word not in allowed), None)
    if unknown is not None:
        raise ValueError(f"{column}: {unknown[:40]!r} is none{nearest(unknown, allowed)}")
    return frozenset(words)


def _words(column: str, value: Any) -> list[str]:
    pieces: Iterable[Any] = _APART.split(value) if isinstance(value, str) else value
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise ValueError(f"{column} {_quote(value)}; write names apart by +, as late+price")
    return [word for piece in pieces if (word := piece.strip().casefold())]


def _yes_or_no(column: str, value: Any) -> bool | None:
    if _is_blank(value):
        return None
    word = str(value).strip().casefold()
    if word not in (*_YES, *_NO):
        raise ValueError(f"{column} {_quote(value)}; allowed are yes and no")
    return word in _YES


def _brand(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"brand {_quote(value)}; write the name of one brand")
    return (value or "").strip()


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _quote(value: Any) -> str:
    return "is missing" if value is None else f"is {str(value)[:40]!r}"
