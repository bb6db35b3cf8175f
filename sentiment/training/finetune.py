"""Train the network: resumable, seeded, on the GPU when there is one."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from sentiment.training.augment import augment
from sentiment.training.network import Network
from sentiment.training.rows import Row

log = logging.getLogger(__name__)

# Learned weights by name, averaged over steps.
Averaged = dict[str, Any]

# on the CPU the flash kernel takes 25 ms in bf16 for a batch of posts, the plain one 7 ms
ATTENTION = {"cpu": SDPBackend.MATH, "cuda": SDPBackend.EFFICIENT_ATTENTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The settings of one training run.

    ``max_tokens`` is in tokens, ``save_every`` and ``average_every`` in steps.
    ``average_memory``: the share of the running average of the weights that stays at each update.
    """

    epochs: int = 1
    batch: int = 48
    rate: float = 1e-4
    head_rate: float = 1e-3
    warmup: float = 0.06
    smoothing: float = 0.05
    weight_decay: float = 0.01
    max_tokens: int = 96
    seed: int = 1
    save_every: int = 200
    average_every: int = 20
    average_memory: float = 0.98


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids and mask [rows, tokens], and each row's label, binary flag and weight [rows].

    ``binary``: the row's set has no neutral.
    """

    ids: Any
    mask: Any
    labels: Any
    binary: Any
    weights: Any


def pad(encoded: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Return ids and mask as int64 tensors, padded with 1 to the longest."""
    width = max(len(ids) for ids in encoded)
    ids = np.full((len(encoded), width), 1, dtype=np.int64)
    mask = np.zeros((len(encoded), width), dtype=np.int64)
    for index, row in enumerate(encoded):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def batches(rows: Sequence[Row], tokenizer: Any, plan: Plan) -> list[Batch]:
    """Return the batches of all epochs: augmented, of like length, in a seeded order."""
    rng = random.Random(plan.seed)  # noqa: S311 - an order, no secret
    return [batch for _ in range(plan.epochs) for batch in _epoch(rows, tokenizer, plan, rng)]


def _epoch(rows: Sequence[Row], tokenizer: Any, plan: Plan, rng: random.Random) -> list[Batch]:
    order = rng.sample(range(len(rows)), len(rows))
    texts = [augment(rows[i].text, rows[i].lang, rng) for i in order]
    encoded = [e.ids for e in tokenizer.encode_batch_fast(texts)]
    chunk = plan.batch * 60
    epoch: list[Batch] = []
    for start in range(0, len(order), chunk):
        near = sorted(range(start, min(start + chunk, len(order))), key=lambda i: len(encoded[i]))
        for first in range(0, len(near), plan.batch):
            chosen = near[first : first + plan.batch]
            ids, mask = pad([encoded[i] for i in chosen])
            labels = torch.tensor([rows[order[i]].label for i in chosen])
            binary = torch.tensor([rows[order[i]].binary for i in chosen])
            weights = torch.tensor([rows[order[i]].weight for i in chosen])
            epoch.append(Batch(ids, mask, labels, binary, weights))
    rng.shuffle(epoch)
    return epoch


def loss_of(logits: Any, batch: Batch, smoothing: float) -> Any:
    """Return the weighted mean of the smoothed cross-entropy.

    ``smoothing`` is spread over the labels; binary rows have no neutral to spread over.
    """
    allowed = torch.ones_like(logits)
    allowed[:, 1] = 1.0 - batch.binary.to(logits)
    logp = torch.log_softmax(logits.masked_fill(allowed == 0, -1e4), dim=-1)
    target = smoothing * allowed / allowed.sum(-1, keepdim=True)
    target[torch.arange(len(target)), batch.labels] += 1.0 - smoothing
    weights = batch.weights.to(logits)
    return -((target * logp * allowed).sum(-1) * weights).sum() / weights.sum()


def train(network: Network, steps: list[Batch], plan: Plan, checkpoint: Path) -> Averaged:
    """Train in place and return the running average of the learned weights, by name.

    1. Resume from ``checkpoint`` when it exists.
    2. Each step: seed the dropout, run forward, step the optimiser and the schedule.
    3. Average the weights every ``average_every`` steps, save every ``save_every`` steps.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).train()
    optimiser, schedule = _optimiser(network, plan, len(steps))
    averaged: Averaged = {}
    first = _resume(network, averaged, optimiser, schedule, checkpoint)
    began, mean = time.monotonic(), 0.0
    for step in range(first, len(steps)):
        # a step draws the same dropout whether the run was interrupted before it or not
        torch.manual_seed(plan.seed * 1_000_003 + step)
        batch = Batch(*(getattr(steps[step], f).to(device) for f in Batch.__slots__))
        with sdpa_kernel(ATTENTION[device]), torch.autocast(device, dtype=torch.bfloat16):
            logits = network(batch.ids, batch.mask)
        loss = loss_of(logits.float(), batch, plan.smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean += (loss.item() - mean) / min(step - first + 1, 100)
        if (step + 1) % plan.average_every == 0:
            _average(averaged, network, plan.average_memory)
        if (step + 1) % 50 == 0:
            pace = (step + 1 - first) / (time.monotonic() - began)
            log.info("step %d/%d loss %.4f %.2f steps/s", step + 1, len(steps), mean, pace)
        if (step + 1) % plan.save_every == 0 or step + 1 == len(steps):
            _save(network, averaged, optimiser, schedule, checkpoint, step + 1)
    return averaged


def _average(averaged: Averaged, network: Network, memory: float) -> None:
    """Move the average towards the current weights; the first call creates it."""
    for name, value in network.learned().items():
        if name in averaged:
            averaged[name].lerp_(value, 1.0 - memory)
        else:
            averaged[name] = value.detach().clone()


def _optimiser(network: Network, plan: Plan, steps: int) -> tuple[Any, Any]:
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for n, p in named if "head" in n], "lr": plan.head_rate},
        {
            "params": [p for n, p in named if "head" not in n and p.ndim > 1],
            "lr": plan.rate,
            "weight_decay": plan.weight_decay,
        },
        {
            "params": [p for n, p in named if "head" not in n and p.ndim == 1],
            "lr": plan.rate,
            "weight_decay": 0.0,
        },
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=plan.weight_decay, fused=True)
    warm = max(1, int(steps * plan.warmup))

    def factor(step: int) -> float:
        return min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def _save(
    network: Network, averaged: Averaged, optimiser: Any, schedule: Any, path: Path, step: int
) -> None:
    state = {
        "step": step,
        "network": network.learned(),
        "averaged": averaged,
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
    }
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def _resume(network: Network, averaged: Averaged, optimiser: Any, schedule: Any, path: Path) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"], strict=False)
    averaged.update(state["averaged"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    log.info("resumed %s at step %d", path, state["step"])
    return int(state["step"])


def logits(network: Network, texts: Sequence[str], tokenizer: Any) -> Iterator[Any]:
    """Yield (row numbers, float32 logits [rows, 3]) in batches of like length."""
    device = next(network.parameters()).device
    network.eval()
    encoded = [e.ids for e in tokenizer.encode_batch_fast(list(texts))]
    order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    with torch.inference_mode():
        for first in range(0, len(order), 64):
            chosen = order[first : first + 64]
            ids, mask = pad([encoded[i] for i in chosen])
            yield chosen, network(ids.to(device), mask.to(device)).float().cpu().numpy()
