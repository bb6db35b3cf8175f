"""Run each stage with the parts of an App: the scheduler and the commands call these functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from earful.contracts import Classifier, Notifier
from outreach.rules import Rules
from outreach.words import count
from pipeline.account_locks import AccountLocks
from pipeline.app import App
from pipeline.classify import classify
from pipeline.deliver import ChannelWorkers, Delivered, deliver
from pipeline.digest import digest
from pipeline.flag import Flagged, flag
from pipeline.poll import Polled, poll
from pipeline.recheck import Cooldowns, Rechecked, recheck

Stop = Callable[[], bool]
Progress = Callable[[int], None]


class StageResult(Protocol):
    """The result of one run of a stage; ``str()`` gives its summary."""

    @property
    def is_idle(self) -> bool:
        """True when the run had nothing to do."""
        ...


@dataclass(frozen=True, slots=True)
class Classified:
    """The number of mentions that a run classified."""

    mentions: int

    @property
    def is_idle(self) -> bool:
        """True when no mention was waiting."""
        return not self.mentions

    def __str__(self) -> str:
        return f"{self.mentions} classified"


@dataclass(frozen=True, slots=True)
class Digested:
    """The number of digests that a run queued."""

    digests: int

    @property
    def is_idle(self) -> bool:
        """True when no digest was due."""
        return not self.digests

    def __str__(self) -> str:
        return f"{count(self.digests, 'digest')} queued"


class Stages:
    """The stages of one App. It keeps the state that outlasts a run: locks and cooldowns.

    Classifier and notifiers are built on first use; ``stop`` ends a run after its current batch.
    """

    def __init__(self, app: App, *, stop: Stop = lambda: False) -> None:
        self._app = app
        self._stop = stop
        # shared by the rounds of a scheduler: a slow account is not polled twice at once
        self._account_locks = AccountLocks()
        self._cooldowns = Cooldowns()
        self._channel_workers = ChannelWorkers()

    # on first use: `earful poll` and `earful deliver` must not wait for a model to load
    @cached_property
    def classifier(self) -> Classifier:
        """The classifier that settings name; SettingsError when it cannot be loaded."""
        return self._app.classifier()

    @cached_property
    def notifiers(self) -> dict[str, Notifier]:
        """The notifier of each [[channel]], by its name."""
        return self._app.notifiers()

    def poll(self) -> Polled:
        """Poll the sources that are due."""
        return poll(
            self._app.db,
            self._app.queries,
            clock=self._app.clock,
            listener_for=self._app.listener,
            listened=self._app.brands,
            alert_policy=self._app.alert_policy,
            account_locks=self._account_locks,
            stop=self._stop,
        )

    def classify(self, *, progress: Progress = lambda _number: None) -> Classified:
        """Classify the mentions without a reading by the current model."""
        return Classified(
            classify(
                self._app.db,
                self.classifier,
                clock=self._app.clock,
                stop=self._stop,
                progress=progress,
            )
        )

    def flag(self, *, any_age: bool = False, progress: Progress = lambda _number: None) -> Flagged:
        """Judge the mentions without a verdict; with ``any_age`` old ones too."""
        return flag(
            self._app.db,
            Rules.of(self._app.settings.rules, any_age=any_age),
            clock=self._app.clock,
            alert_policy=self._app.alert_policy,
            stop=self._stop,
            progress=progress,
        )

    def recheck(self) -> Rechecked:
        """Ask the platforms about stored posts."""
        schedule = self._app.settings.schedule
        return recheck(
            self._app.db,
            self._app.queries,
            clock=self._app.clock,
            listener_for=self._app.listener,
            every=schedule.recheck,
            within=schedule.recheck_within,
            is_billed=self._app.is_billed,
            listened=self._app.brands,
            cooldowns=self._cooldowns,
            stop=self._stop,
        )

    def deliver(self, *, patience: float | None = None) -> Delivered:
        """Send the messages that are due; wait at most ``patience`` seconds for slow channels."""
        return deliver(
            self._app.db,
            self.notifiers,
            clock=self._app.clock,
            stop=self._stop,
            workers=self._channel_workers,
            patience=patience,
        )

    def finish_deliveries(self) -> None:
        """Give the messages under way a few seconds to end, before the process does."""
        self._channel_workers.wait(lambda: True, None)

    def digest(self) -> Digested:
        """Queue the digests that are due."""
        return Digested(
            digest(
                self._app.db,
                self._app.settings.digest,
                self._app.rules,
                queries=self._app.queries,
                timezone=self._app.timezone,
                clock=self._app.clock,
            )
        )
