"""A small world for the dashboard's tests, made through storage's own functions only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from streamlit.testing.v1 import AppTest

from earful.judgements import Prediction, Reading, Scores
from earful.types import Author, Batch, Brand, Engagement, Mention, Query, Rating
from outreach.rules import Rules
from pipeline.flag import flag
from storage.analysis import predictions
from storage.collecting import ingest
from storage.database import migrate
from storage.database.engine import Database, connect
from storage.entities import brands

Visit = Callable[[], AppTest]  # opens the dashboard

MODEL, READER = "test-model/1", "test-reader/1"
ACME = Brand(id="acme-air", name="Acme Air", timezone="Europe/Athens", competitors=("Rival Jet",))
RIVAL = Brand(id="rival-jet", name="Rival Jet", timezone="Europe/Athens", competitor_of="acme-air")
RULES = Rules(
    negative_at=0.6,
    look_back=None,
    urgent_at=70,
    reply_within=timedelta(hours=24),
    urgent_reply_within=timedelta(hours=2),
)
SETTINGS = """
database_url = "sqlite:///{database}"

[[brand]]
name = "Acme Air"
timezone = "Europe/Athens"
competitors = ["Rival Jet"]

[[listen]]
source = "x"
brand = "Acme Air"

[dashboard]
port = {port}
refresh = "{refresh}"
"""


def scores(
    negative: float,
    positive: float | None = None,
    *,
    language: str | None = None,
    could_not_tell: bool = False,
) -> Scores:
    """Make scores; a fifth of what is not negative is positive."""
    happy = (1 - negative) * 0.2 if positive is None else positive
    return Scores(
        negative=negative,
        positive=happy,
        neutral=1 - negative - happy,
        language=language,
        could_not_tell=could_not_tell,
    )


@dataclass(slots=True)
class World:
    """A database with settings beside it; ``say`` puts a classified mention into it."""

    folder: Path
    db: Database
    settings_file: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _said: int = 0

    def say(
        self,
        who: str,
        text: str,
        *,
        negative: float = 0.05,
        positive: float | None = None,
        hours: float = 1.0,
        brand: Brand = ACME,
        source: str = "x",
        by: str | None = None,
        name: str | None = None,
        followers: int | None = 150,
        shares: int = 0,
        url: str | None = None,
        profile: str | None = None,
        read: bool = True,
        lang: str | None = None,
        language: str | None = None,
        rating: Rating | None = None,
        reading: Reading | None = None,
    ) -> int:
        """Store a mention written ``hours`` ago and give its storage id; ``by`` is what brought
        it, where that is not its own source. ``reading`` is that of a model with intents."""
        self._said += 1
        mention = Mention(
            source=source,
            external_id=f"m{self._said}",
            author=Author(
                source=source,
                external_id=who,
                handle=who,
                name=name,
                followers=followers,
                url=profile,
            ),
            text=text,
            published_at=self.now - timedelta(hours=hours),
            fetched_at=self.now,
            url=url,
            engagement=Engagement(shares=shares),
            lang=lang,
            rating=rating,
        )
        listens = by or source
        query = Query(id=f"{listens}/{brand.id}", brand_id=brand.id, source=listens)
        batch = Batch(mentions=(mention,), position=str(self._said))
        ingest.store(self.db, query, batch, lambda _one: [(brand.id, False)], self.now)
        if reading is not None:
            self.read(self._said, reading, model_id=READER)
        elif read:
            self.read(self._said, scores(negative, positive, language=language))
        return self._said

    def read(self, mention_id: int, answer: Scores | Reading, *, model_id: str = MODEL) -> None:
        """Store a model's answer about a mention of Acme; it counts from now on."""
        prediction = Prediction(
            mention_id=mention_id,
            model_id=model_id,
            scores=answer.scores if isinstance(answer, Reading) else answer,
            at=self.now,
            readings={ACME.id: answer} if isinstance(answer, Reading) else None,
        )
        predictions.save(self.db, [prediction])

    def judge(self, *, hours_ago: float = 0.0) -> None:
        """Let the rules look at everything, as they would have ``hours_ago``."""
        flag(self.db, RULES, clock=lambda: self.now - timedelta(hours=hours_ago))


def make(folder: Path, *, port: int = 8501, refresh: str = "10m", ready: bool = True) -> World:
    """A folder with settings, and a database that has its tables unless ``ready`` is False."""
    database = folder / "earful.db"
    settings_file = folder / "settings.toml"
    text = SETTINGS.format(database=database, port=port, refresh=refresh)
    settings_file.write_text(text, encoding="utf-8")
    db = connect(f"sqlite:///{database}")
    if ready:
        migrate.upgrade(db)
        brands.sync(db, [ACME, RIVAL])
    return World(folder=folder, db=db, settings_file=settings_file)
