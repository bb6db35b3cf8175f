"""The training loop, on a network small enough to train in seconds. Needs torch and onnx."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs sentiment/training/requirements.txt")
pytest.importorskip("onnx", reason="training needs sentiment/training/requirements.txt")

from sentiment.heads import SENTIMENT, TOWARD, WIDTH  # noqa: E402
from sentiment.training.base import Base  # noqa: E402
from sentiment.training.finetune import Batch, Plan, loss_of, pad, targets_of, train  # noqa: E402
from sentiment.training.network import Network  # noqa: E402
from sentiment.training.rows import Row  # noqa: E402

HIDDEN, LAYERS, WORDS = 64, 2, 40
MARKER = 5
PLAN = Plan(save_every=4, average_every=2, seed=3)


def base() -> Base:
    rng = np.random.default_rng(1)

    def weights(*shape: int) -> np.ndarray[Any, Any]:
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)

    tensors = {
        "embeddings.position_embeddings.weight": weights(16, HIDDEN),
        "embeddings.token_type_embeddings.weight": weights(2, HIDDEN),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            tensors[f"{at}.attention.self.{part}.weight"] = weights(HIDDEN, HIDDEN)
            tensors[f"{at}.attention.self.{part}.bias"] = weights(HIDDEN)
        for name, rows, columns in (
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", 2 * HIDDEN, HIDDEN),
            ("output.dense", HIDDEN, 2 * HIDDEN),
        ):
            tensors[f"{at}.{name}.weight"] = weights(rows, columns)
            tensors[f"{at}.{name}.bias"] = weights(rows)
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    for name in norms:
        tensors[f"{name}.weight"] = np.ones(HIDDEN, np.float32)
        tensors[f"{name}.bias"] = np.zeros(HIDDEN, np.float32)
    blocks = rng.integers(0, 255, (WORDS, HIDDEN // 32, 18), dtype=np.uint8)
    blocks[..., :2] = np.frombuffer(np.float16(0.05).tobytes(), np.uint8)
    return Base(HIDDEN, LAYERS, 2, 2 * HIDDEN, 1e-12, blocks, tensors)


def network() -> Network:
    torch.manual_seed(0)
    return Network(base(), list(range(WORDS)), MARKER, sets=2)


def batch(seed: int, binary: bool = False, weight: float = 1.0) -> Batch:
    """Six texts of five words; word 10 + label tells the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 6) if not binary else 2 * rng.integers(0, 2, 6)
    words = rng.integers(20, WORDS, (6, 5))
    words[:, 2] = 10 + labels
    ids, mask = pad(words.tolist())
    rows = [Row(text="", lang="en", data_set="a", label=int(k), binary=binary) for k in labels]
    goals = torch.from_numpy(np.stack([targets_of(row, PLAN) for row in rows]))
    flags, sets = torch.full((6,), binary), torch.zeros(6, dtype=torch.long)
    return Batch(ids, mask, goals, flags, torch.full((6,), weight), sets)


def test_a_run_that_was_stopped_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    steps = [batch(seed) for seed in range(8)]
    whole = network()
    averaged = train(whole, steps, PLAN, tmp_path / "whole.pt")
    # a stop after the checkpoint of step 4: what the first run left there is all that is left
    cut = network()
    original, calls = Network.forward, []

    def dying(self: Network, ids: Any, mask: Any, sets: Any = None) -> Any:
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return original(self, ids, mask, sets)

    Network.forward = dying  # type: ignore[method-assign]
    try:
        with pytest.raises(KeyboardInterrupt):
            train(cut, steps, PLAN, tmp_path / "cut.pt")
    finally:
        Network.forward = original  # type: ignore[method-assign]
    resumed = network()
    again = train(resumed, steps, PLAN, tmp_path / "cut.pt")
    for name, value in whole.learned().items():
        assert torch.equal(value, resumed.learned()[name]), name
        assert torch.equal(averaged[name], again[name]), name


def test_it_learns(tmp_path: Path) -> None:
    taught = network()
    plan = replace(PLAN, rate=1e-3, head_rate=1e-2)
    train(taught, [batch(seed) for seed in range(60)], plan, tmp_path / "checkpoint.pt")
    taught.eval()
    unseen = batch(999)
    answered = taught(unseen.ids, unseen.mask)[:, SENTIMENT].argmax(-1)
    assert torch.equal(answered, unseen.targets[:, SENTIMENT].argmax(-1))


def test_the_average_lies_between_the_weights_it_was_made_of(tmp_path: Path) -> None:
    taught = network()
    before = {name: value.clone() for name, value in taught.learned().items()}
    averaged = train(taught, [batch(seed) for seed in range(8)], PLAN, tmp_path / "checkpoint.pt")
    far = (taught.learned()["head.weight"] - before["head.weight"]).abs().sum()
    near = (averaged["head.weight"] - before["head.weight"]).abs().sum()
    assert 0 < near < far


def test_rows_without_a_neutral_never_move_it() -> None:
    logits = torch.zeros(6, WIDTH, requires_grad=True)
    loss_of(logits, batch(1, binary=True)).backward()
    assert logits.grad is not None
    assert torch.all(logits.grad[:, 1] == 0)
    assert torch.all(logits.grad[:, 0] != 0)


def test_what_is_unknown_moves_nothing() -> None:
    logits = torch.zeros(6, WIDTH, requires_grad=True)
    loss_of(logits, batch(1)).backward()
    assert logits.grad is not None
    assert torch.all(logits.grad[:, TOWARD.start :] == 0)


def test_a_row_of_half_the_weight_counts_half() -> None:
    both = batch(1)
    weights = torch.tensor([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])
    mixed = replace(both, weights=weights)
    logits = torch.randn(6, WIDTH, generator=torch.Generator().manual_seed(1))
    single = [loss_of(logits[i : i + 1], _row(both, i)).item() for i in range(6)]
    expected = (sum(single[:3]) + 0.5 * sum(single[3:])) / 6
    assert loss_of(logits, mixed).item() == pytest.approx(expected)


def test_targets_say_what_is_known_and_nothing_else() -> None:
    row = Row(
        text="",
        lang="en",
        data_set="a",
        toward=2,
        intents=(("leaving", 1.0), ("complaint", 0.0)),
        irony=1.0,
    )
    learned = targets_of(row, PLAN)
    assert np.isnan(learned[SENTIMENT]).all()
    assert learned[TOWARD].argmax() == 2
    assert learned[~np.isnan(learned)].sum() == pytest.approx(1 + 1 + 1)


def test_a_teacher_pulls_a_label_half_way() -> None:
    taught = Row(text="", lang="en", data_set="a", label=0, teacher=(0.0, 0.0, 1.0))
    learned = targets_of(taught, replace(PLAN, smoothing=0.0))
    assert learned[SENTIMENT].tolist() == [0.5, 0.0, 0.5]


def test_an_earlier_head_of_three_goes_on_as_it_was() -> None:
    earlier, student = network(), network()
    state = {
        f"bert.{name.removeprefix('encoder.')}": value
        for name, value in earlier.learned().items()
        if name.startswith("encoder.")
    }
    words = earlier.encoder.embeddings.word_embeddings.weight
    state["bert.embeddings.word_embeddings.weight"] = words
    state["head.weight"], state["head.bias"] = torch.randn(3, HIDDEN), torch.randn(3)
    student.start_from(state)
    student.eval()
    unmarked = batch(3)
    hidden = student.encoder(input_ids=unmarked.ids, attention_mask=unmarked.mask)
    expected = hidden.last_hidden_state.mean(1) @ state["head.weight"].T + state["head.bias"]
    answered = student(unmarked.ids, unmarked.mask)
    assert torch.allclose(answered[:, SENTIMENT], expected, atol=1e-5)
    assert torch.allclose(answered[:, TOWARD], expected, atol=1e-5)


def _row(several: Batch, i: int) -> Batch:
    return Batch(*(getattr(several, name)[i : i + 1] for name in Batch.__slots__))
