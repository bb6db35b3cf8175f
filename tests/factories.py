"""Makers of facts, fakes at the three contracts, and a recount that checks the database by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from earful.enums import DeliveryState
from earful.judgements import Prediction, Scores
from earful.messages import Message
from earful.scoring import case_priority
from earful.types import Author, Batch, Brand, Engagement, Gap, Mention, Query, Rejected
from outreach.rules import Rules
from storage.analysis import predictions
from storage.analysis.tallies import quarter_of
from storage.collecting import ingest
from storage.database.engine import Database
from storage.database.upsert import table_of
from storage.entities import brands
from storage.tables import CaseRow, FlagRow, MentionBrandRow, MentionRow, PredictionRow, TallyRow

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
        """What time it is."""
        return self.now

    def forward(self, **length: float) -> datetime:
        """Let that much time pass."""
        self.now += timedelta(**length)
        return self.now


def author(who: str = "maria", **other: Any) -> Author:
    """An author of the fake source."""
    told: dict[str, Any] = {"source": "fake", "external_id": f"id-{who}", "handle": who}
    return Author(**(told | other))


def mention(number: int | str = 1, words: str = "awful", **other: Any) -> Mention:
    """A mention that the fake classifier reads by its words: awful, lovely, dunno, else neutral.

    It is about its query's brand whatever its words are, unless a test says ``direct=False``.
    """
    who = other.pop("by", "maria")
    told: dict[str, Any] = {
        "source": "fake",
        "external_id": f"m-{number}",
        "author": author(who) if isinstance(who, str) else who,
        "text": f"{words} ({number})",
        "published_at": NOW - HOUR,
        "fetched_at": NOW,
        "direct": True,
    }
    return Mention(**(told | other))


def batch(
    *mentions: Mention,
    position: str | None = "p1",
    gaps: Sequence[Gap] = (),
    rejected: Sequence[Rejected] = (),
    **other: Any,
) -> Batch:
    """A batch of those mentions."""
    return Batch(
        mentions=tuple(mentions),
        position=position,
        gaps=tuple(gaps),
        rejected=tuple(rejected),
        **other,
    )


def about(*ids: str) -> Callable[[Mention], Iterator[tuple[str, bool]]]:
    """Everything is about those brands; what `acmehelp` wrote is Acme's own."""

    def say(one: Mention) -> Iterator[tuple[str, bool]]:
        for brand_id in ids:
            yield brand_id, brand_id == "acme-air" and one.author.handle == "acmehelp"

    return say


def keep(
    db: Database, *mentions: Mention, query: Query = QUERY, ids: Sequence[str] = ("acme-air",)
) -> ingest.IngestCounts:
    """Store mentions as one batch of a query, about those brands."""
    brands.sync(db, [ACME, RIVAL, OTHER])
    return ingest.store(db, query, batch(*mentions), about(*ids), NOW)


def scores_of(words: str) -> Scores:
    """What the fake classifier says: a function of the text alone."""
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
    """Reads by scores_of, or by ``says``; remembers how many texts it got at once."""

    model_id: str = MODEL
    says: Callable[[str], Scores] = scores_of
    calls: list[int] = field(default_factory=list)

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Scores for each text."""
        self.calls.append(len(texts))
        return [self.says(one) for one in texts]


Step = Batch | Exception


@dataclass(slots=True)
class FakeListener:
    """Plays a script: the steps of each poll, in turn; a step is a batch or what it raises."""

    polls: list[list[Step]]
    name: str = "fake"
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """The next poll of the script; nothing new once it is played."""
        self.asked.append((query.id, position))
        for step in self.polls.pop(0) if self.polls else []:
            if isinstance(step, Exception):
                raise step
            yield step


@dataclass(slots=True)
class FakeNotifier:
    """Keeps what it is sent; raises what ``raises`` still holds first."""

    name: str = "desk"
    raises: list[Exception | None] = field(default_factory=list)
    got: list[tuple[str, Message]] = field(default_factory=list)

    def check(self) -> None:
        """Always there."""

    def send(self, message: Message, key: str) -> None:
        """Keep it, or fail as told."""
        trouble = self.raises.pop(0) if self.raises else None
        if trouble is not None:
            raise trouble
        self.got.append((key, message))


def read_all(db: Database, *, model: str = MODEL, says: Callable[[str], Scores] = scores_of) -> int:
    """Let the fake model read everything that it has not read, without the classify stage."""
    waiting = predictions.list_unclassified(db, model, 10_000)
    return predictions.save(
        db,
        [
            Prediction(
                mention_id=one.mention_id,
                model_id=model,
                scores=says(one.text),
                at=NOW,
                edition=one.edition,
            )
            for one in waiting
        ],
    )


def rows(db: Database, statement: str, **values: Any) -> list[Any]:
    """What an SQL query gives."""
    with db.read() as connection:
        return list(connection.execute(text(statement), values).all())


def deliveries_by_state(db: Database) -> dict[DeliveryState, int]:
    """How many messages are in each state."""
    found = rows(db, "SELECT state, count(*) FROM delivery GROUP BY state")
    return {DeliveryState(state): many for state, many in found}


def number(db: Database, table: str) -> int:
    """How many rows a table has."""
    found: int = rows(db, f'SELECT count(*) FROM "{table}"')[0][0]
    return found


def ids(db: Database) -> dict[str, int]:
    """The storage id of every mention by its external id."""
    return {row.external_id: row.id for row in rows(db, "SELECT external_id, id FROM mention")}


def tallies(db: Database) -> dict[tuple[str, datetime, str, str], int]:
    """The stored counts, without those that came back to nothing."""
    table = table_of(TallyRow)
    with db.read() as connection:
        found = connection.execute(select(table)).all()
    return {
        (row.brand_id, row.quarter, row.source, row.sentiment): row.mentions
        for row in found
        if row.mentions
    }


def recount(db: Database) -> dict[tuple[str, datetime, str, str], int]:
    """The counts as they follow from the mentions themselves."""
    about_, mention_ = table_of(MentionBrandRow), table_of(MentionRow)
    counted: Counter[tuple[str, datetime, str, str]] = Counter()
    with db.read() as connection:
        for row in connection.execute(
            select(
                about_.c.brand_id, mention_.c.published_at, mention_.c.source, mention_.c.sentiment
            )
            .join(mention_, mention_.c.id == about_.c.mention_id)
            .where(about_.c.own.is_(False))
        ):
            counted[(row.brand_id, quarter_of(row.published_at), row.source, row.sentiment)] += 1
    return dict(counted)


def check_all(db: Database) -> None:
    """Everything that must hold between any two transactions."""
    assert tallies(db) == recount(db)
    case, flag, about_ = table_of(CaseRow), table_of(FlagRow), table_of(MentionBrandRow)
    with db.read() as connection:
        cases = connection.execute(select(case)).all()
        flags = connection.execute(select(flag)).all()
        judged = connection.execute(select(about_)).all()
        mentions = connection.execute(select(table_of(MentionRow))).all()
        said = connection.execute(select(table_of(PredictionRow))).all()
    _check_cases(cases, flags)
    flagged = {(row.mention_id, row.brand_id) for row in flags}
    assert len(flagged) == len(flags), "a mention was flagged twice for a brand"
    assert flagged == {(r.mention_id, r.brand_id) for r in judged if r.verdict == "flagged"}
    authors = {row.id: row.author_id for row in mentions}
    assert all(authors[row.mention_id] == row.author_id for row in flags)
    _check_feelings(mentions, {(row.mention_id, row.model_id): row for row in said})
    noise = {row.id for row in mentions if row.noise}
    assert noise.isdisjoint(row.mention_id for row in judged), "noise is about a brand"
    _check_stories(db, mentions)


def _check_cases(cases: Sequence[Any], flags: Sequence[Any]) -> None:
    open_ones = Counter((row.brand_id, row.author_id) for row in cases if row.status != "resolved")
    assert all(count == 1 for count in open_ones.values()), "two open cases for one author"
    of_case: dict[int, list[Any]] = {row.id: [] for row in cases}
    for one in flags:
        of_case[one.case_id].append(one)
    for row in cases:
        mine = of_case[row.id]
        assert row.complaints == len(mine)
        if mine:
            assert row.priority == case_priority([one.severity for one in mine])
        if not mine:  # all its posts were deleted
            assert row.status == "resolved", f"case {row.id} waits and has no flag"
            continue
        assert {(one.brand_id, one.author_id) for one in mine} == {(row.brand_id, row.author_id)}
        assert row.last_at == max(one.published_at for one in mine)
        assert row.complained_at == min(one.published_at for one in mine)


def _check_stories(db: Database, mentions: Iterable[Any]) -> None:
    members: dict[int, list[Any]] = {}
    for row in mentions:
        if row.story_id is not None:
            members.setdefault(row.story_id, []).append(row)
    told = {row.id: (row.mentions, row.authors) for row in rows(db, "SELECT * FROM story")}
    assert told == {
        story: (len(them), len({row.author_id for row in them})) for story, them in members.items()
    }


def _check_feelings(mentions: Iterable[Any], said: Mapping[tuple[int, str], Any]) -> None:
    for row in mentions:
        if row.model_id:
            assert (row.id, row.model_id) in said, "the counting model has no prediction"
        if not row.corrected:
            expected = "" if not row.model_id else _word(said[(row.id, row.model_id)])
            assert row.sentiment == expected


def _word(row: Any) -> str:
    if row.could_not_tell:
        return "unknown"
    scores = Scores(negative=row.negative, neutral=row.neutral, positive=row.positive)
    return scores.sentiment.value


def loud(number_: int, **other: Any) -> Mention:
    """A mention that is urgent when it is fresh: negative, and shared far and wide."""
    return mention(number_, "awful", engagement=Engagement(shares=100_000), **other)
