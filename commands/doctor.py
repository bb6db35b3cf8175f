"""`earful doctor`: examine every part, and report each finding with its fix.

It stores nothing: no database, no brand, no mention. Only a request that a platform bills or
counts by the day is counted, because it was spent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from commands.doctor_ground import examine_ground
from commands.doctor_sources import examine_sources
from commands.findings import BAD, GOOD, LOOK, Finding, bad, bad_edge
from earful.command_name import command
from earful.contracts import EdgeError
from earful.hints import with_hint
from earful.settings.errors import SettingsError
from earful.settings.load import SentimentSettings, Settings, secret, settings_path
from outreach.words import count
from pipeline.app import App, check_sources
from storage.database.engine import Database, DatabaseError, connect, sqlite_file
from storage.database.migrate import is_current
from storage.queries import health


def examine(load: Callable[[], Settings]) -> Iterator[Finding]:
    """Examine settings, database, model, sources and channels, in this order.

    Parts that cannot be examined because an earlier one is bad are left out.
    """
    try:
        settings = load()
        check_sources(settings)
    except SettingsError as error:
        yield bad("settings", error)
        return
    yield _settings(settings)
    with ExitStack() as stack:
        try:
            app, is_ready, finding = _open(settings, stack)
        except DatabaseError as error:
            yield bad("database", error)
            return
        yield finding
        yield _model(app)
        yield from examine_sources(app, is_ready=is_ready)
        yield from _service(settings)
        if is_ready:
            yield from examine_ground(app)
        yield from _channels(app)
        if is_ready:
            yield from _stored(app)


def _open(settings: Settings, stack: ExitStack) -> tuple[App, bool, Finding]:
    """Open the database without changing it; raises DatabaseError.

    Returns the app, whether its tables can be read, and the finding. An empty database in a
    temporary folder stands in for one without tables.
    """
    url = settings.database_url.get_secret_value()
    file = sqlite_file(url)
    # opening a missing or empty file would make it a database
    if file is None or (file.is_file() and file.stat().st_size):
        db = connect(url)
        stack.callback(db.close)
        if is_current(db):
            result = f"{db.redacted_url} is up to date"
            finding = Finding(part="database", state=GOOD, result=result)
            return _app(settings, db), True, finding
        result = f"{db.redacted_url}: the tables are missing or of an older version"
        hint = f"{command('up')} brings them up to date, and keeps what they hold."
        finding = Finding(part="database", state=LOOK, result=result, hint=hint)
    else:
        result = f"{file} does not exist yet; {command('up')} makes it"
        finding = Finding(part="database", state=GOOD, result=result)
    folder = stack.enter_context(TemporaryDirectory(prefix="earful-doctor-"))
    empty = connect(f"sqlite:///{Path(folder) / 'empty.db'}")
    stack.callback(empty.close)
    return _app(settings, empty), False, finding


def _app(settings: Settings, db: Database) -> App:
    return App(settings=settings, db=db, queries=settings.queries())


def _settings(settings: Settings) -> Finding:
    ours = len(settings.brand)
    blocks = {"listen": settings.listen, "form": settings.form, "hook": settings.hook}
    sources = [count(len(block), f"[[{name}]] block") for name, block in blocks.items() if block]
    parts = [count(ours, "brand"), *(sources or ["no source"])]
    result = ", ".join([*parts, count(len(settings.channel), "channel")])
    if settings_path() != Path("settings.toml"):
        result = f"{settings_path()}: {result}"
    if not ours or not sources:
        missing = "[[brand]]" if not ours else "[[listen]]"
        hint = f"Add a {missing} block to settings.toml, or use {command('import')}."
        return Finding(part="settings", state=LOOK, result=result, hint=hint)
    return Finding(part="settings", state=GOOD, result=result)


def _model(app: App) -> Finding:
    chosen = app.settings.sentiment
    # with its loading: a model that takes a minute to start is worth seeing
    started = time.perf_counter()
    try:
        classifier = app.classifier()
        (scores,) = classifier.classify(["Nobody answers me, this is the worst service ever."])
    except SettingsError as error:
        hint = with_hint(error.hint, f"See docs/model.md, then run {command('doctor')} again.")
        result = f"{_model_name(chosen)} cannot be used: {error.sentence}"
        return Finding(part="model", state=BAD, result=result, hint=hint)
    seconds = time.perf_counter() - started
    result = f"{classifier.model_id} read a complaint as {scores.sentiment.value}, {seconds:.1f} s"
    result += f"; {_model_name(chosen)}, {_languages(chosen)}"
    if scores.sentiment.value != "negative":
        hint = f"Try it on texts of yours: {command('model check --data FILE')}."
        return Finding(part="model", state=LOOK, result=result, hint=hint)
    return Finding(part="model", state=GOOD, result=result)


def _model_name(chosen: SentimentSettings) -> str:
    default = "the shipped model" if chosen.backend == "onnx" else "a list of words"
    return f"backend {chosen.backend}, {chosen.model or default}"


def _languages(chosen: SentimentSettings) -> str:
    """Say for how many languages there is evidence that the model can read them."""
    from sentiment import shipped

    directory = None if chosen.model is None else Path(chosen.model)
    if chosen.backend == "lexicon":
        return "English words alone"
    if chosen.backend == "onnx" and shipped.is_ours(directory):
        return f"trained on posts in {len(shipped.describe(directory).languages)} languages"
    return "its languages are not known"


def _service(settings: Settings) -> Iterator[Finding]:
    """Report missing secrets, without which `earful feedback serve` does not start.

    The service may run in another environment, so a missing secret is worth a look and not bad.
    """
    secrets = [("FEEDBACK_SECRET", f"[[form]] {form.name}") for form in settings.form]
    secrets += [(hook.secret_name, f"[[hook]] {hook.name}") for hook in settings.hook]
    for name, block in secrets:
        error = _missing_secret(name, block)
        if error:
            place = f"Set it where {command('feedback serve')} runs: it does not start without."
            hint = with_hint(error.hint, place)
            yield Finding(part="feedback service", state=LOOK, result=error.sentence, hint=hint)


def _missing_secret(name: str, block: str) -> SettingsError | None:
    """Return the error of the secret EARFUL_<name>; None when it is set."""
    try:
        value = secret(name)
    except SettingsError as error:
        return error
    if value is not None and value.get_secret_value():
        return None
    return SettingsError(
        f"{block} needs EARFUL_{name}, or a file with it named by EARFUL_{name}_FILE",
        hint="`openssl rand -hex 32` makes one.",
    )


def _channels(app: App) -> Iterator[Finding]:
    settings = app.settings
    if not settings.channel:
        hint = "Add a [[channel]] and name it in [digest] channels: docs/digest.md."
        yield Finding(
            part="channels", state=LOOK, result="there is none, so no digest is sent", hint=hint
        )
        return
    try:
        notifiers = app.notifiers()
    except (ValueError, SettingsError) as error:
        yield Finding(part="channels", state=BAD, result=str(error), hint="Fix settings.toml.")
        return
    for name, notifier in notifiers.items():
        part = f"channel {name}"
        try:
            notifier.check()
        except EdgeError as error:
            yield bad_edge(part, error, "The steps are in docs/digest.md.")
        else:
            yield Finding(part=part, state=GOOD, result="can be reached")


def _stored(app: App) -> Iterator[Finding]:
    """Report recent failures from the database: stages, and messages that were not sent."""
    state = health(app.db)
    for stage in state.stages:
        if stage.error:
            hint = f"Look into the log of {command('up')} at that time."
            yield Finding(part=f"stage {stage.name}", state=BAD, result=stage.error, hint=hint)
    if state.deliveries_dead:
        result = f"{count(state.deliveries_dead, 'message')} could not be sent"
        hint = f"Fix the channel, then run {command('deliver --again')}."
        yield Finding(part="outbox", state=BAD, result=result, hint=hint)
