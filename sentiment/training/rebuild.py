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

from sentiment.training.base import dequantise

Array = np.ndarray[Any, Any]


class MeanPooled(BertPreTrainedModel):  # type: ignore[misc, unused-ignore]
    """Compute the same as the ONNX graph: BertModel, mean pooling over tokens, a linear head."""

    def __init__(self, config: Any) -> None:
        """Create it with random weights; ``rebuild`` fills in the trained ones."""
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = torch.nn.Linear(config.hidden_size, 3)
        self.post_init()

    def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> Any:
        """Return logits [rows, 3] in Transformers' way."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(1) / weights.sum(1)
        return SequenceClassifierOutput(logits=self.head(pooled))


def rebuild(directory: Path) -> tuple[Any, int]:
    """Return (model in eval mode, its token limit) from a directory's int8 ONNX file."""
    settings = json.loads((directory / "config.json").read_text("utf-8"))
    config = BertConfig(**{k: v for k, v in settings.items() if k != "architectures"})
    tensors = onnx.load(directory / "model.onnx").graph.initializer
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
    model = MeanPooled(config)
    state = {name: torch.from_numpy(array) for name, array in _state(arrays, config).items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or any("position_ids" not in name for name in missing):
        raise ValueError(f"{directory}: missing {missing}, unexpected {unexpected}")
    return model.eval(), int(config.max_position_embeddings)


def _state(arrays: dict[str, Array], config: Any) -> dict[str, Array]:
    blocks = np.concatenate(
        [arrays["words.scale"].view(np.uint8), arrays["words.nibbles"]], axis=-1
    )
    hidden = config.hidden_size
    state: dict[str, Array] = {
        "head.weight": arrays["head.weight"].copy(),
        "head.bias": arrays["head.bias"].copy(),
        "bert.embeddings.word_embeddings.weight": dequantise(blocks),
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
