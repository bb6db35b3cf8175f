"""Bring your own model: label mapping, and a tiny random model through Transformers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from earful.contracts import Classifier
from sentiment import contract, hub, load
from sentiment.labels import map_labels, require_single_label

TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def test_labels_that_are_ours_need_no_mapping() -> None:
    assert map_labels(["Negative", "NEUTRAL", "positive"], None, "m") == [
        "negative",
        "neutral",
        "positive",
    ]


def test_two_labels_are_enough() -> None:
    assert map_labels(["NEGATIVE", "POSITIVE"], None, "m") == ["negative", "positive"]


def test_stars_may_share_a_label() -> None:
    stars = {"1": "negative", "2": "negative", "3": "neutral", "4": "positive", "5": "positive"}
    assert map_labels(list("12345"), stars, "m") == list(stars.values())


@pytest.mark.parametrize(
    ("names", "labels", "says"),
    [
        (["LABEL_0", "LABEL_1", "LABEL_2"], None, "m has the labels .*LABEL_0.*say which of"),
        (["LABEL_0", "LABEL_1"], {"LABEL_0": "bad", "LABEL_1": "positive"}, "maps to .*bad"),
        (["joy", "anger"], {"sad": "negative"}, "names .*sad.*, which m lacks"),
        (["a", "b"], {"a": "positive", "b": "positive"}, "say which of"),
    ],
)
def test_other_labels_are_refused_with_what_was_found(
    names: list[str], labels: dict[str, str] | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        map_labels(names, labels, "m")


def test_a_model_that_gives_several_labels_at_once_is_refused() -> None:
    require_single_label(None, "m")
    with pytest.raises(ValueError, match='m was made for the problem "regression"'):
        require_single_label("regression", "m")


@pytest.mark.parametrize(
    ("lengths", "batches"),
    [
        ([], []),
        ([3, 0, 3], [[0, 2]]),
        ([9, 2, 3, 2], [[1, 3, 2], [0]]),
        ([4, 4, 4], [[0, 1], [2]]),
        ([20, 1], [[1], [0]]),
    ],
)
def test_texts_of_like_length_share_a_batch_of_ten_tokens(
    lengths: list[int], batches: list[list[int]]
) -> None:
    assert list(hub.padded_batches(lengths, 10)) == batches


@pytest.mark.parametrize(
    ("cuda", "mps", "device"),
    [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_a_gpu_is_used_where_there_is_one(cuda: bool, mps: bool, device: str) -> None:
    torch = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )
    assert hub.find_device(torch) == device


@pytest.mark.parametrize(
    ("positions", "longest", "tokens"),
    [(514, 512, 512), (-1, 10**30, 512), (None, 256, 256), (130, 10**30, 128), (4, 512, 8)],
)
def test_a_text_is_cut_where_model_or_tokenizer_ends(
    positions: int | None, longest: int, tokens: int
) -> None:
    config = SimpleNamespace(max_position_embeddings=positions)
    assert hub._max_tokens(config, SimpleNamespace(model_max_length=longest)) == tokens


@pytest.mark.skipif(TORCH, reason="torch is installed here: nothing is missing")
def test_without_torch_it_says_what_to_install() -> None:
    with pytest.raises(ImportError, match=r"pip install 'earful\[transformers\]'"):
        load(backend="transformers", model="somewhere/something")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch: Any = pytest.importorskip("torch", reason="needs the extra transformers")
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra transformers")
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
    def again() -> Classifier:
        return load(backend="transformers", model=tiny, labels=MAPPING)

    broken = {name: wrong for name, wrong in contract.run(again(), again, 1e-5) if wrong}
    assert broken == {}


def test_the_mapping_is_obeyed_and_named_in_the_id(tiny: Path) -> None:
    turned = dict(zip(MAPPING, reversed(MAPPING.values()), strict=True))
    one = load(backend="transformers", model=tiny, labels=MAPPING)
    other = load(backend="transformers", model=tiny, labels=turned)
    assert abs(one.classify(["good"])[0].negative - other.classify(["good"])[0].positive) < 1e-6
    assert one.model_id != other.model_id
    assert one.model_id.endswith("-prep2")


def test_no_batch_holds_more_tokens_than_the_bound(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = hub.HubClassifier(str(tiny), labels=MAPPING)
    shapes = []
    run = classifier._model.forward

    def remember(input_ids: Any, **fields: Any) -> Any:
        shapes.append(tuple(input_ids.shape))
        return run(input_ids, **fields)

    texts = ["so bad", "good " * 50, *["bad"] * 40]
    whole = classifier.classify(texts)
    monkeypatch.setattr(classifier._model, "forward", remember)
    monkeypatch.setattr(hub, "TOKENS_PER_BATCH", 48)
    monkeypatch.setattr(hub, "TOKENS_PER_BATCH_ON_GPU", 48)
    monkeypatch.setattr(hub, "WINDOW", 30)
    assert contract.difference(whole, classifier.classify(texts)).largest < 1e-6
    assert sum(rows for rows, _ in shapes) == len(texts)
    assert max(rows * tokens for rows, tokens in shapes) <= 48
    assert max(tokens for _, tokens in shapes) == 30  # the positions that the tiny model has


def test_a_model_without_a_padding_token_reads_texts_one_by_one(tiny: Path) -> None:
    classifier = hub.HubClassifier(str(tiny), labels=MAPPING)
    whole = classifier.classify(["so bad", "good", "bad"])
    classifier._tokenizer.pad_token = None
    single = classifier.classify(["so bad", "good", "bad"])
    assert contract.difference(whole, single).largest < 1e-6


def test_exported_to_onnx_the_same_directory_scores_the_same_without_torch(tiny: Path) -> None:
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        tiny, attn_implementation="eager"
    )
    names = ["input_ids", "attention_mask", "token_type_ids"]
    some = torch.ones((2, 5), dtype=torch.int64)
    torch.onnx.export(
        model.eval(),
        (some, some, some * 0),
        str(tiny / "model.onnx"),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in names},
        dynamo=False,
    )
    texts = ["good", "so bad", "bad " * 500, *contract.POSTS]
    hub = load(backend="transformers", model=tiny, labels=MAPPING)
    onnx = load(model=tiny, labels=MAPPING)
    assert contract.difference(hub.classify(texts), onnx.classify(texts)).largest < 1e-5
