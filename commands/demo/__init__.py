"""`earful demo`: run all of Earful on an invented brand, without a key or a network."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import webbrowser
from importlib.resources import files
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
from storage.database.engine import connect
from storage.entities import brands

_FOLDER = Path("data/demo")


def run(*, summary_only: bool = False, port: int | None = None, browser: bool = True) -> int:
    """Play the story through the real path; returns the exit status.

    ``summary_only`` prints a summary and ends. Otherwise the command center is served until Ctrl-C
    while the story's last part arrives. The demo's database is its own, or the one that
    EARFUL_DATABASE_URL names when that is empty or holds nothing but the demo.
    """
    if summary_only:
        with tempfile.TemporaryDirectory(prefix="earful-demo-") as folder:
            return _run_once(Path(folder))
    # Each run starts with an empty database: its story ends now, an older one ended earlier.
    shutil.rmtree(_FOLDER, ignore_errors=True)
    return _run_page(_FOLDER, port=port, browser=browser)


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
    from commands import up

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

        return up.serve(app, port=port, settings_file=folder / "settings.toml", ready=ready)
    finally:
        app.db.close()


def prepare(folder: Path, *, live: bool) -> App:
    """Create settings, story and database in ``folder``. Raises SettingsError, DatabaseError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.toml"
    demo_settings = files("commands.demo").joinpath("settings.toml").read_text(encoding="utf-8")
    file.write_text(f'database_url = "sqlite:///earful.db"\n{demo_settings}', encoding="utf-8")
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
    finally:
        db.close()


def play(app: App) -> None:
    """Poll, classify and flag every mention of the story so far."""
    stages = Stages(app)
    stages.poll()
    with counting("classified") as advance:
        stages.classify(progress=advance)
    stages.flag()
