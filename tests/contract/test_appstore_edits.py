"""Edits of reviews, from Apple's feed into a real database; and pages of it that are older."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from collecting import Collection
from loopback import Site
from sqlalchemy import text
from world_appstore import TheWorld, label, review

from storage.database.engine import Database


def stored(db: Database) -> tuple[str, int]:
    """The words and the stars of the one review."""
    with db.read() as connection:
        row = connection.execute(text("SELECT text, rating_value FROM mention")).one()
    return row.text, row.rating_value


def test_a_review_is_what_its_author_made_of_it_last(
    sqlite: Database, tmp_path: Path, site: Site
) -> None:
    world = TheWorld(tmp_path, site)
    site.script = world.serve
    collection = Collection(sqlite, world)

    def shows(words: str, stars: str, *, minute: int) -> tuple[str, int]:
        """What is stored after a poll that shows the review as of that minute."""
        at = world.now.replace(minute=0, second=0) - timedelta(hours=3) + timedelta(minutes=minute)
        entry = review(11, at, content=label(words), **{"im:rating": label(stars)})
        world.reviews[:] = [(at, entry)]
        collection.poll()
        return stored(sqlite)

    good, bad = ("Late again\nlovely", 5), ("Late again\nit lost my data", 1)
    assert shows("lovely", "5", minute=1) == good
    assert shows("it lost my data", "1", minute=2) == bad
    assert shows("lovely", "5", minute=1) == bad  # another of Apple's servers, not up to date
    assert shows("it lost my data", "1", minute=2) == bad
    assert shows("lovely", "5", minute=3) == good  # the author took it back
