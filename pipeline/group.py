"""Put mentions that say the same into one story: a copy is counted, and not flagged again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from earful.clock import Clock
from outreach.words import count
from pipeline.near_duplicates import SIMILAR_FROM, Print, hash64, print_of, resemblance, runs_of
from storage.analysis import stories
from storage.analysis.stories import FirstMention, UngroupedMention
from storage.database.engine import Database, Transaction
from storage.entities.lookup import ExternalKey

LOOK_BACK = timedelta(days=14)  # the same words much later are said anew
_BATCH_SIZE = 500
# a form letter with other numbers in it shares bands with all of its kind: those that have so many
# stories tell nothing, and would make every look longer than the one before; so would a text that
# was said again and again, each time after the look-back: its newest stories are looked at
_CROWD = 16
_COMPARED = 5  # stories that a text is compared with in full: those that share most bands

Stop = Callable[[], bool]


@dataclass(slots=True, kw_only=True)
class Grouped:
    """What a round of grouping came to: mentions looked at, and those that somebody said before."""

    mentions: int = 0
    again: int = 0

    def __str__(self) -> str:
        return f"{count(self.mentions, 'mention')} grouped, {self.again} said before"


def group(db: Database, *, clock: Clock, stop: Stop = lambda: False) -> Grouped:
    """Give every mention that is in no story one. Grouping twice changes nothing.

    A repost joins its original, whichever of them came first; a text of eight words or more joins
    the same or nearly the same text of the last 14 days; all else begins a story of its own.
    """
    total = Grouped()
    while not stop() and _group_some(db, clock, total):
        pass
    while not stop() and _forget_some(db, clock):
        pass
    return total


def _forget_some(db: Database, clock: Clock) -> int:
    with db.write() as transaction:
        return stories.prune_bands(transaction, clock() - LOOK_BACK)


def _group_some(db: Database, clock: Clock, total: Grouped) -> int:
    """Group the next few, in one transaction; gives how many they were."""
    with db.write() as transaction:
        waiting = stories.list_ungrouped(transaction, _BATCH_SIZE)
        if not waiting:
            return 0
        shelf = _shelf(transaction, waiting)
        told = [(one, shelf.place(one)) for one in waiting]
        stories.add_mentions(transaction, told, shelf.fresh, clock())
    total.mentions += len(told)
    total.again += sum(story != one.mention_id for one, story in told)
    return len(told)


def _shelf(transaction: Transaction, waiting: Sequence[UngroupedMention]) -> _Shelf:
    """All that these mentions have to be compared with."""
    prints = {one.mention_id: print_of(one.text) for one in waiting}
    originals = {(one.source, one.repost_of) for one in waiting if one.repost_of}
    posts = originals | {(one.source, one.external_id) for one in waiting}
    wanted = {_post(*one) for one in posts}
    for found in prints.values():
        wanted.update(found.bands, () if found.exact is None else (found.exact,))
    by_band = stories.find_by_bands(transaction, wanted)
    named = {story for one in posts for story in by_band.get(_post(*one), ())}
    of_posts = stories.find_by_posts(transaction, originals)
    shelf = _Shelf(prints=prints, by_band=by_band, originals=of_posts)
    alike = {story for found in prints.values() for story in shelf.alike(found)}
    shelf.firsts = stories.read_first_mentions(transaction, alike | named | set(of_posts.values()))
    return shelf


def _post(source: str, external_id: str) -> int:
    return hash64(b"post", f"{source}\0{external_id}".encode("utf-8", "replace"))


@dataclass(slots=True, kw_only=True)
class _Shelf:
    """The stories that a batch may join: those that are stored, and those that it begins itself."""

    prints: dict[int, Print]
    by_band: dict[int, list[int]]
    originals: dict[ExternalKey, int]
    firsts: dict[int, FirstMention] = field(default_factory=dict)
    fresh: list[tuple[int, int]] = field(default_factory=list)
    runs: dict[int, frozenset[str]] = field(default_factory=dict)

    def place(self, one: UngroupedMention) -> int:
        """The story of a mention; its own number when it begins one."""
        story = self._by_number(one)
        if story is None:
            story = self._by_words(one)
        if story is None:
            story = one.mention_id
            self.firsts[story] = FirstMention(text=one.text, published_at=one.published_at)
            for band in self.prints[story].bands:
                if len(self.by_band.get(band, ())) < _CROWD:
                    self._remember(band, story)
        self._recognise(one, story)
        return story

    def alike(self, found: Print) -> list[int]:
        """Stories that may hold the same words: those with the very same, then the most alike."""
        same = self._same(found)
        shared = Counter(story for band in found.bands for story in self.by_band.get(band, ()))
        ranked = sorted(shared, key=lambda story: (-shared[story], story))
        return [*same[::-1], *ranked[:_COMPARED]]

    def _same(self, found: Print) -> list[int]:
        """The newest stories in which the very same words were said."""
        return [] if found.exact is None else self.by_band.get(found.exact, [])[-_CROWD:]

    def _by_number(self, one: UngroupedMention) -> int | None:
        """The story of the post that this one repeats, or of those that repeat this one."""
        known = [self.by_band.get(_post(one.source, one.external_id), [])]
        if one.repost_of:
            original = self.originals.get((one.source, one.repost_of))
            if original is not None:
                return original
            known.append(self.by_band.get(_post(one.source, one.repost_of), []))
        return next((story for some in known for story in some if story in self.firsts), None)

    def _by_words(self, one: UngroupedMention) -> int | None:
        """The story with the same words, or else with the most alike."""
        mine = self.prints[one.mention_id]
        same = self._same(mine)
        best, most = None, 0.0
        for story in self.alike(mine):
            first = self.firsts.get(story)
            if first is None or not _together(one, first):
                continue
            if story in same:
                return story
            alike = resemblance(mine.runs, self._runs(story, first))
            if alike >= SIMILAR_FROM and alike > most:
                best, most = story, alike
        return best

    def _runs(self, story: int, first: FirstMention) -> frozenset[str]:
        if story not in self.runs:
            self.runs[story] = runs_of(first.text or "")
        return self.runs[story]

    def _recognise(self, one: UngroupedMention, story: int) -> None:
        """Know the mention's very words again, and the post that it repeats."""
        exact = self.prints[one.mention_id].exact
        if exact is not None:
            self._remember(exact, story)
        if one.repost_of:
            self._remember(_post(one.source, one.repost_of), story)
        # of this one alone: once stored, it is found by its number
        self.by_band.setdefault(_post(one.source, one.external_id), []).append(story)

    def _remember(self, band: int, story: int) -> None:
        there = self.by_band.setdefault(band, [])
        if story not in there:
            there.append(story)
            self.fresh.append((band, story))


def _together(one: UngroupedMention, first: FirstMention) -> bool:
    """True when both were written within the look-back; of what was erased nobody knows."""
    return first.published_at is None or abs(one.published_at - first.published_at) <= LOOK_BACK
