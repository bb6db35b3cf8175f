"""Sentiment: from texts to Scores, offline, by the model that ships in ``sentiment/model``.

>>> from sentiment import load
>>> load().classify(["The agents were kind and quick, thank you!"])[0].label
<Label.POSITIVE: 'positive'>
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from earful.contracts import Classifier

__all__ = ["BACKENDS", "load"]

BACKENDS = ("onnx", "transformers")


def load(
    backend: str = "onnx",
    model: str | Path | None = None,
    threads: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Classifier:
    """Return a ready classifier; the first call reads the model, so keep what it returns.

    ``backend``: ``onnx`` (the shipped model, or a directory laid out like it) or ``transformers``
    (any sequence classifier by hub name or directory; needs the extra ``torch``).
    ``threads``: how many cores to use; None means all that this process may use.
    ``labels``: for ``transformers``, the model's label names -> negative, neutral or positive.

    Raises ValueError for an unknown backend or labels that cannot be mapped, FileNotFoundError
    for a missing model file, ModelDamaged for one that is not what was shipped, and ImportError
    when the extra is not installed.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; give 1 or more, or None for all free cores")
    if backend == "onnx":
        if labels:
            raise ValueError('labels is for backend "transformers"; an onnx model has its own')
        from sentiment.onnx import OnnxClassifier

        return OnnxClassifier(None if model is None else Path(model), threads=threads)
    if backend == "transformers":
        if model is None:
            raise ValueError('backend "transformers" needs model: a hub name or a directory')
        from sentiment.hub import HubClassifier

        return HubClassifier(str(model), threads=threads, labels=labels)
    near = difflib.get_close_matches(backend, BACKENDS, n=1, cutoff=0.4)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    raise ValueError(f'unknown sentiment backend "{backend}"{hint}; known: {", ".join(BACKENDS)}')
