"""`earful demo`: run all of Earful on an invented brand, without a key or a network."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console

from commands.demo import answers, story, summary
from commands.progress import counting
from earful.settings import load as configuration
from earful.settings.errors import SettingsError
from pipeline.app import App, open_app
from pipeline.stages import Stages
from storage.collecting import polling
from storage.database import migrate
from storage.database.engine import Database, connect
from storage.database.leader import LeaderLock
from storage.entities import brands

_FOLDER, _DATABASE = Path("data/demo"), "earful.db"
_SETTINGS = files("commands.demo").joinpath("settings.toml")


def run(*, summary_only: bool = False, port: int | None = None, browser: bool = True) -> int:
    """Play the story through the real path; returns the exit status.

    ``summary_only`` prints a summary and ends. Otherwise the command center is served until Ctrl-C
    while the story's last part arrives. The demo's database is its own, or the one that
    EARFUL_DATABASE_URL names when that is empty or holds nothing but the demo.
    """
    if summary_only:
        with tempfile.TemporaryDirectory(prefix="earful-demo-") as folder:
            return _run_once(Path(folder))
    with only_one_in(_FOLDER):
        return _run_page(_FOLDER, port=port, browser=browser)


@contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    """Hold the demo's folder for a block. Raises SettingsError while another process uses it.

    Each run replaces the database, also that of a demo which is still running: its page would then
    show an empty file, or fail.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # beside the folder, which each run removes
    with folder.with_name(f"{folder.name}.lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _in_use(folder) from error
        _refuse_running_schedule(folder)
        yield


def _refuse_running_schedule(folder: Path) -> None:
    """Raise SettingsError while `earful up` runs on the demo's own settings and database."""
    file = folder / _DATABASE
    if not file.is_file():
        return
    db = connect(f"sqlite:///{file}")
    leader = LeaderLock(db)
    try:
        if not leader.acquire():
            raise _in_use(folder)
    finally:
        leader.release()
        db.close()


def _in_use(folder: Path) -> SettingsError:
    return SettingsError(
        f"{folder} is in use: a demo runs here already",
        hint="Open its page, or end it with Ctrl-C, or start this one in another folder.",
    )


def _run_once(folder: Path) -> int:
    started = time.perf_counter()
    app = prepare(folder, live=False)
    try:
        play(app)
        summary.show(app, Console(), seconds=time.perf_counter() - started)
    finally:
        app.db.close()
    return 0


def _run_page(folder: Path, *, port: int | None, browser: bool) -> int:
    # Streamlit loads slowly: `earful demo --once` does not need it
    from commands import up
    from dashboard import launch

    # A taken port is named before anything is removed or made.
    with as_file(_SETTINGS) as file:
        listener = launch.listen(configuration.load(file), port=port)
    # Each run starts with an empty database: its story ends now, an older one ended earlier.
    shutil.rmtree(folder, ignore_errors=True)
    app = prepare(folder, live=True)
    console = Console()
    try:
        play(app)
        answers.rewrite(app.settings.feedback.inbox, app.clock)
        console.print("More posts arrive in the next minutes. Ctrl-C ends it.")

        def ready(address: str) -> None:
            console.print(f"The command center: {address}", style="bold", markup=False)
            if browser:
                webbrowser.open(address)

        file = folder / "settings.toml"
        return up.serve(app, listener, port=port, settings_file=file, ready=ready)
    finally:
        app.db.close()


def prepare(folder: Path, *, live: bool) -> App:
    """Create settings, story and database in ``folder``. Raises SettingsError, DatabaseError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.toml"
    demo_settings = _SETTINGS.read_text(encoding="utf-8")
    file.write_text(f'database_url = "sqlite:///{_DATABASE}"\n{demo_settings}', encoding="utf-8")
    settings = configuration.load(file)
    if "EARFUL_DATABASE_URL" in os.environ or "EARFUL_DATABASE_URL_FILE" in os.environ:
        _refuse_other_data(settings)
    app = open_app(settings)
    story.write(folder / "mentions.jsonl", app.clock(), live=live)
    answers.write(settings.feedback.inbox, app.clock)
    return app


def _refuse_other_data(settings: configuration.Settings) -> None:
    """Raise SettingsError for a database with more than the demo.

    Invented mentions must never mix with real ones.
    """
    # docs/decisions/layout.md, "The demo refuses a database with other content"
    db = connect(settings.database_url.get_secret_value())
    try:
        migrate.upgrade(db)
        ours = {brand.id for brand in settings.brands()}
        query_ids = {query.id for query in settings.queries()}
        if not set(brands.all_brands(db)) <= ours or not polling.stored_query_ids(db) <= query_ids:
            raise SettingsError(
                "EARFUL_DATABASE_URL: that database holds more than the demo",
                hint="Unset it, or name an empty database.",
            )
        _refuse_led(db)
    finally:
        db.close()


def _refuse_led(db: Database) -> None:
    """Raise SettingsError while a process in another folder listens into the database."""
    leader = LeaderLock(db)
    is_free = leader.acquire()
    leader.release()
    if not is_free:
        raise SettingsError(
            "EARFUL_DATABASE_URL: another process works with that database",
            hint="End it, or unset EARFUL_DATABASE_URL.",
        )


def play(app: App) -> None:
    """Poll, classify and flag every mention of the story so far."""
    stages = Stages(app)
    stages.poll()
    with counting("classified") as advance:
        stages.classify(progress=advance)
    stages.flag()
