"""Read labelled rows from the data folder; pool, de-duplicate and balance them by a recipe."""

from __future__ import annotations

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sentiment.prepare import prepare

LABELS = ("negative", "neutral", "positive")

# The name of the set that was written for Earful: the folder ``posts``.
OWN_SET = "own_posts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A text, prepared, with what is known about it.

    ``label``: the text's sentiment, ``toward``: the sentiment toward the brand, -1 where unknown.
    ``intents`` and ``reasons``: the known names, with 1 where they hold. ``irony``: 1 or 0.
    ``binary``: its set has no neutral, so none may be learned. ``weight``: its weight in the loss,
    under 1 where labels were guessed from others. ``teacher``: a teacher's probabilities of the
    sentiment, learned beside the label.
    """

    text: str
    lang: str
    data_set: str
    label: int = -1
    toward: int = -1
    intents: tuple[tuple[str, float], ...] = ()
    reasons: tuple[tuple[str, float], ...] = ()
    irony: float | None = None
    binary: bool = False
    weight: float = 1.0
    teacher: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePart:
    """The rows that the recipe uses of one set.

    ``langs``: languages, all when empty. ``cap``: the most rows of each label in each language.
    ``times``: how often an epoch repeats a row. ``weight``: its weight in the loss.
    """

    data_set: str
    langs: tuple[str, ...] = ()
    cap: dict[str, int] | int = 1_000_000
    times: int = 1
    binary: bool = False
    weight: float = 1.0

    def limit(self, label: int) -> int:
        """Return the most rows of this label in each language."""
        return self.cap if isinstance(self.cap, int) else self.cap[LABELS[label]]


# The training pool, best set first: for equal texts, the label of the earlier set wins.
RECIPE = (
    RecipePart(data_set=OWN_SET, times=3),
    RecipePart(data_set="umsab", langs=("hi",), times=3),
    RecipePart(data_set="umsab", times=2),
    RecipePart(data_set="afrisenti", langs=("sw",), times=3),
    RecipePart(data_set="afrisenti", langs=("pcm",), cap=1100),
    RecipePart(data_set="afrisenti", langs=("pt", "ary"), cap=900),
    RecipePart(data_set="afrisenti", langs=("ha", "yo", "ig"), cap=150),
    RecipePart(data_set="greek_bank_tweets", times=2),
    RecipePart(data_set="swahili_neurotech", binary=True),
    RecipePart(data_set="french_deft2017"),
    RecipePart(data_set="spanish_tass2019"),
    RecipePart(data_set="german_sb10k", cap=2000),
    RecipePart(data_set="german_potts", cap=900),
    RecipePart(data_set="arabic_arsarcasm2", cap=2000),
    RecipePart(data_set="arabic_semeval2017"),
    RecipePart(data_set="arabic_ajgt", cap=500, binary=True),
    RecipePart(data_set="indonesian_smsa", cap=500),
    RecipePart(data_set="nusax", cap=40),
    RecipePart(data_set="thai_wisesight", cap=500),
    RecipePart(data_set="hungarian_husst", cap=500),
    RecipePart(data_set="latvian_tweets", cap=400),
    RecipePart(data_set="danish_lcc"),
    RecipePart(data_set="semeval2017_en"),
    RecipePart(data_set="vader_gt", cap=500, weight=0.5),
    RecipePart(data_set="goemotions_sentiment", cap=1000, weight=0.5),
    RecipePart(data_set="romanian_red_weak", cap=400, weight=0.3),
    RecipePart(data_set="xed_weak", cap=30, weight=0.3),
)


_COLUMNS = ("text", "label", "lang", "split")
_COLUMNS_NEEDED = "text, label, lang and split, apart by tabs"


def read_set(folder: Path, name: str, split: str) -> list[Row]:
    """Return the rows of one split of ``NAME.tsv.gz``.

    FileNotFoundError names a missing file, ValueError the file and the invalid line.
    """
    path = folder / f"{name}.tsv.gz"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such data set; give the folder that holds it")
    return [row for row, row_split in _parse(path, name) if row_split == split]


def read_source(folder: Path, name: str, source: str) -> list[Row]:
    """Return the train rows of a set that come from one source; errors as in ``read_set``."""
    path = folder / f"{name}.tsv.gz"
    return [row for row, split in _parse(path, name, source) if split == "train"]


def _parse(path: Path, name: str, source: str | None = None) -> Iterator[tuple[Row, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        for line in rows:
            if source is not None and line["source"] != source:
                continue
            place = f"{path}, line {rows.line_num}"
            empty = [column for column in _COLUMNS if not line.get(column)]
            if empty:
                raise ValueError(f"{place}: no {', '.join(empty)}; a row needs {_COLUMNS_NEEDED}")
            if line["label"] not in LABELS:
                raise ValueError(f"{place}: label {line['label']!r} is none of {', '.join(LABELS)}")
            label = LABELS.index(line["label"])
            row = Row(text=prepare(line["text"]), label=label, lang=line["lang"], data_set=name)
            yield row, line["split"]


# Posts to and about companies in ``LANG.tsv``, written for Earful: public sets lack them.
POSTS = Path(__file__).with_name("posts")

_LETTERS = "nup"
# Every eighth of our posts is val, and never trained on.
_HELD_BACK_EVERY = 8


def own_posts(split: str) -> list[Row]:
    """Return our own posts, ``split`` train or val; ValueError names an invalid line."""
    return [
        _own_post(line, f"{path.name} {number}", path.stem)
        for path in sorted(POSTS.glob("*.tsv"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (number % _HELD_BACK_EVERY == 0) == (split == "val")
    ]


def _own_post(line: str, place: str, lang: str) -> Row:
    letter, tab, text = line.partition("\t")
    if not tab or letter not in _LETTERS or not text.strip():
        raise ValueError(f"{place}: {line[:40]!r} is not LETTER<tab>TEXT with a letter of n, u, p")
    return Row(text=prepare(text), label=_LETTERS.index(letter), lang=lang, data_set=OWN_SET)


def key_of(text: str) -> str:
    """Return the key of equal texts: their letters and digits, case folded."""
    return "".join(c for c in text.casefold() if c.isalnum())


def keys_held_out(folder: Path) -> set[str]:
    """Return the keys of every val and test text in the folder; training uses none of them."""
    keys = {key_of(row.text) for row in own_posts("val")}
    for path in sorted(folder.glob("*.tsv.gz")):
        name = path.name.removesuffix(".tsv.gz")
        keys |= {key_of(row.text) for row, split in _parse(path, name) if split != "train"}
    return keys - {""}


def training_pool(folder: Path, recipe: Iterable[RecipePart] = RECIPE, seed: int = 1) -> list[Row]:
    """Return the training rows, repeated by the recipe, in a fixed shuffled order.

    A text is left out when its key is held out, or came in an earlier set.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, no secret
    seen = keys_held_out(folder)
    pool: list[Row] = []
    for part in recipe:
        own = part.data_set == OWN_SET
        rows = own_posts("train") if own else read_set(folder, part.data_set, "train")
        rng.shuffle(rows)
        pool += list(_rows_of_part(rows, part, seen)) * part.times
    rng.shuffle(pool)
    return pool


def _rows_of_part(rows: Iterable[Row], part: RecipePart, seen: set[str]) -> Iterator[Row]:
    counts: dict[tuple[str, int], int] = defaultdict(int)
    for row in rows:
        key = key_of(row.text)
        if not key or key in seen or (part.langs and row.lang not in part.langs):
            continue
        if counts[row.lang, row.label] >= part.limit(row.label):
            continue
        counts[row.lang, row.label] += 1
        seen.add(key)
        yield Row(
            text=row.text,
            label=row.label,
            lang=row.lang,
            data_set=row.data_set,
            binary=part.binary,
            weight=part.weight,
        )


# Sets, and languages of them, with the val splits that decide every choice.
VALIDATION = (
    ("tweeteval_sentiment", ()),
    ("umsab", ()),
    ("afrisenti", ("sw",)),
    ("greek_bank_tweets", ()),
    ("spanish_tass2019", ()),
)


def validation(folder: Path) -> list[Row]:
    """Return the val rows that decide every choice."""
    rows: list[Row] = []
    for name, langs in VALIDATION:
        rows += [r for r in read_set(folder, name, "val") if not langs or r.lang in langs]
    return rows + own_posts("val")
