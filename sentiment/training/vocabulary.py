"""Cut the tokenizer's 250,002 pieces to the number that fits the model directory."""

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

# <s> <pad> </s> <unk> keep their ids, 0 to 3.
SPECIALS = 4

# Scripts that keep every piece. Few labelled texts use them, so counting uses would keep few
# pieces, and the model reads words cut into single letters as noise.
WHOLE_SCRIPTS = frozenset({"DEVANAGARI", "HANGUL", "HIRAGANA", "KATAKANA"})

# Scripts without room, because no labelled posts of customers use them. The model reads them, cut
# into single letters, as noise, and with confidence (see LOG.md). So the answer to such a text is
# "could not tell".
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

# Languages that count for the choice, though none of our posts uses them.
BESIDE_OUR_POSTS = frozenset({"ary", "bs", "pcm", "sk", "sr"})

MIN_USES = 5


def choose(tokenizer_file: Path, texts: Iterable[str], size: int) -> list[int]:
    """Return the ids to keep, ascending, at most ``size`` of them.

    1. The specials, every single character and the scripts ``WHOLE_SCRIPTS``.
    2. Pieces that ``texts`` use ``MIN_USES`` times or more.
    3. The most frequent of the remaining pieces, which are stored in order of frequency.

    ``UNREAD_SCRIPTS`` get their characters only.
    """
    described = json.loads(tokenizer_file.read_text("utf-8"))
    pieces = [piece for piece, _ in described["model"]["vocab"]][:-1]  # the last one is <mask>
    scripts = [_script(piece) for piece in pieces]
    keep = set(range(SPECIALS))
    keep |= {i for i, piece in enumerate(pieces) if len(piece.replace("\u2581", "")) <= 1}
    keep |= {i for i, script in enumerate(scripts) if script in WHOLE_SCRIPTS}
    counts = _count(Tokenizer.from_file(str(tokenizer_file)), texts)
    used = [i for i, n in counts.most_common() if n >= MIN_USES]
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


def write(tokenizer_file: Path, keep: list[int], target: Path) -> None:
    """Write a tokenizer.json that knows only the pieces in ``keep``, renumbered in order."""
    described = json.loads(tokenizer_file.read_text("utf-8"))
    vocabulary = described["model"]["vocab"]
    described["model"]["vocab"] = [[vocabulary[i][0], round(vocabulary[i][1], 5)] for i in keep]
    described["added_tokens"] = [t for t in described["added_tokens"] if t["id"] < SPECIALS]
    described["truncation"] = described["padding"] = None
    text = json.dumps(described, ensure_ascii=False, separators=(",", ":"))
    target.write_text(text, "utf-8")


def texts_of(folder: Path) -> Iterator[str]:
    """Yield the folder's training texts in the languages that count.

    Each text also comes without accents and in lower case. Our own posts are left out, so that
    they can judge the choice.
    """
    counted = BESIDE_OUR_POSTS | {path.stem for path in POSTS.glob("*.tsv")}
    for path in sorted(folder.glob("*.tsv.gz")):
        for row in read_set(folder, path.name.removesuffix(".tsv.gz"), "train"):
            if row.lang not in counted:
                continue
            yield row.text
            lowered = drop_accents(row.text.lower())
            if lowered != row.text:
                yield lowered
