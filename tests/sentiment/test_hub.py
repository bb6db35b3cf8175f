"""Bring your own model: label mapping, and a tiny random model through Transformers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from sentiment import load
from sentiment.hub import columns

TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def test_labels_that_are_ours_need_no_mapping() -> None:
    assert columns(["Negative", "NEUTRAL", "positive"], None, "m") == [
        "negative",
        "neutral",
        "positive",
    ]


def test_two_labels_are_enough() -> None:
    assert columns(["NEGATIVE", "POSITIVE"], None, "m") == ["negative", "positive"]


def test_stars_may_share_a_label() -> None:
    stars = {"1": "negative", "2": "negative", "3": "neutral", "4": "positive", "5": "positive"}
    assert columns(list("12345"), stars, "m") == list(stars.values())


@pytest.mark.parametrize(
    ("names", "labels", "says"),
    [
        (["LABEL_0", "LABEL_1", "LABEL_2"], None, "m has the labels .*LABEL_0.*say which of"),
        (["LABEL_0", "LABEL_1"], {"LABEL_0": "bad", "LABEL_1": "positive"}, "maps to .*bad"),
        (["joy", "anger"], {"sad": "negative"}, "names .*sad.*, which m has not"),
        (["a", "b"], {"a": "positive", "b": "positive"}, "say which of"),
    ],
)
def test_other_labels_are_refused_with_what_was_found(
    names: list[str], labels: dict[str, str] | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        columns(names, labels, "m")


@pytest.mark.skipif(TORCH, reason="torch is installed here: nothing is missing")
def test_without_torch_it_says_what_to_install() -> None:
    with pytest.raises(ImportError, match=r"pip install 'earful\[torch\]'"):
        load(backend="transformers", model="somewhere/something")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch: Any = pytest.importorskip("torch", reason="needs the extra torch")
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra torch")
    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "so", "user", "http"]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        num_labels=3,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


MAPPING = {"LABEL_0": "positive", "LABEL_1": "neutral", "LABEL_2": "negative"}


def test_a_model_without_names_wants_a_mapping(tiny: Path) -> None:
    with pytest.raises(ValueError, match="LABEL_0"):
        load(backend="transformers", model=tiny)


def test_it_keeps_the_contract(tiny: Path) -> None:
    classifier = load(backend="transformers", model=tiny, labels=MAPPING)
    texts = ["good", "", "bad " * 500, "so good", "http", "bad"] * 11
    scores = classifier.classify(texts)
    assert len(scores) == len(texts)
    assert classifier.classify([]) == []
    assert [s.could_not_tell for s in scores[:6]] == [False, True, False, False, True, False]
    for text, score in zip(texts[:6], scores, strict=False):
        alone = classifier.classify([text])[0]
        assert abs(alone.negative - score.negative) < 1e-5


def test_the_mapping_is_obeyed_and_named_in_the_id(tiny: Path) -> None:
    turned = dict(zip(MAPPING, reversed(MAPPING.values()), strict=True))
    one = load(backend="transformers", model=tiny, labels=MAPPING)
    other = load(backend="transformers", model=tiny, labels=turned)
    assert abs(one.classify(["good"])[0].negative - other.classify(["good"])[0].positive) < 1e-6
    assert one.model_id != other.model_id
    assert one.model_id.endswith("-prep1")
