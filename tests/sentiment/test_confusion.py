"""The table of confusions: its sums, its file, and that the shipped one is the shipped model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sentiment import confusion, shipped
from sentiment.confusion import Confusion, ConfusionTable

ENGLISH = Confusion(
    counts=((5, 1, 0), (2, 6, 1), (0, 1, 7)),
    could_not_tell=(1, 0, 0),
    sets={"tweets": 20, "own": 4},
)
GREEK = Confusion(
    counts=((1, 0, 0), (0, 1, 0), (0, 0, 1)), could_not_tell=(0, 0, 1), sets={"own": 4}
)
TABLE = ConfusionTable(model_id="m", split="val", languages={"en": ENGLISH, "el": GREEK})


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "confusion.json").write_text(TABLE.as_json(), encoding="utf-8")
    assert confusion.read(tmp_path) == TABLE


def test_all_languages_together_are_the_sum() -> None:
    together = TABLE.together()
    assert together.counts == ((6, 1, 0), (2, 7, 1), (0, 1, 8))
    assert together.could_not_tell == (1, 0, 1)
    assert (together.sets, together.rows) == ({"tweets": 20, "own": 8}, 28)
    assert confusion.add_up([]).rows == 0


def test_a_language_that_was_never_judged_has_none() -> None:
    assert TABLE.of("en") is ENGLISH
    assert TABLE.of("fi") is None
    assert TABLE.of(None) is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"counts": [[1, 2], [3, 4]]}, "three rows of three numbers"),
        ({"counts": [[1, 2, 3]] * 3, "could_not_tell": [0, 0, -1]}, "no whole number"),
        ({"sets": {"own": 3}}, "the counts sum to 4, the sets to 3"),
        ({"counts": None}, "it is no confusion table"),
    ],
)
def test_a_damaged_table_is_refused_with_its_file(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    content = json.loads(TABLE.as_json())
    content["languages"]["el"] |= change
    (tmp_path / "confusion.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=complaint) as error:
        confusion.read(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "--confusion FILE" in str(error.value)


@pytest.mark.parametrize("content", ["[]", "{", '{"languages": {}}'])
def test_another_file_is_no_table(tmp_path: Path, content: str) -> None:
    (tmp_path / "confusion.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="it is no confusion table"):
        confusion.read(tmp_path)


def test_a_missing_table_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no confusion table; write it again with"):
        confusion.read(tmp_path)


def test_the_shipped_table_is_that_of_the_shipped_model() -> None:
    table = confusion.read()
    assert table.model_id == shipped.describe().model_id
    assert table.split == "val"
    assert {"en", "de", "es", "sw"} <= set(table.languages)
    english = table.languages["en"]
    assert english.rows > 2000
    # on posts of which it knows the language, the answer is mostly right
    assert all(english.counts[at][at] > sum(english.counts[at]) / 2 for at in range(3))
