"""Settings and database for the pages: opened once a process, checked at every visit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from earful import clock
from earful.clock import Window
from earful.settings.load import Settings, load
from storage import queries
from storage.database.engine import Database, DatabaseError, connect, sqlite_path
from storage.database.migrate import require_current


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings this server was started with. Raises SettingsError."""
    return load()


@st.cache_resource(show_spinner=False)
def database() -> Database:
    """The database, ready to be asked. Raises SettingsError, DatabaseError."""
    db = connect(settings().database_url.get_secret_value())
    path = sqlite_path(db)
    if path is not None and not path.exists():
        # asking it would make an empty file, and the next reader would wonder where it came from
        raise DatabaseError(f"{db.redacted_url}: there is no such file yet; run `earful up`")
    require_current(db)
    return db


@st.cache_resource(show_spinner=False, ttl=timedelta(minutes=1))
def sources(brand_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Where what is said of these brands was written; looked up once a minute.

    That is not what listens to it: a file, a hook and an import bring posts of other platforms.
    """
    ever = Window(since=datetime(1970, 1, 1, tzinfo=UTC), until=clock.now() + timedelta(days=1))
    found = [queries.by_source(database(), brand_id, ever) for brand_id in brand_ids]
    return tuple(sorted({one.source for some in found for one in some}))


def forget() -> None:
    """Look again at settings and database on the next visit."""
    st.cache_resource.clear()
