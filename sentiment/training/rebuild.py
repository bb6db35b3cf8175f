"""Turn a model directory back into a float32 PyTorch model, to compare with or to go on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from sentiment.heads import SENTIMENT, WIDTH
from sentiment.training.base import dequantise
from sentiment.training.network import both_means

Array = np.ndarray[Any, Any]


class TwicePooled(BertPreTrainedModel):  # type: ignore[misc, unused-ignore]
    """Compute the same as the ONNX graph: BertModel, two means over tokens, a linear head."""

    def __init__(self, config: Any) -> None:
        """Create it with random weights; ``rebuild`` fills in the trained ones."""
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = torch.nn.Linear(2 * config.hidden_size, WIDTH)
        self.post_init()

    def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> Any:
        """Return logits [rows, 3] of the text's sentiment in Transformers' way."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = both_means(hidden, input_ids, attention_mask, self.config.marker_token_id)
        return SequenceClassifierOutput(logits=self.head(pooled)[:, SENTIMENT])


def rebuild(directory: Path) -> tuple[Any, int]:
    """Return (model in eval mode, its token limit) from a directory's int8 ONNX file."""
    settings = json.loads((directory / "config.json").read_text("utf-8"))
    config = BertConfig(**{k: v for k, v in settings.items() if k != "architectures"})
    model = TwicePooled(config)
    state = {name: torch.from_numpy(array) for name, array in read_state(directory).items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or any("position_ids" not in name for name in missing):
        raise ValueError(f"{directory}: missing {missing}, unexpected {unexpected}")
    return model.eval(), int(config.max_position_embeddings)


def read_state(directory: Path) -> dict[str, Array]:
    """Return a directory's weights in float32 by Transformers' names, of any shape of head."""
    settings = json.loads((directory / "config.json").read_text("utf-8"))
    config = BertConfig(**{k: v for k, v in settings.items() if k != "architectures"})
    return _state(_arrays(directory), config)


def read_blocks(directory: Path) -> Array:
    """Return a directory's word embeddings as stored, [vocabulary, blocks a row, 18] bytes."""
    return _blocks(_arrays(directory))


def _arrays(directory: Path) -> dict[str, Array]:
    tensors = onnx.load(directory / "model.onnx").graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}


def _blocks(arrays: dict[str, Array]) -> Array:
    return np.concatenate([arrays["words.scale"].view(np.uint8), arrays["words.nibbles"]], axis=-1)


def _state(arrays: dict[str, Array], config: Any) -> dict[str, Array]:
    hidden = config.hidden_size
    state: dict[str, Array] = {
        "head.weight": arrays["head.weight"].copy(),
        "head.bias": arrays["head.bias"].copy(),
        "bert.embeddings.word_embeddings.weight": dequantise(_blocks(arrays)),
        "bert.embeddings.position_embeddings.weight": arrays["positions"].copy(),
        # already added to the positions
        "bert.embeddings.token_type_embeddings.weight": np.zeros((1, hidden), np.float32),
    }
    for name, array in arrays.items():
        if name.endswith(("LayerNorm.weight", "LayerNorm.bias", "dense.bias")):
            state[f"bert.{name}"] = array.copy()
        elif name.endswith("dense.weight"):
            state[f"bert.{name}"] = _matrix(arrays, name, name.removesuffix(".weight")).T.copy()
    for layer in range(config.num_hidden_layers):
        state |= _attention(arrays, f"encoder.layer.{layer}", config)
    return state


def _attention(arrays: dict[str, Array], at: str, config: Any) -> dict[str, Array]:
    """Undo the scale that was folded into the queries; keys and values have none."""
    unfold = (config.hidden_size / config.num_attention_heads) ** 0.5
    state: dict[str, Array] = {}
    for part in ("query", "key", "value"):
        name = f"{at}.attention.self.{part}"
        times = unfold if part == "query" else 1.0
        matrix = _matrix(arrays, f"{name}.weight", f"{at}.qkv").T
        bias = arrays[f"{name}.bias"]
        state[f"bert.{name}.weight"] = (matrix * times).astype(np.float32)
        state[f"bert.{name}.bias"] = (bias * times).astype(np.float32)
    return state


def _matrix(arrays: dict[str, Array], name: str, source: str) -> Array:
    """Return a product's weight [in, out] in float32; ``source``: the name of its input."""
    matrix = arrays[name].astype(np.float32)
    scale = arrays.get(f"{name}.scale")
    if scale is not None:
        matrix = matrix * scale
    # the weights were multiplied by the divisors of the input's channels
    factor = arrays.get(f"{source}.evening")
    return matrix if factor is None else np.asarray(matrix * factor[:, None])
