"""A source's world polled by the real stage into a real database, and what that then says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from loopback import Asked, Reply
from sqlalchemy import text
from world import HttpWorld, World

import listeners
from earful.limits import UnlimitedMeter
from earful.types import Batch, Brand, Query
from pipeline.poll import poll
from storage.collecting import polling
from storage.database.engine import Database
from storage.entities import brands

KESTROVA = Brand(id="kestrova", name="Kestrova")
MOST_POLLS = 80


class Killed(BaseException):
    """The process ended here."""


class Dying:
    """A listener whose process is killed when its platform is asked for the ``nth`` time."""

    def __init__(self, inner: listeners.Listener, world: HttpWorld, nth: int) -> None:
        self._inner, self._world, self._nth = inner, world, nth
        self.name = inner.name

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        begun = len(self._world.site.asked)
        for batch in self._inner.poll(query, position):
            if len(self._world.site.asked) - begun >= self._nth:
                raise Killed
            yield batch


class Collection:
    """A database that one query of the world is collected into."""

    def __init__(self, db: Database, world: World) -> None:
        self.db, self.world = db, world
        self.query = replace(world.query(), every=900.0)
        brands.sync(db, [KESTROVA])
        polling.register(db, [self.query])

    def poll(self, *, dies_at: int | None = None, **options: object) -> None:
        """One poll, due or not; ``options`` are other ones than the world's, for this once."""

        def listener_for(query: Query) -> listeners.Listener:
            found = listeners.get(query.source, clock=self.world.clock, meter=UnlimitedMeter())
            if dies_at is None:
                return found
            assert isinstance(self.world, HttpWorld)
            return Dying(found, self.world, dies_at)

        polling.resume(self.db, self.query.id)
        query = replace(self.query, options={**self.query.options, **options})
        poll(self.db, [query], clock=self.world.clock, listener_for=listener_for)

    def collect(self) -> None:
        """Poll until the source has no more for now."""
        for _ in range(MOST_POLLS):
            self.poll()
            due = self._column("due_at")
            if self._column("error") or (due and due - self.world.now > timedelta(minutes=5)):
                return
            self.world.now += timedelta(seconds=31)
        raise AssertionError(f"not done after {MOST_POLLS} polls")

    @property
    def error(self) -> str | None:
        """What went wrong at the last poll."""
        return self._column("error")

    def stored(self) -> set[str]:
        """The ids that are stored."""
        with self.db.read() as connection:
            return set(connection.execute(text("SELECT external_id FROM mention")).scalars())

    def gaps(self, state: str) -> list[tuple[datetime, datetime, str]]:
        """[since, until) and kind of each gap in this state."""
        from sqlalchemy import select

        from storage.database.upsert import table_of
        from storage.tables import GapRow

        gap = table_of(GapRow)
        with self.db.read() as connection:
            rows = connection.execute(select(gap).where(gap.c.state == state)).all()
        return [(row.since, row.until, row.kind) for row in rows]

    def missing(self) -> set[str]:
        """What was published and is not stored."""
        return set(self.world.expected) - self.stored()

    def silently_missing(self) -> set[str]:
        """What is missing without a gap in the ledger that says so."""
        gaps = self.gaps("lost") + self.gaps("open")
        return {
            one
            for one in self.missing()
            if not any(since <= self.world.expected[one] < until for since, until, _ in gaps)
        }

    def covered(self, at: datetime) -> bool:
        """Whether the ledger says that this instant was seen."""
        from sqlalchemy import select

        from storage.database.upsert import table_of
        from storage.tables import CoverageRow

        coverage = table_of(CoverageRow)
        with self.db.read() as connection:
            found = connection.execute(
                select(coverage.c.since).where(coverage.c.since <= at, coverage.c.until > at)
            )
            return found.first() is not None

    def _column(self, name: str) -> object:
        return next(getattr(row, name) for row in polling_rows(self.db) if row.id == self.query.id)


def polling_rows(db: Database) -> list[object]:
    """The queries' rows."""
    from sqlalchemy import select

    from storage.database.upsert import table_of
    from storage.tables import QueryRow

    with db.read() as connection:
        return list(connection.execute(select(table_of(QueryRow))).all())


def failing_at(world: HttpWorld, nth: int, reply: Reply) -> Callable[[], None]:
    """Make the platform answer ``reply`` to its ``nth`` request from now; gives the way back."""
    begun = len(world.site.asked)

    def script(asked: Asked) -> Reply:
        return reply if len(world.site.asked) - begun == nth else world.serve(asked)

    world.site.script = script

    def hint() -> None:
        world.site.script = world.serve

    return hint
