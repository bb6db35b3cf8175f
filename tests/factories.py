"""Make facts, play fakes at the three contracts, and recount the database by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from earful.enums import DeliveryState
from earful.judgements import Prediction, Reading, Scores
from earful.messages import Message
from earful.scoring import priority_of
from earful.types import Author, Batch, Brand, Engagement, Gap, Mention, Query, Rejected
from outreach.rules import Rules
from storage.analysis import predictions
from storage.analysis.tallies import quarter_of
from storage.collecting import ingest
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.entities import brands
from storage.tables import (
    LATE,
    CaseRow,
    FlagRow,
    MentionBrandRow,
    MentionRow,
    PredictionRow,
    ReadingRow,
    TallyRow,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACME = Brand(
    id="acme-air",
    name="Acme Air",
    own_accounts=("acmehelp",),
    competitors=("Rival Jet",),
    timezone="Europe/Athens",
)
RIVAL = Brand(id="rival-jet", name="Rival Jet", timezone="Europe/Athens", competitor_of="acme-air")
OTHER = Brand(id="other", name="Other", timezone="Asia/Kathmandu")
QUERY = Query(id="fake/acme-air", brand_id="acme-air", source="fake", any_of=("acme",))
MODEL = "fake-model/1"
# a brand and a file that is read every second
REPLAY_SETTINGS = """
database_url = "sqlite:///earful.db"
[[brand]]
name = "Acme"
[[listen]]
source = "replay"
brand = "Acme"
every = "1s"
[listen.options]
path = "posts.jsonl"
"""
RULES = Rules(
    negative_at=0.6,
    look_back=timedelta(days=3),
    urgent_at=70,
    reply_within=timedelta(hours=24),
    urgent_reply_within=timedelta(hours=2),
)
ANY_AGE = Rules(
    negative_at=0.6,
    look_back=None,
    urgent_at=70,
    reply_within=timedelta(hours=24),
    urgent_reply_within=timedelta(hours=2),
)


@dataclass(slots=True)
class FrozenClock:
    """A clock that stands still until a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Return the time at which the clock stands."""
        return self.now

    def forward(self, **length: float) -> datetime:
        """Move the clock forward and return the new time."""
        self.now += timedelta(**length)
        return self.now


def author(who: str = "maria", **other: Any) -> Author:
    """Make an author of the fake source."""
    values: dict[str, Any] = {"source": "fake", "external_id": f"id-{who}", "handle": who}
    return Author(**(values | other))


def mention(number: int | str = 1, words: str = "awful", **other: Any) -> Mention:
    """Make a mention that the fake classifier reads by its words: awful, lovely, dunno, or neutral.

    It is about its query's brand regardless of its words, unless a test passes ``direct=False``.
    ``by`` is an author or a handle.
    """
    writer = other.pop("by", "maria")
    values: dict[str, Any] = {
        "source": "fake",
        "external_id": f"m-{number}",
        "author": author(writer) if isinstance(writer, str) else writer,
        "text": f"{words} ({number})",
        "published_at": NOW - HOUR,
        "fetched_at": NOW,
        "direct": True,
    }
    return Mention(**(values | other))


def batch(
    *mentions: Mention,
    position: str | None = "p1",
    gaps: Sequence[Gap] = (),
    rejected: Sequence[Rejected] = (),
    **other: Any,
) -> Batch:
    """Make a batch of these mentions."""
    return Batch(
        mentions=tuple(mentions),
        position=position,
        gaps=tuple(gaps),
        rejected=tuple(rejected),
        **other,
    )


def about(*ids: str) -> Callable[[Mention], Iterator[tuple[str, bool]]]:
    """Attribute every mention to these brands; posts of `acmehelp` are Acme's own."""

    def attribute(mention: Mention) -> Iterator[tuple[str, bool]]:
        for brand_id in ids:
            yield brand_id, brand_id == "acme-air" and mention.author.handle == "acmehelp"

    return attribute


def keep(
    db: Database,
    *mentions: Mention,
    query: Query = QUERY,
    ids: Sequence[str] = ("acme-air",),
    at: datetime = NOW,
) -> ingest.IngestCounts:
    """Store mentions as one batch of a query, about these brands."""
    brands.sync(db, [ACME, RIVAL, OTHER])
    return ingest.store(db, query, batch(*mentions), about(*ids), at)


def scores_of(words: str) -> Scores:
    """Return the fake classifier's scores, which depend on the text alone."""
    if "awful" in words:
        return Scores(negative=0.95, neutral=0.04, positive=0.01)
    if "meh" in words:
        return Scores(negative=0.61, neutral=0.30, positive=0.09)
    if "lovely" in words:
        return Scores(negative=0.02, neutral=0.08, positive=0.90)
    if "dunno" in words:
        return Scores(negative=0.40, neutral=0.30, positive=0.30, could_not_tell=True)
    return Scores(negative=0.10, neutral=0.80, positive=0.10)


@dataclass(slots=True)
class FakeClassifier:
    """Classify by scores_of, or by ``says``; ``calls`` holds the size of each call."""

    model_id: str = MODEL
    says: Callable[[str], Scores] = scores_of
    calls: list[int] = field(default_factory=list)

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return scores for each text."""
        self.calls.append(len(texts))
        return [self.says(words) for words in texts]


SURE = 0.9123456  # the probability of each intent and reason that the fake reader hears


def reading_of(words: str, names: Sequence[str]) -> Reading:
    """Return the fake reader's reading, which depends on the words around the brand's names.

    "leaving NAME" is negative toward that brand, "for NAME" positive.
    """
    scores = toward = scores_of(words)
    if any(f"leaving {name}" in words for name in names):
        toward = scores_of("awful")
    elif any(f"for {name}" in words for name in names):
        toward = scores_of("lovely")
    heard = {
        "awful": "complaint",
        "leaving": "leaving",
        "where": "question",
        "please": "suggestion",
        "lovely": "praise",
    }
    intents = {intent: SURE if word in words else 0.1 for word, intent in heard.items()}
    return Reading(
        scores=scores,
        toward=toward,
        intents=intents,
        reasons={"price": SURE if "refund" in words else 0.2, "late": 0.3},
        irony=0.75 if "thanks a lot" in words else 0.0,
        ironic="thanks a lot" in words,
        pieces=2 if len(words) > 200 else 1,
    )


@dataclass(slots=True)
class FakeReader:
    """Read by reading_of; ``asked`` holds the texts, names and other names of each call."""

    model_id: str = "fake-reader/1"
    asked: list[tuple[list[str], Sequence[str], Sequence[str]]] = field(default_factory=list)

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Return scores for each text."""
        return [scores_of(words) for words in texts]

    def read(
        self, items: Sequence[tuple[str, Sequence[str]]], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        """Return a reading for each text and its names."""
        self.asked.append(([words for words, _ in items], items[0][1], other_brands))
        return [reading_of(words, names) for words, names in items]


Step = Batch | Exception


@dataclass(slots=True)
class FakeListener:
    """Play a script: the steps of each poll in turn; a step is a batch or an exception to raise."""

    polls: list[list[Step]]
    name: str = "fake"
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Play the next poll of the script; nothing once the script has ended."""
        self.asked.append((query.id, position))
        for step in self.polls.pop(0) if self.polls else []:
            if isinstance(step, Exception):
                raise step
            yield step


@dataclass(slots=True)
class FakeNotifier:
    """Collect messages in ``got``; first raise the exceptions in ``raises``, one a message."""

    name: str = "desk"
    raises: list[Exception | None] = field(default_factory=list)
    got: list[tuple[str, Message]] = field(default_factory=list)

    def check(self) -> None:
        """Accept every configuration."""

    def send(self, message: Message, key: str) -> None:
        """Collect the message, or raise the next exception of the script."""
        error = self.raises.pop(0) if self.raises else None
        if error is not None:
            raise error
        self.got.append((key, message))


def read_all(db: Database, *, model: str = MODEL, says: Callable[[str], Scores] = scores_of) -> int:
    """Let the fake model classify every mention that waits for it, without the classify stage."""
    waiting = predictions.list_unclassified(db, model, 10_000)
    return predictions.save(
        db,
        [
            Prediction(
                mention_id=mention.mention_id,
                model_id=model,
                scores=says(mention.text),
                at=NOW,
                edition=mention.edition,
            )
            for mention in waiting
        ],
    )


def rows(db: Database, statement: str, **values: Any) -> list[Any]:
    """Return the rows of an SQL query."""
    with db.read() as connection:
        return list(connection.execute(text(statement), values).all())


def deliveries_by_state(db: Database) -> dict[DeliveryState, int]:
    """Count the messages in each state."""
    counts = rows(db, "SELECT state, count(*) FROM delivery GROUP BY state")
    return {DeliveryState(state): messages for state, messages in counts}


def number(db: Database, table: str) -> int:
    """Count the rows of a table."""
    rows_in_table: int = rows(db, f'SELECT count(*) FROM "{table}"')[0][0]
    return rows_in_table


def ids(db: Database) -> dict[str, int]:
    """Return the row id of every mention by its external id."""
    return {row.external_id: row.id for row in rows(db, "SELECT external_id, id FROM mention")}


def tallies(db: Database) -> dict[tuple[str, datetime, str, str], int]:
    """Read the stored counts, without those that went back to zero."""
    table = table_of(TallyRow)
    with db.read() as connection:
        counts = connection.execute(select(table)).all()
    return {
        (row.brand_id, row.quarter, row.source, row.sentiment): row.mentions
        for row in counts
        if row.mentions
    }


def recount(db: Database) -> dict[tuple[str, datetime, str, str], int]:
    """Count the mentions themselves, as the tallies should."""
    brand_links, mentions = table_of(MentionBrandRow), table_of(MentionRow)
    counted: Counter[tuple[str, datetime, str, str]] = Counter()
    with db.read() as connection:
        for row in connection.execute(
            select(
                brand_links.c.brand_id,
                mentions.c.published_at,
                mentions.c.source,
                mentions.c.sentiment,
            )
            .join(mentions, mentions.c.id == brand_links.c.mention_id)
            .where(brand_links.c.own.is_(False))
        ):
            counted[(row.brand_id, quarter_of(row.published_at), row.source, row.sentiment)] += 1
    return dict(counted)


def case_priority(severities: Sequence[int]) -> int:
    """The priority of a case, computed from all of its flags."""
    return priority_of(max(severities, default=0), len(severities))


def check_all(db: Database) -> None:
    """Check everything that must hold between any two transactions."""
    assert tallies(db) == recount(db)
    case, flag, brand_link = table_of(CaseRow), table_of(FlagRow), table_of(MentionBrandRow)
    with db.read() as connection:
        cases = connection.execute(select(case)).all()
        flags = connection.execute(select(flag)).all()
        judged = connection.execute(select(brand_link)).all()
        mentions = connection.execute(select(table_of(MentionRow))).all()
        predicted = connection.execute(select(table_of(PredictionRow))).all()
        read = connection.execute(select(table_of(ReadingRow))).all()
    _check_cases(cases, flags)
    flagged = {(row.mention_id, row.brand_id) for row in flags}
    assert len(flagged) == len(flags), "a mention was flagged twice for a brand"
    assert flagged == {(r.mention_id, r.brand_id) for r in judged if r.verdict == "flagged"}
    authors = {row.id: row.author_id for row in mentions}
    assert all(authors[row.mention_id] == row.author_id for row in flags)
    _check_sentiments(mentions, {(row.mention_id, row.model_id): row for row in predicted})
    _check_readings(judged, {row.id: row.model_id for row in mentions}, read)
    assert {(row.mention_id, row.model_id) for row in read} <= {
        (row.mention_id, row.model_id) for row in predicted
    }, "a reading has no prediction"
    noise = {row.id for row in mentions if row.noise}
    assert noise.isdisjoint(row.mention_id for row in judged), "noise is about a brand"
    _check_stories(db, mentions)


def _check_cases(cases: Sequence[Any], flags: Sequence[Any]) -> None:
    open_cases = Counter((row.brand_id, row.author_id) for row in cases if row.status != "resolved")
    assert all(count == 1 for count in open_cases.values()), "two open cases for one author"
    flags_by_case: dict[int, list[Any]] = {row.id: [] for row in cases}
    for flag in flags:
        flags_by_case[flag.case_id].append(flag)
    for row in cases:
        own_flags = flags_by_case[row.id]
        assert row.complaints == len(own_flags)
        if own_flags:
            assert row.priority == case_priority([flag.severity for flag in own_flags])
        if not own_flags:  # all its posts were deleted
            assert row.status == "resolved", f"case {row.id} waits and has no flag"
            continue
        owners = {(flag.brand_id, flag.author_id) for flag in own_flags}
        assert owners == {(row.brand_id, row.author_id)}
        assert row.last_at == max(flag.published_at for flag in own_flags)
        assert row.complained_at == min(flag.published_at for flag in own_flags)


def _check_stories(db: Database, mentions: Iterable[Any]) -> None:
    members: dict[int, list[Any]] = {}
    for row in mentions:
        if row.story_id is not None:
            members.setdefault(row.story_id, []).append(row)
    stored = {row.id: (row.mentions, row.authors) for row in rows(db, "SELECT * FROM story")}
    assert stored == {
        story_id: (len(mentions), len({row.author_id for row in mentions}))
        for story_id, mentions in members.items()
    }


def _check_readings(
    links: Iterable[Any], models: Mapping[int, str], readings: Iterable[Any]
) -> None:
    by_key = {(row.mention_id, row.brand_id, row.model_id): row for row in readings}
    for link in links:
        reading = by_key.get((link.mention_id, link.brand_id, models[link.mention_id]))
        if reading is None:
            assert (link.toward, link.intent, link.reason) == ("", "", "")
            continue
        assert link.toward == _sentiment_of(reading, "toward_")
        assert link.verdict != LATE, "it was read for this brand"
        assert link.intent in {"", *reading.intents}
        assert link.reason in {"", *reading.reasons}


def _check_sentiments(
    mentions: Iterable[Any], predictions_by_key: Mapping[tuple[int, str], Any]
) -> None:
    for row in mentions:
        if row.model_id:
            assert (row.id, row.model_id) in predictions_by_key, (
                "the counting model has no prediction"
            )
        if not row.corrected:
            key = (row.id, row.model_id)
            assert row.sentiment == (_sentiment_of(predictions_by_key[key]) if key[1] else "")


def _sentiment_of(row: Any, prefix: str = "") -> str:
    if row.could_not_tell:
        return "unknown"
    names = ("negative", "neutral", "positive")
    return Scores(**{name: row._mapping[prefix + name] for name in names}).sentiment.value


def loud(number_: int, **other: Any) -> Mention:
    """Make a mention that is urgent while it is fresh: negative, and shared 100,000 times."""
    return mention(number_, "awful", engagement=Engagement(shares=100_000), **other)
