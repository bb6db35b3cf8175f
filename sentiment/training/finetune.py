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

from sentiment.heads import INTENT_NAMES, INTENTS, REASON_NAMES, SENTIMENT, TOWARD, WIDTH
from sentiment.training.augment import augment
from sentiment.training.network import Network
from sentiment.training.rows import Row
from sentiment.training.targets import targets

log = logging.getLogger(__name__)

# Learned weights by name, averaged over steps.
Averaged = dict[str, Any]

TOWARD_FACTOR = 2.0
# Of intents, reasons and irony. There are many of them, and each is easier than a sentiment.
_FACTORS = torch.tensor([0.6] * len(INTENT_NAMES) + [1.0] * len(REASON_NAMES) + [0.8])

# on the CPU the flash kernel takes 25 ms in bf16 for a batch of posts, the plain one 7 ms
ATTENTION = {"cpu": SDPBackend.MATH, "cuda": SDPBackend.EFFICIENT_ATTENTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The settings of one training run.

    ``max_tokens`` is in tokens, ``save_every`` and ``average_every`` in steps. ``teacher_share``:
    the weight of a teacher's answer against the label.
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
    teacher_share: float = 0.5
    seed: int = 1
    save_every: int = 200
    average_every: int = 20
    average_memory: float = 0.98


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids and mask [rows, tokens], and what is known of each row.

    ``targets`` [rows, WIDTH]: probabilities in the columns of ``sentiment.heads``, NaN where
    unknown. ``binary`` [rows]: the row's set has no neutral. ``weights`` [rows]. ``sets`` [rows]:
    the number of the row's set, see ``Network``.
    """

    ids: Any
    mask: Any
    targets: Any
    binary: Any
    weights: Any
    sets: Any


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
    numbers = {name: i for i, name in enumerate(set_names(rows))}
    return [
        batch for _ in range(plan.epochs) for batch in _epoch(rows, tokenizer, plan, rng, numbers)
    ]


def set_names(rows: Sequence[Row]) -> list[str]:
    """Return the names of the sets and languages that have offsets of their own, in order."""
    return sorted({f"{row.data_set} {row.lang}" for row in rows})


def _epoch(
    rows: Sequence[Row], tokenizer: Any, plan: Plan, rng: random.Random, numbers: dict[str, int]
) -> list[Batch]:
    order = rng.sample(range(len(rows)), len(rows))
    texts = [augment(rows[i].text, rows[i].lang, rng) for i in order]
    encoded = [e.ids for e in tokenizer.encode_batch_fast(texts)]
    chunk = plan.batch * 60
    epoch: list[Batch] = []
    for start in range(0, len(order), chunk):
        near = sorted(range(start, min(start + chunk, len(order))), key=lambda i: len(encoded[i]))
        for first in range(0, len(near), plan.batch):
            chosen = near[first : first + plan.batch]
            of_batch = [rows[order[i]] for i in chosen]
            ids, mask = pad([encoded[i] for i in chosen])
            epoch.append(
                Batch(
                    ids=ids,
                    mask=mask,
                    targets=torch.from_numpy(np.stack([targets_of(row, plan) for row in of_batch])),
                    binary=torch.tensor([row.binary for row in of_batch]),
                    weights=torch.tensor([row.weight for row in of_batch]),
                    sets=torch.tensor([numbers[f"{r.data_set} {r.lang}"] for r in of_batch]),
                )
            )
    rng.shuffle(epoch)
    return epoch


def targets_of(row: Row, plan: Plan) -> Any:
    """Return what is known of a row [WIDTH], see ``targets``."""
    return targets(row, plan.smoothing, plan.teacher_share)


def loss_of(logits: Any, batch: Batch) -> Any:
    """Return the mean loss of a batch: each answer's cross-entropy where it is known, summed.

    Cross-entropy to soft targets is the divergence from them but for a constant, so that labels
    and teachers are learned alike (Hinton et al. 2015, "Distilling the Knowledge in a Neural
    Network"). Binary rows leave neutral out.
    """
    weights = batch.weights.to(logits)
    is_known = ~torch.isnan(batch.targets)
    goals = torch.nan_to_num(batch.targets)
    total = logits.new_zeros(len(logits))
    for columns, factor in ((SENTIMENT, 1.0), (TOWARD, TOWARD_FACTOR)):
        forbidden = torch.zeros_like(logits[:, columns], dtype=torch.bool)
        forbidden[:, 1] = batch.binary
        logp = torch.log_softmax(logits[:, columns].masked_fill(forbidden, -1e4), dim=-1)
        logp = logp.masked_fill(forbidden, 0.0)
        total = total - factor * (goals[:, columns] * logp).sum(-1)
    yes_or_no = slice(INTENTS.start, WIDTH)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[:, yes_or_no], goals[:, yes_or_no], reduction="none"
    )
    losses = losses * is_known[:, yes_or_no] * _FACTORS.to(logits)
    return ((total + losses.sum(-1)) * weights).sum() / len(logits)


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
            logits = network(batch.ids, batch.mask, batch.sets)
        loss = loss_of(logits.float(), batch)
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
        {
            "params": [p for n, p in named if _is_head(n)],
            "lr": plan.head_rate,
            "weight_decay": plan.weight_decay,
        },
        {
            "params": [p for n, p in named if not _is_head(n) and p.ndim > 1],
            "lr": plan.rate,
            "weight_decay": plan.weight_decay,
        },
        {
            "params": [p for n, p in named if not _is_head(n) and p.ndim == 1],
            "lr": plan.rate,
            "weight_decay": 0.0,
        },
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=plan.weight_decay, fused=True)
    return optimiser, warm_then_fall(optimiser, steps, plan.warmup)


def warm_then_fall(optimiser: Any, steps: int, warmup: float, least: float = 0.0) -> Any:
    """Return a schedule that rises over the share ``warmup`` of the steps, and falls to ``least``.

    Both are straight lines, in shares of the optimiser's rates.
    """
    warm = max(1, int(steps * warmup))

    def factor(step: int) -> float:
        return min((step + 1) / warm, max(least, (steps - step) / max(1, steps - warm)))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def _is_head(name: str) -> bool:
    return name.startswith(("head.", "set_offsets."))


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
    """Yield (row numbers, float32 logits [rows, WIDTH]) in batches of like length."""
    device = next(network.parameters()).device
    network.eval()
    encoded = [e.ids for e in tokenizer.encode_batch_fast(list(texts))]
    order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    with torch.inference_mode():
        for first in range(0, len(order), 64):
            chosen = order[first : first + 64]
            ids, mask = pad([encoded[i] for i in chosen])
            yield chosen, network(ids.to(device), mask.to(device)).float().cpu().numpy()
