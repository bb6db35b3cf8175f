"""Polls a query in a process that is there to be killed, for the source that its argument names.

tests/worker_server.py says how it is spoken to. The worker polls over the real database.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from worker_server import say, serve

import listeners
from earful.limits import Limit
from earful.types import Batch, Query
from pipeline.budget import meter
from pipeline.budget.policy import BudgetPolicy
from pipeline.poll import poll
from storage.database.engine import connect


@dataclass(frozen=True, slots=True)
class _Ticking:
    """A listener that says when the poll stage comes for more: what it had is stored."""

    inner: listeners.Listener

    @property
    def name(self) -> str:
        return self.inner.name

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        for batch in self.inner.poll(query, position):
            yield batch
            say("+")


def _work(job: dict[str, Any]) -> None:
    query = Query(**job["query"] | {"any_of": tuple(job["query"]["any_of"])})
    now = datetime.fromisoformat(job["now"])
    db = connect(job["url"])
    terms = BudgetPolicy(
        account=query.source,
        limit=Limit(requests=job["requests"], per=900),
        brands=frozenset([query.brand_id]),
    )

    def listener_for(query: Query) -> _Ticking:
        own = meter.AccountMeter(
            db, query, terms, clock=lambda: now, account_state=meter.AccountState()
        )
        return _Ticking(listeners.get(query.source, clock=lambda: now, meter=own))

    poll(db, [query], clock=lambda: now, listener_for=listener_for)
    db.close()


if __name__ == "__main__":
    listeners.get(sys.argv[1])  # imports
    serve(_work)
