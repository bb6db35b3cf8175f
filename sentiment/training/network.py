"""The network in PyTorch: BertModel from the 4-bit base, mean pooling, a three-way head."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertModel

from sentiment.training.base import Base, dequantise
from sentiment.training.graph import Weights

MAX_TOKENS = 128
DROPOUT = 0.1


class PatternDropout(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """Drop channels of a text, the same channels at each of its tokens.

    It draws one random number a channel, not one a value (Gal and Ghahramani 2016, "A Theoretically
    Grounded Application of Dropout in Recurrent Neural Networks").
    """

    def __init__(self, share: float) -> None:
        """``share``: the share of channels to drop, 0 to 1."""
        super().__init__()
        self.share = share

    def forward(self, x: Any) -> Any:
        """Return ``x`` [texts, tokens, channels], in training with channels dropped."""
        if not self.training or not self.share:
            return x
        mask = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= self.share
        return x * (mask.to(x.dtype) / (1.0 - self.share))


class Network(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """A BertModel with frozen word embeddings; every other weight learns."""

    def __init__(self, base: Base, keep: list[int]) -> None:
        """``keep``: the rows of the base's vocabulary to use, in the order of their new ids."""
        super().__init__()
        config = BertConfig(
            vocab_size=len(keep),
            hidden_size=base.hidden,
            num_hidden_layers=base.layers,
            num_attention_heads=base.heads,
            intermediate_size=base.intermediate,
            max_position_embeddings=len(base.tensors["embeddings.position_embeddings.weight"]),
            layer_norm_eps=base.epsilon,
            pad_token_id=1,
            # PatternDropout takes the place of these: on a CPU drawing theirs halves the speed
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        self.encoder = BertModel(config, add_pooling_layer=False)
        state = {name: torch.from_numpy(array) for name, array in base.tensors.items()}
        words = dequantise(base.blocks[np.asarray(keep)])
        state["embeddings.word_embeddings.weight"] = torch.from_numpy(words)
        missing, unexpected = self.encoder.load_state_dict(state, strict=False)
        if unexpected or any("position_ids" not in name for name in missing):
            raise ValueError(f"base weights: missing {missing}, unexpected {unexpected}")
        self.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        for layer in self.encoder.encoder.layer:
            layer.attention.output.dropout = PatternDropout(DROPOUT)
            layer.output.dropout = PatternDropout(DROPOUT)
        self.head = torch.nn.Linear(base.hidden, 3)
        self.dropout = torch.nn.Dropout(0.1)

    def forward(self, ids: Any, mask: Any) -> Any:
        """Return logits [rows, 3] of token ids and their mask, both [rows, tokens]."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(1) / weights.sum(1)
        return self.head(self.dropout(pooled))

    def learned(self) -> dict[str, Any]:
        """Return the weights that training changes, by name: all but the word embeddings."""
        return {k: v for k, v in self.state_dict().items() if "word_embeddings" not in k}

    def weights(self, blocks: Any, epsilon: float) -> Weights:
        """Return the weights of the ONNX graph; ``blocks``: the cut word embeddings."""
        config = self.encoder.config
        tensors = {
            name.removeprefix("encoder."): tensor.float().cpu().numpy()
            for name, tensor in self.learned().items()
        }
        return Weights(
            blocks=blocks,
            tensors=tensors,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            epsilon=epsilon,
            max_tokens=MAX_TOKENS,
        )
