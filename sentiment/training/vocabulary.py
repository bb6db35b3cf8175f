"""Cut the tokenizer's 250,002 pieces to what the model directory has room for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from sentiment.training.augment import drop_accents
from sentiment.training.rows import read_set

SPECIALS = 4
"""<s> <pad> </s> <unk> keep their ids, 0 to 3."""

KEPT_WHOLE = frozenset(map(chr, range(0x0900, 0x0980)))
"""Devanagari. The labelled Hindi is in Latin letters, so the texts alone would keep none of it,
and Hindi cut into single letters is read as noise."""


def choose(tokenizer_file: Path, texts: Iterable[str], size: int) -> list[int]:
    """Return the ids to keep, ascending, at most ``size`` of them.

    First the specials, every single character and all of ``KEPT_WHOLE``, then pieces that
    ``texts`` use twice or more, then the most frequent of the rest: pieces are stored in order of
    their frequency.
    """
    described = json.loads(tokenizer_file.read_text("utf-8"))
    pieces = [piece for piece, _ in described["model"]["vocab"]]
    counts = _count(Tokenizer.from_file(str(tokenizer_file)), texts)
    keep = set(range(SPECIALS))
    keep |= {i for i, piece in enumerate(pieces) if len(piece.replace("\u2581", "")) <= 1}
    keep |= {i for i, piece in enumerate(pieces) if any(c in KEPT_WHOLE for c in piece)}
    used = [i for i, n in counts.most_common() if n >= 2]
    rest = range(SPECIALS, len(pieces) - 1)  # the last one is <mask>
    for i in (*used, *rest):
        if len(keep) >= size:
            break
        keep.add(i)
    return sorted(keep)


def _count(tokenizer: Any, texts: Iterable[str]) -> Counter[int]:
    counts: Counter[int] = Counter()
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == 4096:
            counts.update(_ids(tokenizer, batch))
            batch = []
    counts.update(_ids(tokenizer, batch))
    return counts


def _ids(tokenizer: Any, batch: list[str]) -> Iterable[int]:
    return (i for encoded in tokenizer.encode_batch_fast(batch) for i in encoded.ids)


def write(tokenizer_file: Path, keep: list[int], out: Path) -> None:
    """Write a tokenizer.json that knows only the pieces in ``keep``, renumbered in order."""
    described = json.loads(tokenizer_file.read_text("utf-8"))
    vocabulary = described["model"]["vocab"]
    described["model"]["vocab"] = [[vocabulary[i][0], round(vocabulary[i][1], 5)] for i in keep]
    described["added_tokens"] = [t for t in described["added_tokens"] if t["id"] < SPECIALS]
    described["truncation"] = described["padding"] = None
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":"))
    out.write_text(text, "utf-8")


def texts_of(folder: Path) -> Iterator[str]:
    """Yield every training text of the folder, also without its accents and in lower case."""
    for path in sorted(folder.glob("*.tsv.gz")):
        for row in read_set(folder, path.name.removesuffix(".tsv.gz"), "train"):
            yield row.text
            lowered = drop_accents(row.text.lower())
            if lowered != row.text:
                yield lowered
