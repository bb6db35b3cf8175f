"""A directory as Optimum exports it, small enough to write in a test and to foretell its answers.

Each word has one embedding for each label; a text's logits are their mean over its tokens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "plain", "so", "not")
MEANT = {"bad": 0, "plain": 1, "good": 2}
"""The label that each of these words stands for, by its place."""

NAMES = ("LABEL_0", "LABEL_1", "LABEL_2")
MAPPING = dict(zip(NAMES, ("negative", "neutral", "positive"), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiny:
    """What the directory is like. ``batch_wide`` takes the batch's mean off, as a model does that
    looks at its neighbours; ``per_token`` leaves out the mean over the tokens."""

    names: tuple[str, ...] = NAMES
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    input_type: int = TensorProto.INT64
    outputs: tuple[str, ...] = ("logits",)
    positions: int = 64
    strength: float = 6.0
    config: dict[str, Any] = field(default_factory=dict)
    batch_wide: bool = False
    per_token: bool = False

    def write(self, folder: Path) -> Path:
        """Write config.json, tokenizer.json and model.onnx into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "model_type": "bert",
            "id2label": {str(at): name for at, name in enumerate(self.names)},
            "max_position_embeddings": self.positions,
        }
        (folder / "config.json").write_text(json.dumps(config | self.config), "utf-8")
        _tokenizer().save(str(folder / "tokenizer.json"))
        onnx.save(self._model(), folder / "model.onnx")
        return folder

    def _model(self) -> onnx.ModelProto:
        embeddings = np.zeros((len(WORDS), len(self.names)), dtype=np.float32)
        for word, label in MEANT.items():
            embeddings[WORDS.index(word), min(label, len(self.names) - 1)] = self.strength
        weights = {
            "words": embeddings,
            "places": 0 * np.full((self.positions, len(self.names)), self.strength, np.float32),
            "zero": np.array(0, dtype=np.int64),
            "one": np.array(1, dtype=np.int64),
            "tokens": np.array([1], dtype=np.int64),
            "batch": np.array([0], dtype=np.int64),
            "last": np.array([2], dtype=np.int64),
        }
        mask = "attention_mask" if "attention_mask" in self.inputs else "input_ids"
        nodes = [
            helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.INT64),
            helper.make_node("Shape", ["input_ids"], ["shape"]),
            helper.make_node("Gather", ["shape", "one"], ["length"]),
            helper.make_node("Range", ["zero", "length", "one"], ["range"]),
            helper.make_node("Gather", ["places", "range"], ["placed"]),
            helper.make_node("Gather", ["words", "ids"], ["embedded"]),
            helper.make_node("Add", ["embedded", "placed"], ["summed"]),
            helper.make_node("Cast", [mask], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
            helper.make_node("Mul", ["summed", "wide"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "tokens"], ["total"], keepdims=0),
            helper.make_node("ReduceSum", ["wide", "tokens"], ["number"], keepdims=0),
            helper.make_node("Div", ["total", "number"], ["mean"]),
            helper.make_node("ReduceMean", ["mean"], ["others"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["mean", "others"], ["apart"]),
        ]
        result = "masked" if self.per_token else "apart" if self.batch_wide else "mean"
        nodes += [helper.make_node("Identity", [result], [name]) for name in self.outputs]
        shape = ["batch", "sequence"]
        graph = helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info(name, self.input_type, shape) for name in self.inputs],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in self.outputs],
            [numpy_helper.from_array(array, name) for name, array in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 10  # what ONNX Runtime reads since long
        return model


def _tokenizer() -> Tokenizer:
    words = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(word, words[word]) for word in ("[CLS]", "[SEP]")],
    )
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]", length=16)  # some exports bake it in
    return tokenizer
