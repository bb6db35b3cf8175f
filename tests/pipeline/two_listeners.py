"""Poll two queries, each with a listener of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from factories import (
    QUERY,
    FakeListener,
    FrozenClock,
    Step,
)

from earful.contracts import Listener
from earful.types import Query
from pipeline.poll import Polled, poll
from storage import queries
from storage.database.engine import Database
from storage.views import SourceHealth

SECOND = replace(QUERY, id="fake/second", source="second")


def ask(db: Database, clock: FrozenClock, *listeners: Listener, **other: Any) -> Polled:
    """Poll QUERY with the first listener and SECOND with the second."""
    by_source = {"fake": listeners[0], "second": listeners[-1]}
    polled: Sequence[Query] = (QUERY, SECOND)[: len(listeners)]
    return poll(
        db, polled, clock=clock, listener_for=lambda query: by_source[query.source], **other
    )


def state_of(db: Database, query_id: str = QUERY.id) -> SourceHealth:
    """Return the health of the query's source."""
    (state,) = (source for source in queries.health(db).sources if source.query_id == query_id)
    return state


def script(*steps: Step) -> FakeListener:
    """Return a listener for one poll."""
    return FakeListener([list(steps)])
