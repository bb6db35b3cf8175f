"""Labels of other sets are mapped to ours, and say nothing about what they do not know."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from earful.enums import Intent, Reason
from sentiment.training import understanding
from sentiment.training.rows import Row
from sentiment.training.understanding import SetRow


def row(text: str = "The lamp came late", label: str = "", target: str = "") -> SetRow:
    return SetRow(text, label, target, "en", "source", "train")


def mapped(learned: Row | None) -> Row:
    assert learned is not None
    return learned


def test_five_points_become_three_and_the_target_a_marker() -> None:
    learned = mapped(
        understanding.toward_row(row("I hate acme", "very negative", "acme"), "target_x")
    )
    assert (learned.text, learned.toward, learned.label) == ("I hate ◆", 0, -1)
    assert understanding.toward_row(row(label="conflict"), "target_x") is None


def test_nobody_in_the_news_complains() -> None:
    learned = mapped(understanding.toward_row(row(label="negative"), "target_newsmtsc"))
    assert dict(learned.intents) == {name: float(name == Intent.OTHER) for name in Intent}


@pytest.mark.parametrize(
    ("label", "toward", "reasons"),
    [
        ("Logistics#Speed:negative", 0, {Reason.LATE}),
        ("food prices:negative+service general:negative", 0, {Reason.PRICE, Reason.STAFF}),
        ("Buyer Attitude#Repurchase and Churn Tendency:negative", 0, {Reason.OTHER}),
        ("Battery/Longevity#General:negative+Screen#Size:positive", -1, {Reason.BROKEN}),
    ],
)
def test_reviews_teach_reasons(label: str, toward: int, reasons: set[Reason]) -> None:
    learned = mapped(understanding.reviewed_row(row(label=label), "reason_x"))
    assert learned.toward == toward
    assert {name for name, value in learned.reasons if value} == reasons
    assert dict(learned.intents)[Intent.COMPLAINT] == 1.0
    assert dict(learned.intents)[Intent.LEAVING] == float("Repurchase" in label)


def test_a_review_of_praise_alone_has_no_reasons() -> None:
    learned = mapped(understanding.reviewed_row(row(label="food general:positive"), "reason_x"))
    assert learned.reasons == ()
    assert dict(learned.intents)[Intent.PRAISE] == 1.0
    neutral = row(label="food general:positive+location general:neutral")
    assert understanding.reviewed_row(neutral, "reason_x") is None


@pytest.mark.parametrize(
    ("label", "reason"),
    [("card_arrival", Reason.LATE), ("Refund_not_showing_up", Reason.PRICE), ("age_limit", None)],
)
def test_questions_to_a_bank_have_a_reason_only_about_a_problem(
    label: str, reason: Reason | None
) -> None:
    learned = mapped(understanding.banking_row(row(label=label), "intent_banking77"))
    assert {name for name, value in learned.reasons if value} == ({reason} - {None})
    assert dict(learned.intents)[Intent.QUESTION] == 1.0


@pytest.mark.parametrize(
    ("label", "expected"), [("joy", 2), ("anger+sadness", 0), ("none", 1), ("joy+anger", None)]
)
def test_emotions_are_a_weak_sentiment(label: str, expected: int | None) -> None:
    learned = understanding.emotion_row(row(label=label), "emotion_x")
    assert (None if learned is None else learned.label) == expected
    assert learned is None or learned.weight < 1


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "one.tsv.gz", "wt", encoding="utf-8") as out:
        out.write("text\tlabel\ttarget\ten\tsource\ttrain\nonly one field\n")
    with pytest.raises(ValueError, match=r"one\.tsv\.gz, line 2: 1 fields"):
        list(understanding.read_rows(tmp_path, "one"))
    with pytest.raises(FileNotFoundError, match="no such data set"):
        list(understanding.read_rows(tmp_path, "two"))


def test_held_out_texts_are_never_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = understanding.UnderstandingPart(
        data_set="one", mapping=understanding.toward_row, limit=2, per_label=1, times=3
    )
    monkeypatch.setattr(understanding, "PARTS", (part,))
    with gzip.open(tmp_path / "one.tsv.gz", "wt", encoding="utf-8") as out:
        for text, label, split in (
            ("bad acme", "negative", "train"),
            ("worse acme", "negative", "train"),
            ("good acme", "positive", "train"),
            ("kept acme", "positive", "train"),
            ("test acme", "positive", "test"),
        ):
            out.write(f"{text}\t{label}\tacme\ten\tone\t{split}\n")
    pool = understanding.understanding_pool(tmp_path, {"keptacme"})
    assert len(pool) == 6
    assert {row.text for row in pool} <= {"bad ◆", "worse ◆", "good ◆"}
    assert understanding.keys_not_learned(tmp_path) == {"testacme"}
