"""Sentiment: from texts to Scores, offline, by the model that ships in ``sentiment/model``.

>>> from sentiment import load
>>> load().classify(["The agents were kind and quick, thank you!"])[0].sentiment
<Sentiment.POSITIVE: 'positive'>
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from earful.contracts import Classifier

__all__ = ["BACKENDS", "load"]

BACKENDS = ("onnx", "transformers", "lexicon")


def load(
    backend: str = "onnx",
    model: str | Path | None = None,
    threads: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Classifier:
    """Return a ready classifier. Loading reads the model, so keep the classifier.

    ``backend``: ``onnx`` (the shipped model, a directory laid out like it, or one with an ONNX
    classifier as Optimum exports it), ``transformers`` (any sequence classifier by hub name or
    directory; needs the extra ``transformers``) or ``lexicon`` (a list of English words; needs the
    extra ``lexicon`` and takes no other argument).
    ``threads``: the number of cores to use; None means all that this process may use.
    ``labels``: the label names of a foreign model -> negative, neutral or positive.

    Raises ValueError for an unknown backend, labels that cannot be mapped or an unusable model,
    FileNotFoundError for a missing model file, ModelDamaged for a file that differs from the
    shipped one, and ImportError when the extra is not installed.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; give 1 or more, or None for all free cores")
    if backend == "onnx":
        return _onnx(None if model is None else Path(model), threads, labels)
    if backend == "transformers":
        if model is None:
            raise ValueError('backend "transformers" needs model: a hub name or a directory')
        from sentiment.hub import HubClassifier

        return HubClassifier(str(model), threads=threads, labels=labels)
    if backend == "lexicon":
        return _lexicon(model=model, labels=labels, threads=threads)
    matches = difflib.get_close_matches(backend, BACKENDS, n=1, cutoff=0.4)
    hint = f' (did you mean "{matches[0]}"?)' if matches else ""
    raise ValueError(f'unknown sentiment backend "{backend}"{hint}; known: {", ".join(BACKENDS)}')


def _onnx(
    directory: Path | None, threads: int | None, labels: Mapping[str, str] | None
) -> Classifier:
    from sentiment.shipped import is_ours

    if directory is not None and not is_ours(directory):
        from sentiment.foreign import ForeignClassifier

        return ForeignClassifier(directory, threads=threads, labels=labels)
    if labels:
        model = "the shipped model" if directory is None else f"{directory}"
        raise ValueError(f"labels is for foreign models; {model} names its own: leave labels out")
    from sentiment.onnx import OnnxClassifier

    return OnnxClassifier(directory, threads=threads)


def _lexicon(**arguments: object) -> Classifier:
    unsupported = [name for name, value in arguments.items() if value]
    if unsupported:
        raise ValueError(
            f'backend "lexicon" is one list of words and takes no {" or ".join(unsupported)}; '
            "leave that out, or name another backend"
        )
    from sentiment.lexicon import LexiconClassifier

    return LexiconClassifier()
