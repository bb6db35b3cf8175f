"""What the model learns from: pooled once, never what it is judged on."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from sentiment.training.augment import augment, drop_accents
from sentiment.training.rows import (
    OWN_SET,
    RecipePart,
    key_of,
    keys_held_out,
    own_posts,
    training_pool,
)

Line = tuple[str, str, str, str]
"""text, label, language, split"""


def write(folder: Path, name: str, lines: Iterable[Line]) -> None:
    with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\")
        rows.writerow(["text", "label", "lang", "source", "split"])
        rows.writerows([text, label, lang, name, split] for text, label, lang, split in lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "one",
        [
            ("The train never came", "negative", "en", "train"),
            ("The till is by the door", "neutral", "en", "train"),
            ("Kept for the end", "positive", "en", "test"),
            ("Kept for choosing", "negative", "en", "val"),
        ],
    )
    write(
        tmp_path,
        "two",
        [
            ("the TRAIN never came!!", "positive", "en", "train"),
            ("kept, for the end", "negative", "en", "train"),
            ("Kept for choosing.", "neutral", "en", "train"),
            ("La cola era larga", "negative", "es", "train"),
            ("Todo bien", "positive", "es", "train"),
            ("Todo muy bien", "positive", "es", "train"),
        ],
    )
    return tmp_path


def texts(folder: Path, *parts: RecipePart) -> list[str]:
    return sorted(row.text for row in training_pool(folder, parts))


def test_of_equal_texts_the_earlier_sets_label_stays(folder: Path) -> None:
    pool = training_pool(folder, [RecipePart(data_set="one"), RecipePart(data_set="two")])
    (kept,) = [row for row in pool if key_of(row.text) == "thetrainnevercame"]
    assert (kept.label, kept.data_set) == (0, "one")


def test_nothing_of_val_or_test_is_learned_however_it_is_written(folder: Path) -> None:
    learned = {
        key_of(text)
        for text in texts(folder, RecipePart(data_set="one"), RecipePart(data_set="two"))
    }
    assert learned == {
        "thetrainnevercame",
        "thetillisbythedoor",
        "lacolaeralarga",
        "todobien",
        "todomuybien",
    }


def test_a_part_says_which_languages_how_many_and_how_often(folder: Path) -> None:
    spanish = RecipePart(data_set="two", langs=("es",), cap=1, times=2)
    found = texts(folder, spanish)
    assert len(found) == 4
    assert found.count("La cola era larga") == 2
    assert len(set(found)) == 2


def test_weight_and_missing_neutral_travel_with_the_rows(folder: Path) -> None:
    (part,) = [RecipePart(data_set="two", langs=("es",), weight=0.3, binary=True)]
    assert {(row.weight, row.binary) for row in training_pool(folder, [part])} == {(0.3, True)}


def test_a_missing_set_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"three\.tsv\.gz: no such data set"):
        training_pool(folder, [RecipePart(data_set="three")])


def test_the_order_is_the_seeds(folder: Path) -> None:
    parts = [RecipePart(data_set="one"), RecipePart(data_set="two")]
    assert training_pool(folder, parts, seed=3) == training_pool(folder, parts, seed=3)


def test_our_own_posts_keep_every_eighth_line_back(folder: Path) -> None:
    train, val = own_posts("train"), own_posts("val")
    assert len(val) == pytest.approx((len(train) + len(val)) / 8, abs=len({r.lang for r in val}))
    pool = {key_of(row.text) for row in training_pool(folder, [RecipePart(data_set=OWN_SET)])}
    assert pool
    assert not pool & {key_of(row.text) for row in val}
    assert {key_of(row.text) for row in val} <= keys_held_out(folder)


def test_a_variant_says_the_same_words_in_more_haste() -> None:
    rng = random.Random(5)
    text = "Η εξυπηρέτηση ήταν απαράδεκτη, περιμένω από χθες"
    variants = {augment(text, "el", rng) for _ in range(300)}
    assert text in variants
    assert drop_accents(text) in variants
    assert any(variant.startswith("@user ") for variant in variants)
    assert any(variant.endswith(" http") for variant in variants)
    assert all(len(variant) <= len(text) + 12 for variant in variants)


def test_accents_go_and_letters_stay() -> None:
    assert drop_accents("Café, señor, άλλη, über") == "Cafe, senor, αλλη, uber"
