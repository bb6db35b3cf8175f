"""Whatever happens in whatever order, counts equal a recount and no case or flag is doubled."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from factories import (
    ACME,
    ANY_AGE,
    NOW,
    OTHER,
    QUERY,
    RIVAL,
    RULES,
    FrozenClock,
    about,
    author,
    batch,
    check_all,
    keep,
    mention,
    read_all,
    rows,
)

from earful.enums import Sentiment
from earful.judgements import Scores
from earful.types import Gone, Mention
from pipeline.flag import flag
from storage.cases import commands
from storage.collecting import ingest
from storage.database.engine import Database
from storage.entities import brands
from storage.removal import erasing

_WORDS = ("awful", "meh", "lovely", "dunno", "plain")
_PEOPLE = ("ana", "bo", "chi", "dee", "acmehelp")
_BRANDS = ("acme-air", "rival-jet", "other")


def _text(dice: random.Random) -> str:
    """One of a few words; long enough to be told as the same story, now and then."""
    return " ".join([dice.choice(_WORDS)] * dice.choice([1, 1, 12]))


@dataclass(slots=True)
class Chance:
    """Does one random thing to a database at a time."""

    db: Database
    dice: random.Random
    clock: FrozenClock = field(default_factory=FrozenClock)
    model: int = 1

    def step(self) -> None:
        """Any one of the things that can happen."""
        things: list[Callable[[], None]] = [
            *(self._ingest, self._ingest, self._classify, self._correct, self._judge, self._judge),
            *(self._judge_all, self._newer_model, self._case_step),
            *(self._edit, self._edit, self._vanish, self._case_step),
        ]
        if self.dice.random() < 0.03:
            things = [self._erase]
        self.clock.forward(minutes=self.dice.randint(1, 300))
        self.dice.choice(things)()

    def _mention(self) -> Mention:
        number = self.dice.randint(1, 60)
        settled = random.Random(number)  # the same post is the same each time it is met
        return mention(
            number,
            _text(settled),
            by=author(settled.choice(_PEOPLE), followers=self.dice.choice([None, 5, 10**6])),
            published_at=NOW - timedelta(hours=settled.randint(0, 200)),
            repost_of="x" if settled.random() < 0.1 else None,
        )

    def _ingest(self) -> None:
        few = [self._mention() for _ in range(self.dice.randint(1, 8))]
        query = self.dice.choice([QUERY, replace(QUERY, id="fake/second")])
        keep(self.db, *few, query=query, ids=self.dice.sample(_BRANDS, self.dice.randint(1, 3)))

    def _edit(self) -> None:
        """An edit, or an older copy of one, of a post that may be stored, gone or never met."""
        told = self.clock() - timedelta(hours=self.dice.choice([0, 0, 5]))
        words = f"{_text(self.dice)} {self.dice.randint(1, 3)}"
        when = self.dice.choice([None, told])
        one = replace(self._mention(), text=words, fetched_at=told, edited_at=when)
        if self.dice.random() < 0.1:
            one = replace(one, author=author("eve"))  # who knows its number, and is a stranger
        keep(self.db, one, ids=self.dice.sample(_BRANDS, 1))

    def _vanish(self) -> None:
        """A few posts are gone, some of them never met; one may be told of all the same."""
        some = [self._mention() for _ in range(self.dice.randint(1, 2))]  # of 60 posts
        found = batch(
            *some[:1],
            gone=[Gone(source=one.source, external_id=one.external_id) for one in some],
        )
        brands.sync(self.db, [ACME, RIVAL, OTHER])
        ingest.store(self.db, QUERY, found, about("acme-air"), self.clock())

    def _erase(self) -> None:
        """One of the five: of the others there is to be something left."""
        for person in erasing.find_authors(self.db, "fake", "dee"):
            with suppress(KeyError):  # another worker was quicker
                erasing.erase_author(self.db, person, self.clock())

    def _classify(self) -> None:
        read_all(self.db, model=f"m/{self.model}", says=self._says(self.model))

    def _newer_model(self) -> None:
        self.model = self.dice.randint(1, 3)
        self._classify()

    @staticmethod
    def _says(model: int) -> Callable[[str], Scores]:
        def say(text: str) -> Scores:
            negative = random.Random(f"{model}{text}").random()
            return Scores(
                negative=negative,
                neutral=1 - negative,
                positive=0.0,
                could_not_tell=negative < 0.1,
            )

        return say

    def _correct(self) -> None:
        known = rows(self.db, "SELECT id, edition FROM mention")
        if known:
            one = self.dice.choice(known)
            label = self.dice.choice(list(Sentiment))
            read = {"edition": one.edition, "by": "Ana", "at": self.clock()}
            with suppress(commands.Conflict):  # gone since, or changed
                commands.correct_sentiment(self.db, one.id, label, **read)

    def _judge(self) -> None:
        flag(self.db, RULES, clock=self.clock)

    def _judge_all(self) -> None:
        flag(self.db, ANY_AGE, clock=self.clock)

    def _case_step(self) -> None:
        cases = rows(self.db, 'SELECT id, version FROM "case"')
        if not cases:
            return
        one = self.dice.choice(cases)
        told = {"version": one.version, "by": "Ana", "at": self.clock()}
        action = self.dice.choice(["take", "record_contact", "resolve", "reopen"])
        more: dict[str, Any] = {}
        if action == "resolve":
            more = {"outcome": "answered"}
        elif action == "reopen":
            more = {"due_at": self.clock() + timedelta(hours=4)}
        with suppress(commands.Conflict):  # the step did not fit: that is an answer too
            getattr(commands, action)(self.db, one.id, **told, **more)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_a_random_history_stays_consistent_at_every_step(db: Database, seed: int) -> None:
    chance = Chance(db=db, dice=random.Random(seed))
    for _ in range(120):
        chance.step()
        check_all(db)
    flagged = "SELECT count(*) FROM case_event WHERE kind IN ('opened', 'complaint')"
    assert rows(db, flagged)[0][0] > 5, "this history shows too little"
    assert rows(db, "SELECT count(*) FROM case_event WHERE kind = 'resolved'")[0][0] > 0
    assert rows(db, "SELECT count(*) FROM revision")[0][0] > 0
    assert rows(db, "SELECT count(*) FROM tombstone")[0][0] > 3


@pytest.fixture
def shared_history(db: Database) -> Iterator[Database]:
    keep(db, *(mention(n, by=f"p{n % 7}", published_at=NOW) for n in range(60)))
    yield db
    check_all(db)


def test_four_workers_at_once(shared_history: Database) -> None:
    """As the scheduler's threads and the dashboard's do."""
    troubles: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            chance = Chance(db=shared_history, dice=random.Random(seed))
            for _ in range(12):
                chance.step()
        except Exception as trouble:  # noqa: BLE001  (shown by the test's own thread)
            troubles.append(trouble)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert troubles == []
    assert not any(one.is_alive() for one in workers)


def test_a_correction_while_the_rules_judge_is_not_overrun(db: Database) -> None:
    """A person calls a mention negative just when the rules have read that it is calm."""
    from pipeline import flag as stage

    keep(db, mention(1, "lovely"))
    read_all(db)
    decide, done, looked = stage.decide_all, threading.Event(), threading.Event()

    def correct() -> None:
        commands.correct_sentiment(db, 1, Sentiment.NEGATIVE, edition=0, by="Ana", at=NOW)
        done.set()

    def slowly(*told: object) -> object:
        person.start()
        done.wait(0.3)  # it must not get in between; if it can, it has by now
        looked.set()
        return decide(*told)  # type: ignore[arg-type]

    person = threading.Thread(target=correct)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "decide_all", slowly)
        flag(db, RULES, clock=FrozenClock(), stop=looked.is_set)
    person.join(30)
    assert flag(db, RULES, clock=FrozenClock()).flags == 1
