"""Bring your own ONNX model: a directory as Optimum exports it, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto
from tiny_onnx import MAPPING, Tiny
from tokenizers import Tokenizer

from earful.contracts import Classifier
from earful.enums import Sentiment
from sentiment import contract, load
from sentiment.brand_markers import mark
from sentiment.heads import SENTIMENT
from sentiment.ngrams import NgramExpert
from sentiment.prepare import prepare
from sentiment.shipped import SHIPPED

OURS = ("negative", "neutral", "positive")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return Tiny().write(tmp_path / "tiny")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = Tiny(names=OURS).write(tmp_path_factory.mktemp("foreign") / "team-model")
    return load(model=folder)


@pytest.mark.parametrize("check", contract.CHECKS.values(), ids=contract.CHECKS)
def test_it_keeps_the_contract(foreign: Classifier, check: contract.Check) -> None:
    assert check(foreign) == ""


def test_a_text_scores_alone_as_among_others_to_the_last_bit(foreign: Classifier) -> None:
    assert contract.check_neighbours(foreign) == ""


def test_it_reads_what_the_model_says(foreign: Classifier) -> None:
    found = foreign.classify(["so bad", "plain", "good good", "so bad and plain and bad"])
    expected = [Sentiment.NEGATIVE, Sentiment.NEUTRAL, Sentiment.POSITIVE, Sentiment.NEGATIVE]
    assert [one.sentiment for one in found] == expected
    # "[CLS] plain [SEP]": a third of the strength, 6, against nothing
    assert found[1].neutral == pytest.approx(np.exp(2) / (np.exp(2) + 2))


def test_the_language_found_comes_along(foreign: Classifier) -> None:
    (one,) = foreign.classify(["Ευχαριστώ πολύ για τη γρήγορη εξυπηρέτηση, good"])
    assert one.language == "el"


def test_labels_are_mapped_and_named_in_the_id(tiny: Path) -> None:
    turned = {"LABEL_0": "positive", "LABEL_1": "neutral", "LABEL_2": "negative"}
    one, other = load(model=tiny, labels=MAPPING), load(model=tiny, labels=turned)
    (said,), (turned_round,) = one.classify(["good"]), other.classify(["good"])
    assert said.sentiment is Sentiment.POSITIVE
    assert turned_round.negative == said.positive
    assert one.model_id != other.model_id
    assert one.model_id.startswith("tiny-")
    assert contract.check_model_id(one, load(model=tiny, labels=MAPPING)) == ""


def test_other_weights_have_another_id(tmp_path: Path) -> None:
    first = load(model=Tiny(names=OURS).write(tmp_path / "a" / "m"))
    second = load(model=Tiny(names=OURS, batch_wide=True).write(tmp_path / "b" / "m"))
    assert first.model_id != second.model_id


def test_several_labels_may_be_one(tmp_path: Path) -> None:
    folder = Tiny(names=("1 star", "3 stars", "5 stars")).write(tmp_path)
    stars = {"1 star": "negative", "3 stars": "negative", "5 stars": "positive"}
    (one,) = load(model=folder, labels=stars).classify(["plain"])
    assert one.neutral == 0.0
    assert one.sentiment is Sentiment.NEGATIVE


@pytest.mark.parametrize(
    "like",
    [
        Tiny(names=OURS, inputs=("input_ids", "attention_mask", "token_type_ids")),
        Tiny(names=("NEGATIVE", "POSITIVE")),
        Tiny(names=OURS, input_type=TensorProto.INT32),
        Tiny(names=OURS, outputs=("scores",)),
        Tiny(names=OURS, outputs=("hidden", "logits")),
        Tiny(names=OURS, config={"problem_type": "single_label_classification"}),
    ],
    ids=["token types", "two labels", "int32", "one other output", "more outputs", "problem"],
)
def test_what_else_is_read(tmp_path: Path, like: Tiny) -> None:
    (good, bad) = load(model=like.write(tmp_path)).classify(["good", "bad"])
    assert (good.sentiment, bad.sentiment) == (Sentiment.POSITIVE, Sentiment.NEGATIVE)


def test_the_weights_may_lie_in_a_folder_onnx(tiny: Path) -> None:
    expected = load(model=tiny, labels=MAPPING).model_id
    (tiny / "onnx").mkdir()
    (tiny / "model.onnx").rename(tiny / "onnx" / "model.onnx")
    assert load(model=tiny, labels=MAPPING).model_id == expected


@pytest.mark.parametrize("by", ["config.json", "tokenizer_config.json"])
def test_texts_are_read_as_far_as_the_model_can(tmp_path: Path, by: str) -> None:
    like = Tiny(names=OURS, positions=12 if by == "config.json" else 64)
    folder = like.write(tmp_path)
    if by == "tokenizer_config.json":
        (folder / by).write_text('{"model_max_length": 10}', "utf-8")
    # ten tokens, two of them special: the bad words behind the eighth are not read
    (one,) = load(model=folder).classify(["good " * 8 + "bad " * 100])
    assert one.sentiment is Sentiment.POSITIVE
    assert one.negative == one.neutral


def test_a_model_without_positions_of_its_own_reads_long_texts(tmp_path: Path) -> None:
    like = Tiny(names=OURS, positions=600, config={"max_position_embeddings": -1})
    (answer,) = load(model=like.write(tmp_path)).classify(["so " * 20 + "bad " * 20])
    assert answer.sentiment is Sentiment.NEGATIVE


# --- what is refused ------------------------------------------------------------------------


def test_a_model_without_names_wants_a_mapping(tiny: Path) -> None:
    with pytest.raises(ValueError, match=r"LABEL_0.*say which of negative, neutral, positive"):
        load(model=tiny)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.onnx"])
def test_a_missing_file_is_named_with_what_is_there(tiny: Path, name: str) -> None:
    (tiny / name).unlink()
    (tiny / "model_quantized.onnx").touch()
    says = rf"{name}: missing model file.*It holds .*model_quantized\.onnx"
    with pytest.raises(FileNotFoundError, match=says):
        load(model=tiny, labels=MAPPING)


def test_a_directory_that_is_none(tiny: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not there; name the directory"):
        load(model=tiny / "no")
    with pytest.raises(FileNotFoundError, match="is a file, not a directory"):
        load(model=tiny / "model.onnx")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"id2label": None}, r"config\.json: it names no labels; add .*id2label"),
        ({"id2label": {}}, "it names no labels"),
        ({"id2label": {"1": "negative", "2": "positive"}}, r"numbers its labels .*must be"),
        ({"problem_type": "multi_label_classification"}, "multi_label.*chooses one label"),
        ({"max_position_embeddings": 400}, r"cannot be run on 2 texts of 398 tokens .*export it"),
    ],
)
def test_a_config_that_does_not_fit(tmp_path: Path, config: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load(model=Tiny(names=OURS, config=config).write(tmp_path))


@pytest.mark.parametrize(
    ("like", "says"),
    [
        (Tiny(inputs=("input_ids", "attention_mask", "pixels")), r"its inputs are .*pixels"),
        (Tiny(inputs=("input_ids",)), r"its inputs are \['input_ids'\]; they must be"),
        (Tiny(input_type=TensorProto.FLOAT), r"have the type .*float.*must be int64"),
        (Tiny(outputs=("a", "b")), r"its outputs are \['a', 'b'\], none of them \"logits\""),
        (Tiny(strength=float("nan")), r"numbers that are none \(NaN or inf\)"),
        (Tiny(per_token=True), r"the shape \[1, 3, 3\] for 1 texts and 3 labels; .*\[1, 3\]"),
        (
            Tiny(config={"id2label": dict(zip("0123", "abcd", strict=True))}),
            r"the shape \[1, 3\] for 1 texts and 4 labels",
        ),
    ],
)
def test_a_graph_that_does_not_fit(tmp_path: Path, like: Tiny, says: str) -> None:
    names = like.config.get("id2label", {}).values() or like.names
    labels = dict(zip(names, (*OURS, "neutral"), strict=False))
    with pytest.raises(ValueError, match=says):
        load(model=like.write(tmp_path), labels=labels)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.onnx", b"", r"model\.onnx: ONNX Runtime cannot load it"),
        ("model.onnx", b"version https://git-lfs.example/spec", "cannot load it .*copy or export"),
        ("config.json", b"{", r"config\.json: it is not JSON"),
        ("config.json", b"[]", r"config\.json: it is JSON, but no object"),
        ("tokenizer.json", b"{}", r"tokenizer\.json: it is no tokenizer"),
        ("tokenizer.json", b"\xff", r"tokenizer\.json: it is not JSON"),
        ("tokenizer_config.json", b"<html>", r"tokenizer_config\.json: it is not JSON"),
    ],
)
def test_a_damaged_file_is_named(tiny: Path, name: str, content: bytes, says: str) -> None:
    (tiny / name).write_bytes(content)
    with pytest.raises(ValueError, match=says):
        load(model=tiny, labels=MAPPING)


def test_a_model_that_looks_at_its_neighbours_is_found_out(tmp_path: Path) -> None:
    folder = Tiny(names=OURS, batch_wide=True).write(tmp_path)
    wrong = contract.check_neighbours(load(model=folder), contract.NOTICEABLE)
    assert "differ by up to" in wrong


# --- the shipped directory is one of these too -----------------------------------------------


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model's files without Earful's own description of them."""
    folder = tmp_path_factory.mktemp("bare")
    for name in ("config.json", "tokenizer.json", "model.onnx"):
        (folder / name).symlink_to(SHIPPED / name)
    return folder


def test_the_shipped_directory_is_read_by_plain_libraries(classifier: Classifier) -> None:
    """The first three logits, with the n-grams' share, are the sentiment of the text."""
    config = json.loads((SHIPPED / "config.json").read_text("utf-8"))
    share = json.loads((SHIPPED / "earful.json").read_text("utf-8"))["ngram_share"]
    expert = NgramExpert.read(SHIPPED / "ngrams.bin")
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(SHIPPED / "model.onnx"))
    for text, ours in zip(contract.POSTS, classifier.classify(list(contract.POSTS)), strict=True):
        prepared = prepare(mark(text, ()))
        encoded = tokenizer.encode(prepared)
        fed = {"input_ids": [encoded.ids], "attention_mask": [encoded.attention_mask]}
        arrays = {name: np.array(rows, dtype=np.int64) for name, rows in fed.items()}
        (logits,) = session.run(["logits"], arrays)
        sentiment = logits[0, SENTIMENT] + share * expert.logits(prepared)
        assert config["id2label"][str(sentiment.argmax())] == ours.sentiment.value


def test_without_its_description_it_is_refused(bare: Path) -> None:
    """It answers more than a sentiment, and only earful.json says what."""
    with pytest.raises(ValueError, match=r'"logits" has the shape \[1, 24\] for 1 texts'):
        load(model=bare)
