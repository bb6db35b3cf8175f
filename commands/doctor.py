"""`earful doctor`: examine every part, and report each finding with its fix.

It stores nothing: no database, no brand, no mention. Only a request that a platform bills or
counts by the day is counted, because it was spent.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from commands.doctor_ground import GroundProblem, examine_ground
from earful.command_name import command
from earful.contracts import EdgeError, Forecaster, Listener, Transient, WaitingCounter
from earful.hints import HintedError, with_hint
from earful.limits import money
from earful.settings.errors import SettingsError
from earful.settings.load import SentimentSettings, Settings, secret, settings_path
from earful.types import Query
from outreach.words import count
from pipeline.app import App, check_sources
from pipeline.budget.policy import BudgetPolicy
from storage.collecting import polling
from storage.database.engine import Database, DatabaseError, connect, sqlite_file
from storage.database.migrate import is_current
from storage.queries import health


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result for one part. ``state`` is GOOD, LOOK or BAD; ``hint`` says how to fix it.

    ``excerpt`` holds the lines of the settings file that it is about.
    """

    part: str
    state: str
    result: str
    hint: str = ""
    excerpt: str = ""


GOOD, LOOK, BAD = "good", "worth a look", "bad"


def _look_again() -> str:
    return f"Fix it and run {command('doctor')} again."


def examine(load: Callable[[], Settings]) -> Iterator[Finding]:
    """Examine settings, database, model, sources and channels, in this order.

    Parts that cannot be examined because an earlier one is bad are left out.
    """
    try:
        settings = load()
        check_sources(settings)
    except SettingsError as error:
        yield _bad("settings", error)
        return
    yield _settings(settings)
    with ExitStack() as stack:
        try:
            app, is_ready, finding = _open(settings, stack)
        except DatabaseError as error:
            yield _bad("database", error)
            return
        yield finding
        yield _model(app)
        yield from _sources(app, is_ready=is_ready)
        yield from _service(settings)
        if is_ready:
            yield from map(_ground, examine_ground(app))
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


def _bad(part: str, error: HintedError) -> Finding:
    hint = with_hint(error.hint, _look_again()) if error.hint else _look_again()
    return Finding(part=part, state=BAD, result=error.sentence, hint=hint, excerpt=error.excerpt)


def _ground(problem: GroundProblem) -> Finding:
    state = BAD if problem.is_bad else LOOK
    return Finding(part=problem.part, state=state, result=problem.result, hint=problem.hint)


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


def _sources(app: App, *, is_ready: bool) -> Iterator[Finding]:
    """Check each source once. Report a paused one with the command that resumes it."""
    sources = health(app.db).sources if is_ready else ()
    paused = {source.query_id: source.error for source in sources if source.paused}
    known = {source.query_id for source in sources}
    for query in app.queries:
        finding = _source(app, query, is_known=query.id in known)
        if query.id in paused and query.enabled:
            finding = _paused(finding, query, paused[query.id] or "")
        yield finding


def _paused(current: Finding, query: Query, error: str) -> Finding:
    """Extend the ``current`` finding of a query that is paused because of ``error``."""
    resume_one = command(f"poll --resume {shlex.quote(query.id)}")
    resume = f"run {resume_one}, or restart {command('up')}."
    if current.state == BAD:
        hint = with_hint(current.hint, f"When it is fixed, {resume}")
        return replace(current, result=f"paused; {current.result}", hint=hint)
    result = f"{current.result}; it is paused because of this: {error}"
    return replace(current, state=BAD, result=result, hint=f"If that is fixed, {resume}")


def _source(app: App, query: Query, *, is_known: bool) -> Finding:
    """Poll the source once, and store nothing. ``is_known``: `earful up` has registered it."""
    part = f"source {query.id}"
    if not query.enabled:
        return Finding(part=part, state=GOOD, result="switched off in settings")
    try:
        # what has a price or a daily quota is spent, and so counted
        is_counted = is_known and (app.is_billed(query) or app.has_quota(query))
        listener = app.listener(query) if is_counted else app.unmetered_listener(query)
        position = polling.read_position(app.db, query.id) if is_known else None
        result = _forecast(app, listener, query) or _first_batch(listener, query, position)
    # Not BAD: what a network refuses now it may allow in a minute, without a change here.
    except Transient as error:
        hint = (
            "Nothing, if it passes: Earful tries again by itself. Else check address and network."
        )
        return Finding(part=part, state=LOOK, result=str(error), hint=hint)
    except EdgeError as error:
        return _bad_edge(part, error, f"The steps are in docs/sources/{query.source}.md.")
    result = f"answers; {result}"
    # only a platform that bills has a forecast
    if isinstance(listener, Forecaster) and not app.is_billed(query):
        result += "; no price is set, so no money is counted and no budget stops it"
        hint = (
            f"Copy the [[account]] block with price and budget from docs/sources/{query.source}.md."
        )
        return Finding(part=part, state=LOOK, result=result, hint=hint)
    return Finding(part=part, state=GOOD, result=result)


def _bad_edge(part: str, error: EdgeError, steps: str) -> Finding:
    hint = " ".join(filter(None, (error.hint, _look_again(), steps)))
    return Finding(part=part, state=BAD, result=error.sentence, hint=hint)


def _first_batch(listener: Listener, query: Query, position: str | None) -> str:
    """Poll from the query's stored position until a batch holds anything but gaps."""
    if isinstance(listener, WaitingCounter):
        # a poll of an inbox deletes what is stored
        return f"{count(listener.count_waiting(query, position), 'mention')} to fetch at once"
    mentions = 0
    for batch in listener.poll(query, position):
        mentions = len(batch.mentions)
        seen = any(span.since < span.until for span in batch.seen)
        if batch.mentions or batch.rejected or batch.gone or seen:
            # gaps alone are no answer: a walk that fails yields them, then raises
            # (test_cli_commands.py)
            break
    return f"{count(mentions, 'mention')} to fetch at once"


def _forecast(app: App, listener: Listener, query: Query) -> str:
    """Say how many posts a day will bring, and their cost; "" where the platform has no forecast.

    The platform gives the number without selling a page of posts.
    """
    if not isinstance(listener, Forecaster):
        return ""
    posts_a_day = listener.forecast(query)
    if posts_a_day is None:
        return ""
    schedule = app.settings.schedule
    rechecked = schedule.recheck_within >= schedule.recheck
    return describe_cost(posts_a_day, app.budget_policy(query), rechecked=rechecked)


def describe_cost(posts_a_day: float, policy: BudgetPolicy, *, rechecked: bool) -> str:
    """Describe the cost of ``posts_a_day``, and how long the account's budgets last.

    ``rechecked``: each post is read once more after it is stored. Where reads have a price, this
    happens once only.
    """
    text = f"about {count(round(posts_a_day), 'post')} read a day"
    cost = round(posts_a_day * policy.price)
    if not cost:
        return text
    text += f", {money(_cents(cost), policy.currency)} a day"
    if policy.budget_day is not None:
        minutes = 1440 * policy.budget_day // cost
        until = f"lasts until about {minutes // 60:02d}:{minutes % 60:02d} UTC"
        reach = "is enough" if minutes >= 1440 else until
        text += f"; the budget of {money(policy.budget_day, policy.currency)} a day {reach}"
    if policy.budget_month is not None:
        days = policy.budget_month // cost
        # 31 days are enough for every month.
        reach = "is enough" if days >= 31 else f"lasts about {count(days, 'day')}"
        text += f"; the budget of {money(policy.budget_month, policy.currency)} a month {reach}"
    return text + ("; re-checks cost up to as much again" if rechecked else "")


def _cents(millionths: int) -> int:
    # At least one cent: 0.00 would read as free.
    return max(round(millionths, -4), 10_000)


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
            yield _bad_edge(part, error, "The steps are in docs/digest.md.")
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
