"""Start a PostgreSQL for the tests: a fresh cluster on loopback, removed after the session."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg
from ports import free_port

TEMPLATE = "earful_template"
# nothing here needs to outlive the session
_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"


class NoPostgres(Exception):
    """There is no PostgreSQL to start; the text says where it was looked for."""


class Cluster:
    """Run a server that hands out databases, each a copy of the migrated template."""

    def __init__(self, folder: Path, binaries: Path, port: int) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._binaries = binaries
        self.port = port
        self._numbers = count(1)

    def url(self, name: str) -> str:
        """Return the URL of a database for SQLAlchemy."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def fresh(self, template: str = "template1") -> str:
        """Create a database and return its name."""
        name = f"earful_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def emptied(self, name: str) -> str:
        """Empty a migrated database and return its name.

        Ends every session that is still connected, with its locks. Takes a tenth of the time that
        a fresh database does.
        """
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
                "AND tablename <> 'alembic_version'"
            )
            tables = ", ".join(f'"{row[0]}"' for row in names)
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")  # type: ignore[arg-type]
        return name

    def rename(self, name: str, to: str) -> None:
        """Rename a database that has no session."""
        self._execute(f'ALTER DATABASE "{name}" RENAME TO "{to}"')

    def start(self) -> None:
        """Make the data folder and start the server; raises CalledProcessError."""
        flags = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", str(self._data), *flags)
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k '' {_QUICK}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop this server alone, and remove its folder."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        server = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def _run(self, program: str, *arguments: str) -> None:
        line = [*_as_postgres(), str(self._binaries / program), *arguments]
        # to a file, not a pipe: the server inherits it and would keep a pipe open for ever
        with (self._folder / f"{program}.out").open("w") as out:
            subprocess.run(line, check=True, stdout=out, stderr=out, timeout=60, cwd=self._folder)


def start() -> Cluster:
    """Start a cluster; NoPostgres says why there is none."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="earful-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = Cluster(folder, binaries, free_port())
    try:
        cluster.start()
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise NoPostgres(f"PostgreSQL in {binaries} does not start: {error}") from error
    return cluster


def _binaries() -> Path:
    pg_ctl = shutil.which("pg_ctl")
    folders = [Path(pg_ctl).parent] if pg_ctl else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise NoPostgres("no initdb and pg_ctl on the PATH or under /usr/lib/postgresql")


def _as_postgres() -> list[str]:
    """Return the prefix that drops root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv"):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    if shutil.which("runuser"):
        return ["runuser", "-u", "postgres", "--"]
    raise NoPostgres("root needs setpriv or runuser to start PostgreSQL as the user postgres")
