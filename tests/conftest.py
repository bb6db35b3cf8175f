"""What all tests share: both real databases, a frozen clock, and no settings from outside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import throwaway_postgres
from factories import FrozenClock
from hypothesis import HealthCheck, settings
from throwaway_postgres import TEMPLATE, Cluster, NoPostgres

from storage.database import engine, migrate
from storage.database.engine import Database, connect

SHARED_NAME = "earful_emptied_for_each_test"
SHARED = Path(__file__).resolve().parents[2] / "shared"

# The same examples at every run, however slow the machine is. To search for new ones:
# ./run test --hypothesis-profile=search
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("earful", settings.get_profile("search"), derandomize=True)
settings.load_profile("earful")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test says itself what EARFUL_… holds: whoever runs the tests may have a real one."""
    for name in [name for name in os.environ if name.startswith("EARFUL_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power: that nothing waits for the disk saves a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_DURABLE", "OFF")
        yield


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(scope="session")
def hostile_file() -> Path:
    file = SHARED / "data" / "hostile" / "blns.json"
    if not file.is_file():
        pytest.skip("no ../shared beside the project: it holds the hostile texts")
    return file


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A throwaway PostgreSQL with a migrated template in it."""
    try:
        cluster = throwaway_postgres.start()
    except NoPostgres as why:
        pytest.skip(str(why))
    try:
        name = cluster.fresh()
        _migrate(cluster.url(name))
        cluster.rename(name, TEMPLATE)
        cluster.rename(cluster.fresh(TEMPLATE), SHARED_NAME)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def postgres_url(postgres: Cluster) -> str:
    """An empty, migrated database on PostgreSQL."""
    return postgres.url(postgres.emptied(SHARED_NAME))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "earful.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """An empty, migrated database on SQLite."""
    file = tmp_path / "earful.db"
    shutil.copy(migrated_file, file)
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database, on each of the two."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An empty, migrated database, on each of the two."""
    database = connect(database_url)
    yield database
    database.close()


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """An empty, migrated SQLite database, where the other would say nothing new."""
    database = connect(sqlite_url)
    yield database
    database.close()


def _migrate(url: str) -> None:
    database = connect(url)
    migrate.upgrade(database)
    database.close()
