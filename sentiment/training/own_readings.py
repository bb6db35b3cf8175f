"""Our own posts with readings: what their author feels toward a brand, wants, and why.

``posts/readings/LANG.tsv`` holds one post a line, seven fields apart by tabs: its group, the text,
the text's tone, the feeling toward ``{us}``, intents, reasons, irony. ``{us}`` and ``{them}`` stand
for the brand and a rival; ``[[a|b]]`` are choices that change no label. Posts of one group are
twins (an ironic and a sincere one, or the same with the brands exchanged).

``posts/labels/LANG.tsv`` labels the older posts of ``posts/LANG.tsv`` in the same way, by the
number of the line: number, the words that name the brand, the feeling toward it, intents, reasons,
irony. Words behind `` > `` name another company; ``-`` names none.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from earful.enums import Intent, Reason
from sentiment.brand_markers import mark
from sentiment.prepare import prepare
from sentiment.training.rows import POSTS, Row

READINGS = POSTS / "readings"
LABELS = POSTS / "labels"

# Twins stay together: a model that learned one of them would know the other.
HELD_BACK_EVERY = 8
# Invented names: no company has them.
OUR_NAME, RIVAL_NAME = "Kestrova", "Brindlow"

_LETTERS = "nup"
_CHOICE = re.compile(r"\[\[(.*?)\]\]")
_FIELDS, _LABEL_FIELDS = 7, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReading:
    """A post with its right reading.

    ``text`` names the brand as ``names`` and a rival as ``other_brands``, or nobody. ``tone`` and
    ``toward``: 0 negative, 1 neutral, 2 positive. ``template``: the text as it was written.
    """

    text: str
    names: tuple[str, ...]
    other_brands: tuple[str, ...]
    lang: str
    tone: int
    toward: int
    intents: frozenset[str]
    reasons: frozenset[str]
    ironic: bool
    template: str = ""


def kept_back() -> list[OwnReading]:
    """Return the posts that are never trained on, with their first choices."""
    return [*_read(kept_back=True), *_older_posts(kept_back=True)]


def to_train_on() -> list[OwnReading]:
    """Return the other posts, with their first choices; ``vary`` gives others."""
    return [*_read(kept_back=False), *_older_posts(kept_back=False)]


def vary(template: str, rng: random.Random) -> str:
    """Return a text of ``template`` with choices drawn at random; ``{us}`` stays."""
    return _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template)


# How often an epoch holds a post: the older ones have no choices, and come with those of
# ``rows.RECIPE`` too.
TIMES, TIMES_OLDER = 8, 3
# Shares of the variants that are read without a brand, or with a rival that settings do not name.
UNMARKED, UNKNOWN_RIVAL = 0.15, 0.15
DATA_SET = "own_readings"


def training_rows(rng: random.Random) -> list[Row]:
    """Return variants of every post that may be learned, as the model reads them."""
    return [
        _row(post, rng)
        for post in to_train_on()
        for _ in range(TIMES if "[[" in post.template or "{" in post.template else TIMES_OLDER)
    ]


def choosing_rows() -> list[Row]:
    """Return the kept-back posts as the model reads them about their brand."""
    return [
        _labelled(post, prepare(mark(post.text, post.names, post.other_brands)))
        for post in kept_back()
    ]


def _row(post: OwnReading, rng: random.Random) -> Row:
    template = vary(post.template, rng)
    text = template.replace("{us}", OUR_NAME).replace("{them}", RIVAL_NAME)
    names = () if rng.random() < UNMARKED else post.names
    other_brands = () if rng.random() < UNKNOWN_RIVAL else post.other_brands
    row = _labelled(post, prepare(mark(text, names, other_brands)))
    return row if names else replace(row, toward=-1)


def _labelled(post: OwnReading, text: str) -> Row:
    unhappy = bool(post.reasons)
    return Row(
        text=text,
        lang=post.lang,
        data_set=DATA_SET,
        label=post.tone,
        toward=post.toward,
        intents=tuple((name.value, float(name in post.intents)) for name in Intent),
        reasons=tuple((name.value, float(name in post.reasons)) for name in Reason)
        if unhappy
        else (),
        irony=float(post.ironic),
    )


def _read(*, kept_back: bool) -> list[OwnReading]:
    return [
        reading
        for path in sorted(READINGS.glob("*.tsv"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for reading in [_parse(line, f"{path.name} {number}", path.stem)]
        if (_group(line) % HELD_BACK_EVERY == 0) == kept_back
    ]


def _group(line: str) -> int:
    return int(line.partition("\t")[0].rpartition("-")[2])


def _parse(line: str, place: str, lang: str) -> OwnReading:
    """Read one line; ValueError names its place and what is wrong."""
    fields = line.split("\t")
    if len(fields) != _FIELDS:
        raise ValueError(f"{place}: {len(fields)} fields; a post has {_FIELDS}, apart by tabs")
    _, template, tone, toward, intents, reasons, irony = fields
    if tone not in _LETTERS or toward not in _LETTERS:
        raise ValueError(f"{place}: tone {tone!r}, toward {toward!r}; each is n, u or p")
    return OwnReading(
        text=_CHOICE.sub(lambda match: match[1].split("|")[0], template)
        .replace("{us}", OUR_NAME)
        .replace("{them}", RIVAL_NAME),
        names=(OUR_NAME,),
        other_brands=(RIVAL_NAME,),
        lang=lang,
        tone=_LETTERS.index(tone),
        toward=_LETTERS.index(toward),
        intents=frozenset(Intent(name).value for name in intents.split("+")),
        reasons=frozenset(Reason(name).value for name in reasons.split("+") if name != "-"),
        ironic=irony == "i",
        template=template,
    )


def _older_posts(*, kept_back: bool) -> list[OwnReading]:
    """Return the labelled posts of ``posts/LANG.tsv``; every eighth line is kept back there too."""
    return [
        _older_post(fields, posts[int(fields[0]) - 1], f"labels/{path.name} {number}", path.stem)
        for path in sorted(LABELS.glob("*.tsv"))
        for posts in [(POSTS / path.name).read_text("utf-8").splitlines()]
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for fields in [line.split("\t")]
        if (int(fields[0]) % HELD_BACK_EVERY == 0) == kept_back
    ]


def _older_post(fields: list[str], post: str, place: str, lang: str) -> OwnReading:
    """Join a post and its labels; ValueError names the place of a wrong one."""
    if len(fields) != _LABEL_FIELDS:
        raise ValueError(f"{place}: {len(fields)} fields; labels have {_LABEL_FIELDS}")
    _, brand, toward, intents, reasons, irony = fields
    tone, _, text = post.partition("\t")
    ours, _, theirs = brand.partition(" > ")
    names = (OUR_NAME,) if ours == "-" else tuple(name.strip() for name in ours.split("|"))
    missing = [name for name in names if ours != "-" and name not in text]
    if missing:
        raise ValueError(f"{place}: {missing[0]!r} is not in the post: {text[:60]!r}")
    return OwnReading(
        text=text,
        names=names,
        other_brands=tuple(name.strip() for name in theirs.split("|") if name.strip()),
        lang=lang,
        tone=_LETTERS.index(tone),
        toward=_LETTERS.index(toward),
        intents=frozenset(Intent(name).value for name in intents.split("+")),
        reasons=frozenset(Reason(name).value for name in reasons.split("+") if name != "-"),
        ironic=irony == "i",
        template=text,
    )
