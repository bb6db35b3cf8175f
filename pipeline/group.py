"""Group copies of the same text into one story: a copy is counted, and not flagged again."""

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

# The same words much later are a new story: a campaign from last month says nothing about today.
LOOK_BACK = timedelta(days=14)
# Grouping shares the write lock with polling, so a batch must not take long.
_BATCH_SIZE = 500
# A form letter with changed numbers shares bands with all of its kind. A band with this many
# stories tells nothing, and each further story would slow every lookup. Of a text that returns
# after each look-back, the newest stories are compared. docs/decisions/unhappy.md, "A band with
# sixteen stories takes no seventeenth".
_MAX_STORIES_A_BAND = 16
# Stories that a text is compared with in full: those that share the most bands. The full comparison
# is the costly part, and the best match is nearly always among the first.
_MAX_COMPARED = 5

Stop = Callable[[], bool]


@dataclass(slots=True, kw_only=True)
class Grouped:
    """The result of a round of grouping: mentions grouped, and copies among them."""

    mentions: int = 0
    copies: int = 0

    def __str__(self) -> str:
        return f"{count(self.mentions, 'mention')} grouped, {count(self.copies, 'copy', 'copies')}"


def group(db: Database, *, clock: Clock, stop: Stop = lambda: False) -> Grouped:
    """Put every mention that is in no story into one. Grouping twice changes nothing.

    1. A repost joins its original, whichever of them came first.
    2. A text of eight words or more joins the same or nearly the same text of the last 14 days.
    3. Any other mention begins a story of its own.
    """
    total = Grouped()
    while not stop() and _group_batch(db, clock, total):
        pass
    while not stop() and _prune_batch(db, clock):
        pass
    return total


def _prune_batch(db: Database, clock: Clock) -> int:
    with db.write() as transaction:
        return stories.prune_bands(transaction, clock() - LOOK_BACK)


def _group_batch(db: Database, clock: Clock, total: Grouped) -> int:
    """Group the next batch in one transaction; returns its size."""
    with db.write() as transaction:
        waiting = stories.list_ungrouped(transaction, _BATCH_SIZE)
        if not waiting:
            return 0
        candidates = _read_candidates(transaction, waiting)
        grouped = [(mention, candidates.place(mention)) for mention in waiting]
        stories.add_mentions(transaction, grouped, candidates.new_bands, clock())
    total.mentions += len(grouped)
    total.copies += sum(story != mention.mention_id for mention, story in grouped)
    return len(grouped)


def _read_candidates(transaction: Transaction, waiting: Sequence[UngroupedMention]) -> _Candidates:
    """Read all stories that these mentions have to be compared with."""
    prints = {mention.mention_id: print_of(mention.text) for mention in waiting}
    originals = {(mention.source, mention.repost_of) for mention in waiting if mention.repost_of}
    posts = originals | {(mention.source, mention.external_id) for mention in waiting}
    bands = {_post(*post) for post in posts}
    for text_print in prints.values():
        bands.update(text_print.bands, () if text_print.exact is None else (text_print.exact,))
    by_band = stories.find_by_bands(transaction, bands)
    named = {story for post in posts for story in by_band.get(_post(*post), ())}
    of_originals = stories.find_by_posts(transaction, originals)
    candidates = _Candidates(prints=prints, by_band=by_band, originals=of_originals)
    alike = {story for text_print in prints.values() for story in candidates.alike(text_print)}
    story_ids = alike | named | set(of_originals.values())
    candidates.firsts = stories.read_first_mentions(transaction, story_ids)
    return candidates


def _post(source: str, external_id: str) -> int:
    return hash64(b"post", f"{source}\0{external_id}".encode("utf-8", "replace"))


@dataclass(slots=True, kw_only=True)
class _Candidates:
    """The stories that a batch may join: stored ones, and those that the batch begins.

    ``by_band`` holds story ids by 64-bit hash: of a MinHash band, an exact text, or a post's id.
    ``new_bands`` are pairs of such a hash and a story, to be stored.
    """

    prints: dict[int, Print]
    by_band: dict[int, list[int]]
    originals: dict[ExternalKey, int]
    firsts: dict[int, FirstMention] = field(default_factory=dict)
    new_bands: list[tuple[int, int]] = field(default_factory=list)
    runs: dict[int, frozenset[str]] = field(default_factory=dict)

    def place(self, mention: UngroupedMention) -> int:
        """Return the story of a mention; the mention's own id when it begins one.

        The steps are those of ``group``.
        """
        story = self._by_post(mention)
        if story is None:
            story = self._by_words(mention)
        if story is None:
            story = mention.mention_id
            self.firsts[story] = FirstMention(text=mention.text, published_at=mention.published_at)
            for band in self.prints[story].bands:
                if len(self.by_band.get(band, ())) < _MAX_STORIES_A_BAND:
                    self._remember(band, story)
        self._remember_texts(mention, story)
        return story

    def alike(self, text_print: Print) -> list[int]:
        """Return stories that may hold the same words: exact copies, then the most alike."""
        same = self._same(text_print)
        shared = Counter(story for band in text_print.bands for story in self.by_band.get(band, ()))
        ranked = sorted(shared, key=lambda story: (-shared[story], story))
        return [*same[::-1], *ranked[:_MAX_COMPARED]]

    def _same(self, text_print: Print) -> list[int]:
        """Return the newest stories with exactly the same words."""
        if text_print.exact is None:
            return []
        return self.by_band.get(text_print.exact, [])[-_MAX_STORIES_A_BAND:]

    def _by_post(self, mention: UngroupedMention) -> int | None:
        """Return the story of the original, or of stored reposts of this mention."""
        by_post = [self.by_band.get(_post(mention.source, mention.external_id), [])]
        if mention.repost_of:
            original = self.originals.get((mention.source, mention.repost_of))
            if original is not None:
                return original
            by_post.append(self.by_band.get(_post(mention.source, mention.repost_of), []))
        return next(
            (story for story_ids in by_post for story in story_ids if story in self.firsts), None
        )

    def _by_words(self, mention: UngroupedMention) -> int | None:
        """Return the story with the same words, or else the most alike."""
        text_print = self.prints[mention.mention_id]
        same = self._same(text_print)
        best, highest = None, 0.0
        for story in self.alike(text_print):
            first = self.firsts.get(story)
            if first is None or not _within_look_back(mention, first):
                continue
            if story in same:
                return story
            alike = resemblance(text_print.runs, self._runs(story, first))
            if alike >= SIMILAR_FROM and alike > highest:
                best, highest = story, alike
        return best

    def _runs(self, story: int, first: FirstMention) -> frozenset[str]:
        if story not in self.runs:
            self.runs[story] = runs_of(first.text or "")
        return self.runs[story]

    def _remember_texts(self, mention: UngroupedMention, story: int) -> None:
        """Remember the mention's exact words, and the post that it reposts."""
        exact = self.prints[mention.mention_id].exact
        if exact is not None:
            self._remember(exact, story)
        if mention.repost_of:
            self._remember(_post(mention.source, mention.repost_of), story)
        # not stored: later batches find the mention by its post
        self.by_band.setdefault(_post(mention.source, mention.external_id), []).append(story)

    def _remember(self, band: int, story: int) -> None:
        story_ids = self.by_band.setdefault(band, [])
        if story not in story_ids:
            story_ids.append(story)
            self.new_bands.append((band, story))


def _within_look_back(mention: UngroupedMention, first: FirstMention) -> bool:
    """True when both were written within the look-back; an erased mention, without time, counts."""
    return first.published_at is None or abs(mention.published_at - first.published_at) <= LOOK_BACK
