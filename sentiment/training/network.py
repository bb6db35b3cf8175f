"""The network in PyTorch: BertModel from the 4-bit base, two poolings, one head for all answers.

The head reads the mean over all tokens beside the mean over the tokens of our brand's marker, which
tells toward whom a text is written. Without a marker both are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertModel

from sentiment.heads import SENTIMENT, TOWARD, WIDTH
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

    def __init__(self, base: Base, keep: list[int], marker: int, sets: int = 0) -> None:
        """Build it from the base with a new head.

        ``keep``: the rows of the base's vocabulary to use, in the order of their new ids.
        ``marker``: the new id of our brand's marker. ``sets``: the number of training sets, each
        with offsets of its own for the three sentiments, which the shipped model leaves out: sets
        label by different conventions, and would fight over the shared bias.
        """
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
        self.marker = marker
        self.head = torch.nn.Linear(2 * base.hidden, WIDTH)
        self.dropout = torch.nn.Dropout(0.1)
        self.set_offsets = torch.nn.Embedding(max(1, sets), 3)
        torch.nn.init.zeros_(self.set_offsets.weight)

    def forward(self, ids: Any, mask: Any, sets: Any = None) -> Any:
        """Return logits [rows, WIDTH] of token ids and their mask, both [rows, tokens].

        ``sets`` [rows]: the number of each row's training set, whose offsets are added.
        """
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        logits = self.head(self.dropout(both_means(hidden, ids, mask, self.marker)))
        if sets is None:
            return logits
        return torch.cat([logits[:, SENTIMENT] + self.set_offsets(sets), logits[:, 3:]], dim=-1)

    def start_from(self, state: dict[str, Any]) -> None:
        """Take the weights of an earlier model, by Transformers' names.

        An earlier head that answered only the text's sentiment reads half of each pooling, which
        computes the same for a text without a marker; "toward" begins as a copy of it.
        """
        state = {name: torch.as_tensor(value) for name, value in state.items()}
        matrix, bias = state.pop("head.weight"), state.pop("head.bias")
        with torch.no_grad():
            if matrix.shape == self.head.weight.shape:
                self.head.weight.copy_(matrix)
                self.head.bias.copy_(bias)
            else:
                self.head.weight.mul_(0.1)
                self.head.bias.zero_()
                for columns in (SENTIMENT, TOWARD):
                    self.head.weight[columns] = torch.cat([matrix, matrix], dim=-1) / 2
                    self.head.bias[columns] = bias
        renamed = {f"encoder.{name.removeprefix('bert.')}": v for name, v in state.items()}
        for name in ("position_embeddings", "token_type_embeddings"):
            # a shipped model holds the positions that it reads, with the type added to them
            name = f"encoder.embeddings.{name}.weight"
            table = self.state_dict()[name].clone()
            table[: len(renamed[name])] = renamed[name]
            renamed[name] = table
        missing, unexpected = self.load_state_dict(renamed, strict=False)
        own = ("head.", "set_offsets.", "position_ids")
        if unexpected or any(not any(part in name for part in own) for name in missing):
            raise ValueError(f"weights to start from: missing {missing}, unexpected {unexpected}")

    def learned(self) -> dict[str, Any]:
        """Return the weights that training changes, by name: all but the word embeddings."""
        return {k: v for k, v in self.state_dict().items() if "word_embeddings" not in k}

    def weights(self, blocks: Any, epsilon: float) -> Weights:
        """Return the weights of the ONNX graph; ``blocks``: the cut word embeddings."""
        config = self.encoder.config
        tensors = {
            name.removeprefix("encoder."): tensor.float().cpu().numpy()
            for name, tensor in self.learned().items()
            if not name.startswith("set_offsets.")
        }
        return Weights(
            blocks=blocks,
            tensors=tensors,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            epsilon=epsilon,
            max_tokens=MAX_TOKENS,
            marker=self.marker,
        )


def mean(hidden: Any, weights: Any) -> Any:
    """Return the mean [rows, channels] of ``hidden`` over the tokens, by their weights."""
    weights = weights.unsqueeze(-1)
    return (hidden * weights).sum(1) / weights.sum(1)


def both_means(hidden: Any, ids: Any, mask: Any, marker: int) -> Any:
    """Return the mean over all tokens beside that over the marker's, [rows, 2 * channels].

    Without a marker in a row both are the same.
    """
    weights = mask.to(hidden.dtype)
    ours = (ids == marker).to(hidden.dtype)
    ours = torch.where(ours.sum(1, keepdim=True) > 0, ours, weights)
    return torch.cat([mean(hidden, weights), mean(hidden, ours)], dim=-1)
