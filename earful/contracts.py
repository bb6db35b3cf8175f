"""The contracts of plug-ins: protocols, and the three errors that may cross them.

Any other exception of a plug-in is a bug: the stage stops loudly and keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from earful.enums import GapKind
from earful.hints import HintedError
from earful.judgements import Reading, Scores
from earful.messages import Message
from earful.types import Batch, Mention, Query

# The hint of a Transient that asks nothing of people. docs/decisions/layout.md, "An error carries
# its hint apart from its sentence".
TRIED_AGAIN = "It will be tried again."


class EdgeError(HintedError):
    """The base of the three errors that a plug-in may raise."""


class Transient(EdgeError):
    """A failure that may pass. ``retry_after`` is in seconds, None when the platform gave none."""

    def __init__(self, sentence: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(sentence, hint=hint)
        self.retry_after = retry_after


class Spent(Transient):
    """A limit of requests or a budget is used up, so no request was made; ``kind`` says which."""

    def __init__(
        self, sentence: str, *, kind: GapKind, hint: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(sentence, hint=hint, retry_after=retry_after)
        self.kind = kind


class Doubtful(Transient):
    """A re-check reports that all of many posts are gone at once.

    ``batch`` holds the deletions. They are believed once the platform repeats them.
    """

    def __init__(self, sentence: str, *, batch: Batch, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.batch = batch


class Permanent(EdgeError):
    """A failure that lasts until a person changes something: the query or channel is paused."""


class BadItem(EdgeError):
    """One item is unreadable: it is counted with this reason, and the other items go on."""


def gap_reason(error: EdgeError) -> str:
    """Return the reason of the Gap that ``error`` leaves behind.

    A gap shows by itself whether it is looked for again, so the promise to try is left out.
    """
    return error.sentence if error.hint == TRIED_AGAIN else str(error)


class Listener(Protocol):
    """Reads one platform. A constructor does no I/O.

    It is made with a ``clock`` and a ``meter``, and reserves every request with the meter.

    1. Every yielded position is safe to resume from.
    2. A newest-first source advances only after the backfill meets the old position.
    3. A period that a platform's limit hides is yielded as a Gap.
    4. Reads overlap, because platforms index late.
    """

    @property
    def name(self) -> str:
        """The source's name, as in settings and in ``Mention.source``."""
        ...

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield new mentions since ``position`` (None: the first time). Raises the three errors."""
        ...


# docs/decisions/layout.md, "Optional abilities are runtime protocols"
@runtime_checkable
class Checker(Protocol):
    """A Listener that can ask its platform about stored posts."""

    def recheck(self, query: Query, mentions: Sequence[Mention]) -> Batch:
        """Return the state of stored mentions: changed ones as mentions, vanished ones as ``gone``.

        ``mentions`` are stored ones of this source, at most 100; the Batch's position is None
        and is not stored. Raises the three errors, and Doubtful when none of many is shown.
        """
        ...


@runtime_checkable
class Forecaster(Protocol):
    """A Listener that can forecast the number of posts of a query."""

    def forecast(self, query: Query) -> float | None:
        """Return the posts that polling reads in a day; None where the platform has no number.

        Raises the three errors. It may cost something, so `earful doctor` alone calls it.
        """
        ...


@runtime_checkable
class WaitingCounter(Protocol):
    """A Listener whose poll changes its source, and that can look without doing so."""

    def count_waiting(self, query: Query, position: str | None) -> int:
        """Return the posts behind ``position``, and change nothing. Raises the three errors."""
        ...


class SpendMeter(Protocol):
    """The limits of one poll's credential; the one place that counts spending."""

    def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
        """Count a spending before it happens, or raise Spent when a limit or budget forbids it.

        ``reads`` are posts that the platform bills, ``units`` its own quota units.
        """
        ...

    def reconcile(self, *, received: int = 0, reads: int = 0, units: int = 0) -> None:
        """Count ``received`` bytes; negative reads and units return unused reservations."""
        ...

    def report_remaining(self, *, remaining: int | None, reset_after: float | None) -> None:
        """Report the remaining requests by the platform, and the seconds until they reset."""
        ...


class Classifier(Protocol):
    """Gives each text its Scores. It sees texts only, never the database."""

    @property
    def model_id(self) -> str:
        """Names weights, text preparation and calibration, so that a prediction can be replayed."""
        ...

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        """Same length and order as ``texts``; ``[]`` gives ``[]``."""
        ...


# A text, and the names of the brand that it is read for; no name means the text by itself.
ReaderItem = tuple[str, Sequence[str]]


# docs/decisions/layout.md, "Optional abilities are runtime protocols"
@runtime_checkable
class Reader(Protocol):
    """A Classifier that also tells toward whom, why and with what intent a text was written."""

    def read(
        self, items: Sequence[ReaderItem], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        """Read each text for one brand; same length and order as ``items``; ``[]`` gives ``[]``.

        An item is a text and the brand's names and handles; no name means the text by itself.
        ``other_brands`` are names of other known brands, so that "leaving Rival for Acme" has two
        sides.
        """
        ...


class Notifier(Protocol):
    """Carries a message to one channel."""

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        ...

    def check(self) -> None:
        """Reach the channel without sending anything; raises Transient or Permanent."""
        ...

    def send(self, message: Message, key: str) -> None:
        """Send, or raise Transient or Permanent; ``key`` travels along so a repeat is seen."""
        ...
