"""Hold published figures on the tests of ``quality.py``, with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Measure = Literal["macro_recall", "macro_f1", "weighted_f1", "f1_sarcastic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One figure in percent. ``lang`` None: the mean over the set's languages."""

    data_set: str
    lang: str | None
    measure: Measure
    model: str
    percent: float
    source: str


TWEETEVAL = "Barbieri et al. 2020, TweetEval, and its leaderboard (github.com/cardiffnlp/tweeteval)"
TIMELMS = "Loureiro et al. 2022, TimeLMs"
XLM_T = "Barbieri et al. 2022, XLM-T, trained on all eight languages (github.com/cardiffnlp/xlm-t)"

_UMSAB = {
    "ar": (64.3, 66.9),
    "de": (72.8, 77.3),
    "en": (68.5, 70.6),
    "es": (66.0, 67.9),
    "fr": (70.5, 71.2),
    "hi": (53.4, 56.4),
    "it": (68.6, 69.1),
    "pt": (69.8, 75.4),
    None: (66.8, 69.4),
}


def _tweeteval(model: str, percent: float, source: str) -> Published:
    return Published(
        data_set="tweeteval_sentiment",
        lang="en",
        measure="macro_recall",
        model=model,
        percent=percent,
        source=source,
    )


def _umsab(lang: str | None, model: str, percent: float) -> Published:
    return Published(
        data_set="umsab", lang=lang, measure="macro_f1", model=model, percent=percent, source=XLM_T
    )


PUBLISHED = (
    _tweeteval("RoBERTa-base", 71.3, TWEETEVAL),
    _tweeteval("BERTweet", 73.4, TWEETEVAL),
    _tweeteval("TimeLMs-2021", 73.7, TIMELMS),
    *(
        _umsab(lang, model, percent)
        for lang, percents in _UMSAB.items()
        for model, percent in zip(("XLM-R", "XLM-T"), percents, strict=True)
    ),
)

# Of answers that only a reader gives; their tables stand apart from those of the sentiment.
PUBLISHED_READINGS = (
    Published(
        data_set="irony_isarcasmeval",
        lang="en",
        measure="f1_sarcastic",
        model="the best system of the shared task",
        percent=60.5,
        source="Abu Farha et al. 2022, SemEval-2022 Task 6",
    ),
)


def published(data_set: str, lang: str | None) -> list[Published]:
    """Return the published figures of a set in one language; None means the mean over all."""
    figures = (*PUBLISHED, *PUBLISHED_READINGS)
    return [figure for figure in figures if (figure.data_set, figure.lang) == (data_set, lang)]
