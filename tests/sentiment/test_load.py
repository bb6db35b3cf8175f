"""Loading: what is checked, and what a person is told when it is not right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_onnx import Tiny

from earful.contracts import Classifier
from sentiment import load
from sentiment.shipped import SHIPPED, ModelDamaged, sha256

MEGABYTE = 1_000_000


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def test_model_id_names_weights_preparation_and_calibration(classifier: Classifier) -> None:
    about = json.loads((SHIPPED / "earful.json").read_text("utf-8"))
    weights = about["sha256"]["model.onnx"][:12]
    assert classifier.model_id == f"earful-e5s-{weights}-prep2-mark1-cal3-lang1"


def test_model_directory_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 60 * MEGABYTE


def test_a_changed_file_is_refused(copied: Path) -> None:
    with (copied / "tokenizer.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(ModelDamaged, match=r"tokenizer\.json: SHA-256 is .* restore it"):
        load(model=copied)


def test_a_missing_file_is_named(copied: Path) -> None:
    (copied / "model.onnx").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.onnx: missing model file; restore"):
        load(model=copied)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("preparation", 99, "trained on text preparation 99"),
        ("labels", ["a", "b", "c"], "they must be"),
        ("surprise", 1, "written for another version"),
    ],
)
def test_a_wrong_description_is_refused(copied: Path, key: str, value: object, says: str) -> None:
    path = copied / "earful.json"
    about = json.loads(path.read_text("utf-8"))
    about[key] = value
    path.write_text(json.dumps(about), "utf-8")
    with pytest.raises(ModelDamaged, match=says):
        load(model=copied)


def test_weights_with_other_answers_are_refused(copied: Path, tmp_path: Path) -> None:
    """An earlier model answered the sentiment of the text alone."""
    weights = copied / "model.onnx"
    shutil.copyfile(Tiny().write(tmp_path / "tiny") / "model.onnx", weights)
    path = copied / "earful.json"
    about = json.loads(path.read_text("utf-8"))
    about["sha256"]["model.onnx"] = sha256(weights)
    path.write_text(json.dumps(about), "utf-8")
    with pytest.raises(ModelDamaged, match=r"model\.onnx: 3 answers a text, .* reads 24"):
        load(model=copied)


def test_unknown_backend_names_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r'"onyx".*did you mean "onnx".*known: onnx, transformers, lexicon'
    ):
        load(backend="onyx")


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="threads is 0"):
        load(threads=0)
    with pytest.raises(ValueError, match="labels is for foreign models; the shipped model"):
        load(labels={"a": "negative"})
    with pytest.raises(ValueError, match=r"labels is for foreign models; .*sentiment/model"):
        load(model=SHIPPED, labels={"a": "negative"})
    with pytest.raises(ValueError, match="needs model"):
        load(backend="transformers")


def test_the_default_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from sentiment import load\n"
        "print(load().classify(['lovely'])[0].sentiment)\n"
        "print([m for m in ('torch', 'transformers', 'onnx', 'sqlalchemy') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.stdout.split("\n")[:2] == ["positive", "[]"]


def test_one_thread_scores_as_many_do(classifier: Classifier) -> None:
    texts = ["It broke on day two.", "So happy with it!", "Opens at nine."]
    for one, many in zip(load(threads=1).classify(texts), classifier.classify(texts), strict=True):
        assert abs(one.negative - many.negative) < 1e-6
