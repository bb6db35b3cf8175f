"""Cut the tokenizer's 250,002 pieces to what the model directory has room for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from sentiment.language import script_of
from sentiment.training.augment import drop_accents
from sentiment.training.rows import POSTS, read_set

SPECIALS = 4
"""<s> <pad> </s> <unk> keep their ids, 0 to 3."""

KEPT_WHOLE = frozenset({"DEVANAGARI", "HANGUL", "HIRAGANA", "KATAKANA"})
"""Scripts whose every piece stays. Few labelled texts use them, so use alone would keep little of
them, and words cut into single letters are read as noise."""

UNREAD_SCRIPTS = (
    "ARMENIAN",
    "BENGALI",
    "ETHIOPIC",
    "GEORGIAN",
    "GUJARATI",
    "GURMUKHI",
    "KANNADA",
    "KHMER",
    "LAO",
    "MALAYALAM",
    "MYANMAR",
    "ORIYA",
    "SINHALA",
    "TAMIL",
    "TELUGU",
)
"""Scripts for which there is no room, as no labelled text for customers' posts is at hand. Cut into
single letters they are read as noise, and with confidence (see LOG.md), so such texts are answered
"could not tell"."""

BESIDE_OUR_POSTS = frozenset({"ary", "bs", "pcm", "sk", "sr"})
"""Languages that count for the choice though none of our posts is in them."""

LEAST_USES = 5


def choose(tokenizer_file: Path, texts: Iterable[str], size: int) -> list[int]:
    """Return the ids to keep, ascending, at most ``size`` of them.

    First the specials, every single character and the scripts ``KEPT_WHOLE``, then pieces that
    ``texts`` use ``LEAST_USES`` times or more, then the most frequent of the rest: pieces are
    stored in order of their frequency. Of ``UNREAD_SCRIPTS`` only the characters.
    """
    described = json.loads(tokenizer_file.read_text("utf-8"))
    pieces = [piece for piece, _ in described["model"]["vocab"]][:-1]  # the last one is <mask>
    scripts = [_script(piece) for piece in pieces]
    keep = set(range(SPECIALS))
    keep |= {i for i, piece in enumerate(pieces) if len(piece.replace("\u2581", "")) <= 1}
    keep |= {i for i, script in enumerate(scripts) if script in KEPT_WHOLE}
    counts = _count(Tokenizer.from_file(str(tokenizer_file)), texts)
    used = [i for i, n in counts.most_common() if n >= LEAST_USES]
    for i in (*used, *range(SPECIALS, len(pieces))):
        if len(keep) >= size:
            break
        if i < len(pieces) and scripts[i] not in UNREAD_SCRIPTS:
            keep.add(i)
    return sorted(keep)


def _script(piece: str) -> str:
    """Return the script of the first letter in ``piece``, or ""."""
    return next((script_of(c) for c in piece if c.isalpha()), "")


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
    """Yield the folder's training texts in the languages that count, each also without its accents
    and in lower case. Our own posts are left out, so that they can judge the choice."""
    counted = BESIDE_OUR_POSTS | {path.stem for path in POSTS.glob("*.tsv")}
    for path in sorted(folder.glob("*.tsv.gz")):
        for row in read_set(folder, path.name.removesuffix(".tsv.gz"), "train"):
            if row.lang not in counted:
                continue
            yield row.text
            lowered = drop_accents(row.text.lower())
            if lowered != row.text:
                yield lowered
