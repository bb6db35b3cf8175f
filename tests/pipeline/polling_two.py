"""Polling two queries with a listener each, and what became of them."""

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
    found = {"fake": listeners[0], "second": listeners[-1]}
    wanted: Sequence[Query] = (QUERY, SECOND)[: len(listeners)]
    return poll(db, wanted, clock=clock, listener_for=lambda query: found[query.source], **other)


def state_of(db: Database, query_id: str = QUERY.id) -> SourceHealth:
    """How the source of that query is doing."""
    (one,) = (one for one in queries.health(db).sources if one.query_id == query_id)
    return one


def script(*steps: Step) -> FakeListener:
    """A listener of one poll."""
    return FakeListener([list(steps)])
