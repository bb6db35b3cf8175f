"""``python -m sentiment.training DATA_DIR SETS_DIR``: from an earlier model to a new one."""

from __future__ import annotations

import argparse
import json
import logging
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentiment.brand_markers import OURS
from sentiment.shipped import SHIPPED
from sentiment.training import base, own_readings, rows, understanding, vocabulary
from sentiment.training.base import Base
from sentiment.training.rows import Row

log = logging.getLogger("sentiment.training")

# Kept out of every run, because val alone cannot rank close choices: so many rows of this source.
HELD_SOURCE, HELD_ROWS = "semeval_twitter-2016test", 4_000
TAUGHT_SET = "semeval2017_en"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sentiment.training", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the labelled .tsv.gz sets")
    parser.add_argument("sets", type=Path, help="folder with the sets of readings")
    parser.add_argument("--out", type=Path, required=True, help="model directory to write")
    parser.add_argument("--start", type=Path, default=SHIPPED, help="the model to go on from")
    parser.add_argument("--from-base", action="store_true", help="begin at multilingual-e5-small")
    parser.add_argument("--vocabulary", type=int, default=115_500, help="pieces, from the base")
    parser.add_argument("--work", type=Path, default=Path(".cache/training"), help="wheels, trials")
    parser.add_argument("--steps", type=int, default=4_800)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--no-teacher", action="store_true", help="labels alone")
    return parser.parse_args()


def training_pool(data: Path, sets: Path, seed: int) -> list[Row]:
    """Return all rows to learn in a seeded order, without any text that judges the model."""
    judges = [*held_rows(data), *understanding.choosing_rows(sets), *own_readings.choosing_rows()]
    keys = {rows.key_of(row.text) for row in judges} | understanding.keys_not_learned(sets)
    rng = random.Random(seed)  # noqa: S311 - an order, no secret
    sentiment = [*rows.training_pool(data, seed=seed), *own_readings.training_rows(rng)]
    pool = [row for row in sentiment if rows.key_of(row.text) not in keys]
    pool += understanding.understanding_pool(sets, keys, seed)
    rng.shuffle(pool)
    return pool


def held_rows(data: Path) -> list[Row]:
    """Return the rows of ``HELD_SOURCE`` that judge choices, the same ones in every run."""
    of_source = rows.read_source(data, TAUGHT_SET, HELD_SOURCE)
    return random.Random(11).sample(of_source, min(HELD_ROWS, len(of_source)))  # noqa: S311


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a run begins: the encoder, the pieces to keep, and weights to put over it, or none."""

    base: Base
    pieces: list[int]
    tokenizer_file: Path
    state: dict[str, Any] | None


def main() -> None:
    """Run every step; a second run continues from the last checkpoint.

    1. Read the weights and the vocabulary to start from.
    2. Pool the rows.
    3. Have the teachers label the English rows that they did not learn from.
    4. Train the student on labels and teachers, saving checkpoints.
    5. Train the expert of n-grams.
    6. Quantise, calibrate and write the model directory.
    """
    import torch
    from tokenizers import Tokenizer

    from sentiment.training import finetune, finish, ngram_expert
    from sentiment.training.network import MAX_TOKENS, Network

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments = _arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    start = _base_start(arguments) if arguments.from_base else _model_start(arguments)
    tokenizer = Tokenizer.from_file(str(start.tokenizer_file))
    pool = training_pool(arguments.data, arguments.sets, arguments.seed)
    if not arguments.no_teacher:
        pool = taught(pool, arguments.work)
    names = finetune.set_names(pool)
    log.info("%d rows of %d sets and languages", len(pool), len(names))
    plan = finetune.Plan(batch=arguments.batch, seed=arguments.seed)
    tokenizer.enable_truncation(plan.max_tokens)
    torch.manual_seed(arguments.seed)
    network = Network(start.base, start.pieces, marker_id(tokenizer), len(names))
    if start.state is not None:
        network.start_from(start.state)
    steps = finetune.batches(pool, tokenizer, plan)[: arguments.steps]
    averaged = finetune.train(network, steps, plan, arguments.work / "checkpoint.pt")
    network.load_state_dict(averaged, strict=False)
    tokenizer.enable_truncation(MAX_TOKENS)
    trained = finish.Trained(
        weights=network.weights(start.base.blocks[start.pieces], start.base.epsilon),
        tokenizer_file=start.tokenizer_file,
        tokenizer=tokenizer,
    )
    finish.finish(
        trained,
        pool,
        rows.validation(arguments.data),
        understanding.choosing_rows(arguments.sets) + own_readings.choosing_rows(),
        ngram_expert.train(pool),
        arguments.out,
    )


def _model_start(arguments: argparse.Namespace) -> Start:
    """Go on from an earlier model; the base gives only the encoder's shape."""
    from sentiment.training import rebuild

    weights_file, _ = base.fetch(arguments.work)
    blocks = rebuild.read_blocks(arguments.start)
    return Start(
        base=replace(base.read(weights_file), blocks=blocks),
        pieces=list(range(len(blocks))),
        tokenizer_file=arguments.start / "tokenizer.json",
        state=rebuild.read_state(arguments.start),
    )


def _base_start(arguments: argparse.Namespace) -> Start:
    """Begin at the base with a vocabulary that is chosen and written once."""
    weights_file, tokenizer_file = base.fetch(arguments.work)
    ids_file = arguments.work / f"vocabulary-{arguments.vocabulary}.json"
    cut_file = arguments.work / f"tokenizer-{arguments.vocabulary}.json"
    if not ids_file.exists():
        texts = vocabulary.texts_of(arguments.data)
        pieces = vocabulary.choose(tokenizer_file, texts, arguments.vocabulary)
        vocabulary.write(tokenizer_file, pieces, cut_file)
        ids_file.write_text(json.dumps(pieces), "utf-8")
    return Start(
        base=base.read(weights_file),
        pieces=json.loads(ids_file.read_text("utf-8")),
        tokenizer_file=cut_file,
        state=None,
    )


def marker_id(tokenizer: object) -> int:
    """Return the id of our brand's marker; ValueError when the vocabulary would cut it."""
    ids: list[int] = tokenizer.encode(f"{OURS} a").ids  # type: ignore[attr-defined]
    if len(ids) != len(tokenizer.encode("a").ids) + 1:  # type: ignore[attr-defined]
        raise ValueError(f"the vocabulary has no piece for the marker {OURS}")
    return ids[1]


def taught(pool: list[Row], work: Path) -> list[Row]:
    """Return the pool with the teachers' answers beside the labels of ``TAUGHT_SET``."""
    from sentiment.training.english_teacher import TeacherPlan, label_out_of_fold

    by_key = {rows.key_of(row.text): row for row in pool if row.data_set == TAUGHT_SET}
    answers = label_out_of_fold(list(by_key.values()), work, TeacherPlan())
    return [
        replace(row, teacher=tuple(answers[rows.key_of(row.text)].tolist()))
        if row.data_set == TAUGHT_SET
        else row
        for row in pool
    ]


if __name__ == "__main__":
    main()
