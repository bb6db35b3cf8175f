"""Settings and database of the pages, opened once in a process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from earful import clock
from earful.clock import Window
from earful.command_name import command
from earful.settings.load import Settings, load
from storage import queries
from storage.database.engine import Database, DatabaseError, connect, sqlite_path
from storage.database.migrate import require_current


# Streamlit runs the whole page at every click, in a thread of each session: open things once.
@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings that this server was started with. Raises SettingsError."""
    return load()


@st.cache_resource(show_spinner=False)
def database() -> Database:
    """Return the database, with current tables. Raises SettingsError, DatabaseError."""
    # the page never migrates: `earful up` does, once, before it starts this server
    db = connect(settings().database_url.get_secret_value())
    path = sqlite_path(db)
    if path is not None and not path.exists():
        # a query would create an empty file, which looks like a database that lost its mentions
        raise DatabaseError(f"{db.redacted_url}: there is no such file yet; run {command('up')}")
    require_current(db)
    return db


@st.cache_resource(show_spinner=False, ttl=timedelta(minutes=1))
def mention_sources(brand_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources of these brands' mentions, read once a minute.

    They differ from the listeners: files, webhooks and imports bring posts of other platforms.
    """
    all_time = Window(since=datetime(1970, 1, 1, tzinfo=UTC), until=clock.now() + timedelta(days=1))
    counts = [queries.by_source(database(), brand_id, all_time) for brand_id in brand_ids]
    return tuple(sorted({source.source for brand_counts in counts for source in brand_counts}))


def clear_cache() -> None:
    """Forget settings and database, so that the next visit opens them again."""
    st.cache_resource.clear()
