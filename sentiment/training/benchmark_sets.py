"""The labelled sets that a model is judged on, by their file names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sentiment.training.rows import OWN_SET

Group = Literal["public", "further", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkSet:
    """Name a labelled set and the languages of it that count; no language means all of them.

    ``binary``: the set has no neutral. ``aside``: languages that count among the further sets.
    """

    name: str
    langs: tuple[str, ...] = ()
    group: Group = "public"
    binary: bool = False
    aside: tuple[str, ...] = ()

    def group_of(self, lang: str) -> Group:
        """Return the group in which rows of this language are pooled."""
        return "further" if lang in self.aside else self.group


# Sets by the name of their file. A benchmark passes over a set that lacks the chosen split.
SETS = (
    BenchmarkSet(name="tweeteval_sentiment"),
    BenchmarkSet(name="umsab"),
    BenchmarkSet(name="afrisenti", langs=("sw", "pcm", "pt"), aside=("pcm", "pt")),
    BenchmarkSet(name="greek_bank_tweets"),
    BenchmarkSet(name="spanish_tass2019"),
    BenchmarkSet(name="indonesian_smsa", group="further"),
    BenchmarkSet(name="nollysenti", group="further", binary=True),
    BenchmarkSet(name="romanian_red_weak", group="further"),
    BenchmarkSet(name="goemotions_sentiment", group="further"),
    BenchmarkSet(name="nusax", group="further"),
)

# Our own posts that were held back from training. They have a val split, and no test split.
OWN_POSTS = BenchmarkSet(name=OWN_SET, group="own")
