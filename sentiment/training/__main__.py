"""``python -m sentiment.training DATA_DIR --out MODEL_DIR``: from the base to a finished model."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from sentiment.training import base, rows, vocabulary

log = logging.getLogger("sentiment.training")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sentiment.training", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the labelled .tsv.gz sets")
    parser.add_argument("--out", type=Path, required=True, help="model directory to write")
    parser.add_argument("--work", type=Path, default=Path(".cache/training"), help="wheels, trials")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--vocabulary", type=int, default=115_500, help="pieces to keep")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=None, help="fewer rows, for a trial")
    return parser.parse_args()


def prepare_vocabulary(
    arguments: argparse.Namespace, tokenizer_file: Path
) -> tuple[list[int], Path]:
    """Return the vocabulary's ids and the cut tokenizer's file; choose and write them once."""
    ids_file = arguments.work / f"vocabulary-{arguments.vocabulary}.json"
    cut = arguments.work / f"tokenizer-{arguments.vocabulary}.json"
    if not ids_file.exists():
        texts = vocabulary.texts_of(arguments.data)
        keep = vocabulary.choose(tokenizer_file, texts, arguments.vocabulary)
        vocabulary.write(tokenizer_file, keep, cut)
        ids_file.write_text(json.dumps(keep), "utf-8")
    ids: list[int] = json.loads(ids_file.read_text("utf-8"))
    return ids, cut


def main() -> None:
    """Run every step; a second run continues from the last checkpoint.

    1. Fetch and read the base model.
    2. Cut its vocabulary.
    3. Pool the labelled rows.
    4. Train, saving checkpoints.
    5. Quantise, calibrate and write the model directory.
    """
    import torch
    from tokenizers import Tokenizer

    from sentiment.training import finetune, finish
    from sentiment.training.network import MAX_TOKENS, Network

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments = _arguments()
    weights_file, tokenizer_file = base.fetch(arguments.work)
    read = base.read(weights_file)
    keep, cut = prepare_vocabulary(arguments, tokenizer_file)
    tokenizer = Tokenizer.from_file(str(cut))
    plan = finetune.Plan(epochs=arguments.epochs, batch=arguments.batch, seed=arguments.seed)
    tokenizer.enable_truncation(plan.max_tokens)
    pool = rows.training_pool(arguments.data, seed=arguments.seed)[: arguments.rows]
    log.info("%d rows, %d pieces", len(pool), len(keep))
    torch.manual_seed(arguments.seed)
    network = Network(read, keep)
    steps = finetune.batches(pool, tokenizer, plan)
    averaged = finetune.train(network, steps, plan, arguments.work / "checkpoint.pt")
    network.load_state_dict(averaged, strict=False)
    tokenizer.enable_truncation(MAX_TOKENS)
    trained = finish.Trained(
        weights=network.weights(read.blocks[keep], read.epsilon),
        tokenizer_file=cut,
        tokenizer=tokenizer,
    )
    finish.finish(trained, pool, rows.validation(arguments.data), arguments.out)


if __name__ == "__main__":
    main()
