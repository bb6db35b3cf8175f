"""Puts the parts together as settings ask: database, rules, classifier, listeners, channels."""

from __future__ import annotations

from dataclasses import dataclass

import listeners
from earful import clock as wall
from earful.clock import Clock
from earful.contracts import Classifier, Listener, Notifier
from earful.settings import SentimentSettings, Settings, secret
from earful.settings_errors import SettingsError
from earful.stages.flag import Paging
from earful.types import Query
from outreach import notifiers
from outreach.notifiers.mail import password_name
from outreach.rules import Rules
from storage import brands, migrate, polling
from storage.engine import Database, connect


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that a command or the scheduler works with."""

    settings: Settings
    db: Database
    queries: tuple[Query, ...]
    clock: Clock = wall.now

    @property
    def rules(self) -> Rules:
        """The rules that settings ask for, with the look-back."""
        return Rules.of(self.settings.rules)

    @property
    def timezone(self) -> str:
        """The first brand's time zone: digests are sent and told in it."""
        return self.settings.brand[0].timezone if self.settings.brand else "UTC"

    @property
    def paging(self) -> Paging:
        """Whom to page about urgent cases."""
        return Paging(
            channels=self.settings.alerts.channels,
            within=self.settings.alerts.page_within,
            timezone=self.timezone,
        )

    def listener(self, query: Query) -> Listener:
        """The listener for a query, on this house's clock."""
        return listeners.get(query.source, clock=self.clock)

    def classifier(self) -> Classifier:
        """The classifier that settings name; SettingsError with the mend when it cannot be had."""
        return classifier_for(self.settings.sentiment)

    def notifiers(self) -> dict[str, Notifier]:
        """A notifier for each [[channel]], by its name."""
        return {
            channel.name: notifiers.build(channel, secret(password_name(channel.name)))
            for channel in self.settings.channel
        }


def classifier_for(wanted: SentimentSettings) -> Classifier:
    """Load what a [sentiment] block names; SettingsError with the mend when it cannot be had."""
    import sentiment
    from sentiment.shipped import ModelDamaged

    try:
        return sentiment.load(
            wanted.backend, model=wanted.model, threads=wanted.threads, labels=wanted.labels
        )
    except (ValueError, ImportError, OSError, ModelDamaged) as error:
        raise SettingsError(f"[sentiment]: {error}") from error


def open_house(settings: Settings, *, clock: Clock = wall.now) -> House:
    """Open the database, bring it up to date, and write down brands and queries.

    Raises SettingsError or DatabaseError, each with the mend.
    """
    queries = settings.queries()
    for query in queries:
        listeners.check_query(query)
    db = connect(settings.database_url.get_secret_value())
    migrate.upgrade(db)
    brands.sync(db, settings.brands())
    polling.register(db, queries)
    return House(settings=settings, db=db, queries=queries, clock=clock)
