"""Whatever happens in whatever order, counts equal a recount and no case or flag is doubled."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from factories import (
    ANY_AGE,
    NOW,
    QUERY,
    RULES,
    FrozenClock,
    author,
    check_all,
    keep,
    mention,
    read_all,
    rows,
)

from earful.stages.flag import flag
from earful.types import Label, Mention, Scores
from storage import commands
from storage.engine import Database

_WORDS = ("awful", "meh", "lovely", "dunno", "plain")
_PEOPLE = ("ana", "bo", "chi", "acmehelp")
_BRANDS = ("acme-air", "rival-jet", "other")


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
        ]
        self.clock.forward(minutes=self.dice.randint(1, 300))
        self.dice.choice(things)()

    def _mention(self) -> Mention:
        number = self.dice.randint(1, 60)
        settled = random.Random(number)  # the same post is the same each time it is met
        return mention(
            number,
            settled.choice(_WORDS),
            by=author(settled.choice(_PEOPLE), followers=self.dice.choice([None, 5, 10**6])),
            published_at=NOW - timedelta(hours=settled.randint(0, 200)),
            repost_of="x" if settled.random() < 0.1 else None,
        )

    def _ingest(self) -> None:
        few = [self._mention() for _ in range(self.dice.randint(1, 8))]
        query = self.dice.choice([QUERY, replace(QUERY, id="fake/second")])
        keep(self.db, *few, query=query, ids=self.dice.sample(_BRANDS, self.dice.randint(1, 3)))

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
        known = rows(self.db, "SELECT id FROM mention")
        if known:
            one = self.dice.choice(known).id
            label = self.dice.choice(list(Label))
            commands.correct(self.db, one, label, by="Ana", at=self.clock())

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
        action = self.dice.choice(["take", "contacted", "resolve", "reopen"])
        more = {"outcome": "answered"} if action == "resolve" else {}
        with suppress(commands.Conflict):  # the step did not fit: that is an answer too
            getattr(commands, action)(self.db, one.id, **told, **more)


@pytest.mark.parametrize("seed", range(4))
def test_a_random_history_stays_consistent_at_every_step(db: Database, seed: int) -> None:
    chance = Chance(db=db, dice=random.Random(seed))
    for _ in range(60):
        chance.step()
        check_all(db)
    assert rows(db, "SELECT count(*) FROM flag")[0][0] > 10, "this history shows too little"
    assert rows(db, "SELECT count(*) FROM \"case\" WHERE status = 'resolved'")[0][0] > 0


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
    from earful.stages import flag as stage

    keep(db, mention(1, "lovely"))
    read_all(db)
    decide, done = stage.decide_all, threading.Event()

    def correct() -> None:
        commands.correct(db, 1, Label.NEGATIVE, by="Ana", at=NOW)
        done.set()

    def slowly(*told: object) -> object:
        person.start()
        done.wait(0.3)  # it must not get in between; if it can, it has by now
        return decide(*told)  # type: ignore[arg-type]

    person = threading.Thread(target=correct)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "decide_all", slowly)
        flag(db, RULES, clock=FrozenClock(), stop=iter([False, True, True]).__next__)
    person.join(30)
    assert flag(db, RULES, clock=FrozenClock()).flags == 1
