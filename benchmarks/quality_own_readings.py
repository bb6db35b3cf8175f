"""Judge a reader on our own posts: every answer, and who is flagged from each threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reading_figures import (
    NAMES,
    OWN,
    Irony,
    Kind,
    Names,
    Toward,
    group_by,
    irony_counts,
    names_figures,
    toward_figures,
)

from earful.contracts import Reader
from earful.judgements import Reading
from outreach.unhappy import UNHAPPY_INTENTS, Conditions, judge_reading
from sentiment.evaluation import NEGATIVE, Flagged
from sentiment.measures import Rates
from sentiment.reading_measures import count_name, flagged_of, measure_toward
from sentiment.training.own_readings import OwnReading

THRESHOLDS = tuple(at / 100 for at in range(40, 81, 5))
# posts that were kept back from training serve as a val split
_SPLIT = "val"


class OwnPosts:
    """Our own posts and a reader's answers about them."""

    def __init__(self, posts: Sequence[OwnReading], reader: Reader) -> None:
        """Read each post for its brand. Posts share a call when they name the same rivals."""
        self._posts = posts
        readings: dict[int, Reading] = {}
        groups = group_by(range(len(posts)), lambda place: tuple(posts[place].other_brands))
        for other_brands, places in groups.items():
            items = [(posts[place].text, posts[place].names) for place in places]
            readings.update(zip(places, reader.read(items, other_brands=other_brands), strict=True))
        self._readings = [readings[place] for place in range(len(posts))]

    def toward(self) -> Iterator[Toward]:
        """Yield the figures of each language, those of all at the end."""
        for lang, places in self._languages():
            labels = [self._posts[place].toward for place in places]
            yield toward_figures(OWN, lang, _SPLIT, labels, self._answers(places))

    def names(self) -> Iterator[Names]:
        """Yield the figures of intents, over all posts, and of reasons, over those that have one.

        Those of all languages come at the end.
        """
        kinds: tuple[Kind, Kind] = ("intents", "reasons")
        for lang, places in self._languages():
            for kind in kinds:
                labels = [self._labels(kind, place) for place in places]
                if figures := names_figures(kind, OWN, lang, labels, self._answers(places)):
                    yield figures

    def irony(self) -> Iterator[Irony]:
        """Yield the figures of each language, those of all at the end."""
        for lang, places in self._languages():
            ironic = [self._posts[place].ironic for place in places]
            counts = irony_counts(ironic, self._answers(places))
            yield Irony(data_set=OWN, lang=lang, split=_SPLIT, counts=counts)

    def tone(self) -> Rates | None:
        """Return the rates of the text's own sentiment; None without posts."""
        if not self._posts:
            return None
        return measure_toward([post.tone for post in self._posts], self._readings).text_alone

    def flagged(self) -> list[Flagged]:
        """Return who is flagged from each threshold, by the rule for a model with readings."""
        return [self._flagged(at, _is_flagged) for at in THRESHOLDS if self._posts]

    def flagged_by_text(self) -> list[Flagged]:
        """Return who is flagged from each threshold by the text's own scores alone."""
        return [self._flagged(at, _is_flagged_by_text) for at in THRESHOLDS if self._posts]

    def _flagged(self, at: float, is_flagged: Callable[[Reading, float], bool]) -> Flagged:
        flagged = [is_flagged(reading, at) for reading in self._readings]
        counts = count_name("unhappy", [_is_unhappy(post) for post in self._posts], flagged)
        return flagged_of(counts, at)

    def _labels(self, kind: Kind, place: int) -> dict[str, bool]:
        """Return yes or no by name; nothing about the reasons of a post that has none."""
        labels: frozenset[str] = getattr(self._posts[place], kind)
        return {name: name in labels for name in NAMES[kind]} if labels else {}

    def _answers(self, places: Sequence[int]) -> list[Reading]:
        return [self._readings[place] for place in places]

    def _languages(self) -> Iterator[tuple[str, list[int]]]:
        """Yield each language with the places of its posts, then "" with those of all."""
        places = range(len(self._posts))
        yield from sorted(group_by(places, lambda place: self._posts[place].lang).items())
        if self._posts:
            yield "", list(places)


def _is_unhappy(post: OwnReading) -> bool:
    return post.toward == NEGATIVE and any(name in post.intents for name in UNHAPPY_INTENTS)


def _is_flagged(reading: Reading, at: float) -> bool:
    conditions = Conditions(negative_at=at)
    return not reading.could_not_tell and judge_reading(reading, conditions) is None


def _is_flagged_by_text(reading: Reading, at: float) -> bool:
    return not reading.could_not_tell and reading.scores.negative >= at
