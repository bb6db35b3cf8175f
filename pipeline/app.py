"""Join the parts as settings ask: database, rules, classifier, listeners, channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

import listeners
from earful import clock as wall
from earful.clock import Clock
from earful.contracts import Classifier, Listener, Notifier
from earful.hints import HintedError
from earful.settings.errors import SettingsError, nearest
from earful.settings.load import SentimentSettings, Settings, load, secret
from earful.types import Brand, Query
from outreach import notifiers
from outreach.notifiers.mail import password_name
from outreach.rules import Rules
from pipeline.budget.meter import AccountMeter, AccountState
from pipeline.budget.policy import BudgetPolicy, policy_for
from pipeline.flag import AlertPolicy
from storage.collecting import polling
from storage.database import migrate
from storage.database.backup import find_damage
from storage.database.engine import Database, connect, sqlite_file
from storage.database.errors import damaged
from storage.database.leader import lock_path
from storage.entities import brands

log = structlog.get_logger()

# To look for damage after an error that no other reason explains.
_DAMAGE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The parts that a command or the scheduler works with."""

    settings: Settings
    db: Database
    queries: tuple[Query, ...]
    clock: Clock = wall.now
    account_state: AccountState = field(default_factory=AccountState)

    @property
    def rules(self) -> Rules:
        """The rules that settings ask for, with the look-back."""
        return Rules.of(self.settings.rules)

    @property
    def brands(self) -> tuple[Brand, ...]:
        """Our brands and their competitors, as settings name them."""
        return self.settings.brands()

    @property
    def timezone(self) -> str:
        """The first brand's time zone, in which digests are sent and written."""
        return self.settings.brand[0].timezone if self.settings.brand else "UTC"

    @property
    def alert_policy(self) -> AlertPolicy:
        """The channels to alert about urgent cases."""
        return AlertPolicy(
            channels=self.settings.alerts.channels,
            within=self.settings.alerts.page_within,
            timezone=self.timezone,
        )

    def listener(self, query: Query) -> Listener:
        """Return the listener for a query, with the app's clock and its account's meter."""
        meter = AccountMeter(
            self.db,
            query,
            self.budget_policy(query),
            clock=self.clock,
            account_state=self.account_state,
        )
        return listeners.get(query.source, clock=self.clock, meter=meter)

    def unmetered_listener(self, query: Query) -> Listener:
        """Return the listener for a query without a meter, which writes nothing."""
        return listeners.get(query.source, clock=self.clock)

    def budget_policy(self, query: Query) -> BudgetPolicy:
        """Return the limits of the query's account, and the brands that share it."""
        return policy_for(query, self.settings.account, self.queries, listeners.limit)

    def is_billed(self, query: Query) -> bool:
        """True when the platform bills the query's account for every post that is read."""
        return self.budget_policy(query).price > 0

    def has_quota(self, query: Query) -> bool:
        """True when the platform allows the query's account so many units a day."""
        return self.budget_policy(query).limit.units_per_day is not None

    def classifier(self) -> Classifier:
        """Load the classifier that settings name; SettingsError when it cannot be loaded."""
        return classifier_for(self.settings.sentiment)

    def notifiers(self) -> dict[str, Notifier]:
        """Return a notifier for each [[channel]], by its name."""
        return {
            channel.name: notifiers.build(channel, secret(password_name(channel.name)))
            for channel in self.settings.channel
        }


def classifier_for(settings: SentimentSettings) -> Classifier:
    """Load the classifier of a [sentiment] block; SettingsError when it cannot be loaded."""
    # here: the libraries of a model take a second, which only commands with a classifier pay
    import sentiment
    from sentiment.shipped import ModelDamaged

    try:
        return sentiment.load(
            settings.backend, model=settings.model, threads=settings.threads, labels=settings.labels
        )
    except (ValueError, ImportError, OSError, ModelDamaged) as error:
        raise SettingsError(f"[sentiment]: {error}") from error


def open_app(settings: Settings, *, clock: Clock = wall.now) -> App:
    """Open the database, migrate it, and store brands and queries.

    Raises SettingsError or DatabaseError.
    """
    check_sources(settings)
    queries = settings.queries()
    url = settings.database_url.get_secret_value()
    _warn_of_lost_database(sqlite_file(url))
    db = connect(url)
    with _damage_explained(db):
        migrate.upgrade(db)
        brands.sync(db, settings.brands())
        # with the account settings: a raised budget makes waiting queries due at once
        # (test_when_settings_change_an_account_its_queries_are_asked_at_once)
        polling.register(db, queries, _account_settings(settings))
    return App(settings=settings, db=db, queries=queries, clock=clock)


def _warn_of_lost_database(file: Path | None) -> None:
    """Log that a new database begins where a schedule ran on an earlier one."""
    if file is None or file.exists() or not lock_path(file).exists():
        return
    log.warning(
        "the database is gone, and an empty one begins",
        file=str(file),
        fix="stop, and restore a backup: docs/run-for-real.md, 'Restore'",
    )


def check_sources(settings: Settings) -> None:
    """Raise SettingsError for a source that does not exist, or whose options are wrong."""
    for query in settings.queries():
        listeners.check_query(query)
    _check_accounts(settings)


def _check_accounts(settings: Settings) -> None:
    for number, account in enumerate(settings.account, 1):
        if account.source not in listeners.names():
            raise SettingsError(
                f"[[account]] {number} source: there is no source {account.source!r}"
                f"{nearest(account.source, listeners.names())}"
            )


def _account_settings(settings: Settings) -> Mapping[str, str]:
    """Return the settings of each account; a change makes its queries due at once."""
    return {account.name: account.model_dump_json() for account in settings.account}


@contextmanager
def opened() -> Iterator[App]:
    """Open the app that settings describe for a block. Raises as ``open_app`` does."""
    app = open_app(load())
    try:
        with _damage_explained(app.db):
            yield app
    finally:
        app.db.close()


@contextmanager
def _damage_explained(db: Database) -> Iterator[None]:
    """Turn an error that a damaged database explains into a DatabaseError."""
    try:
        yield
    except (HintedError, OSError):
        raise
    except Exception as error:
        damage = find_damage(db, seconds=_DAMAGE_SECONDS)
        if not damage:
            raise
        raise damaged(db.redacted_url, " ".join(damage.split())) from error
