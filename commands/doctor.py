"""`earful doctor`: looks at every part, says what it found and what to do about it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from earful.contracts import EdgeError, Forecaster, Listener, Transient
from earful.limits import money
from earful.settings.errors import SettingsError
from earful.settings.load import SentimentSettings, Settings, secret
from earful.types import Query
from outreach.words import count
from pipeline.app import App, open_app
from pipeline.budget.policy import BudgetPolicy
from storage.collecting import polling
from storage.database.engine import DatabaseError
from storage.queries import health


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. ``state`` is GOOD, LOOK or BAD; ``hint`` says what to do."""

    what: str
    state: str
    found: str
    hint: str = ""


GOOD, LOOK, BAD = "good", "worth a look", "bad"


def examine(load: Callable[[], Settings]) -> Iterator[Finding]:
    """Look at settings, database, model, sources and channels, in this order.

    What cannot be looked at because something before it is bad is left out.
    """
    try:
        settings = load()
    except SettingsError as error:
        yield Finding(what="settings", state=BAD, found=str(error), hint="mend it and look again")
        return
    yield _settings(settings)
    try:
        app = open_app(settings)
    except SettingsError as error:
        yield Finding(what="settings", state=BAD, found=str(error), hint="mend it and look again")
        return
    except DatabaseError as error:
        yield Finding(what="database", state=BAD, found=str(error), hint="mend it and look again")
        return
    try:
        yield Finding(what="database", state=GOOD, found=f"{app.db.shown_url} is up to date")
        yield _model(app)
        yield from _sources(app)
        yield from _service(settings)
        yield from _channels(app)
        yield from _stored(app)
    finally:
        app.db.close()


def _settings(settings: Settings) -> Finding:
    ours = len(settings.brand)
    blocks = {"listen": settings.listen, "form": settings.form, "hook": settings.hook}
    sources = [count(len(some), f"[[{name}]] block") for name, some in blocks.items() if some]
    parts = [count(ours, "brand"), *(sources or ["no source"])]
    found = ", ".join([*parts, count(len(settings.channel), "channel")])
    if not ours or not sources:
        missing = "[[brand]]" if not ours else "[[listen]]"
        hint = f"add a {missing} block to settings.toml, or use `earful import`"
        return Finding(what="settings", state=LOOK, found=found, hint=hint)
    return Finding(what="settings", state=GOOD, found=found)


def _model(app: App) -> Finding:
    wanted = app.settings.sentiment
    started = time.perf_counter()
    try:
        classifier = app.classifier()
        (scores,) = classifier.classify(["Nobody answers me, this is the worst service ever."])
    except SettingsError as error:
        hint = "see docs/model.md, then look again"
        found = f"{_which(wanted)} cannot be used: {error}"
        return Finding(what="model", state=BAD, found=found, hint=hint)
    took = time.perf_counter() - started
    found = f"{classifier.model_id} read a complaint as {scores.sentiment.value}, {took:.1f} s"
    found += f"; {_which(wanted)}, {_languages(wanted)}"
    if scores.sentiment.value != "negative":
        hint = "try it on texts of yours: earful model check --data FILE"
        return Finding(what="model", state=LOOK, found=found, hint=hint)
    return Finding(what="model", state=GOOD, found=found)


def _which(wanted: SentimentSettings) -> str:
    ships = "the model that ships" if wanted.backend == "onnx" else "a list of words"
    return f"backend {wanted.backend}, {wanted.model or ships}"


def _languages(wanted: SentimentSettings) -> str:
    """Say in how many languages there is evidence that the model can read."""
    from sentiment import shipped

    directory = None if wanted.model is None else Path(wanted.model)
    if wanted.backend == "lexicon":
        return "English words alone"
    if wanted.backend == "onnx" and shipped.is_ours(directory):
        return f"trained on posts in {len(shipped.describe(directory).languages)} languages"
    return "its languages are not known here"


def _sources(app: App) -> Iterator[Finding]:
    """Each source asked once; a paused one is told of once, with how it is taken up again."""
    paused = {one.query_id: one.error for one in health(app.db).sources if one.paused}
    for query in app.queries:
        finding = _source(app, query)
        if query.id in paused and query.enabled:
            finding = _paused(finding, query, paused[query.id] or "")
        yield finding


def _paused(now: Finding, query: Query, error: str) -> Finding:
    """What was found ``now`` of a query that is paused because of ``error``."""
    resume = f"`earful poll --resume {shlex.quote(query.id)}`, or start `earful up` anew"
    if now.state == BAD:
        return replace(now, found=f"paused; {now.found}", hint=f"{now.hint}; when mended, {resume}")
    found = f"{now.found}; it is paused because of this: {error}"
    return replace(now, state=BAD, found=found, hint=f"if that is mended, {resume}")


def _source(app: App, query: Query) -> Finding:
    """Ask the source once, and keep nothing of the answer."""
    what = f"source {query.id}"
    if not query.enabled:
        return Finding(what=what, state=GOOD, found="switched off in settings")
    try:
        listener = app.listener(query)
        found = _foreseen(app, listener, query) or _fetched(app, listener, query)
    except Transient as error:
        hint = "nothing, if it passes: Earful tries again by itself; else check address and network"
        return Finding(what=what, state=LOOK, found=str(error), hint=hint)
    except EdgeError as error:
        hint = f"mend what it names and look again; docs/sources/{query.source}.md has the steps"
        return Finding(what=what, state=BAD, found=str(error), hint=hint)
    found = f"answers; {found}"
    if hasattr(listener, "forecast") and not app.billed(query):  # only who bills foresees
        found += "; no price is set, so no money is counted and no budget stops it"
        hint = f"docs/sources/{query.source}.md has the [[account]] block with price and budget"
        return Finding(what=what, state=LOOK, found=found, hint=hint)
    return Finding(what=what, state=GOOD, found=found)


def _fetched(app: App, listener: Listener, query: Query) -> str:
    """The beginning of a poll, from where the query stands."""
    found = 0
    for batch in listener.poll(query, polling.position(app.db, query.id)):
        found = len(batch.mentions)
        seen = any(one.since < one.until for one in batch.seen)
        if batch.mentions or batch.rejected or batch.gone or seen:
            break  # gaps alone are no answer: a walk that met trouble tells them, then raises
    return f"{count(found, 'mention')} to fetch at once"


def _foreseen(app: App, listener: Listener, query: Query) -> str:
    """What a day will bring and cost, where the platform says it without selling a page of posts;
    "" where it does not."""
    if not hasattr(listener, "forecast"):
        return ""
    a_day = cast(Forecaster, listener).forecast(query)
    if a_day is None:
        return ""
    schedule = app.settings.schedule
    again = schedule.recheck_within >= schedule.recheck
    return expected(a_day, app.terms(query), again=again)


def expected(a_day: float, terms: BudgetPolicy, *, again: bool) -> str:
    """``a_day`` posts read in a sentence: what they cost, and how far the account's budgets reach.

    ``again`` says that each is asked about once more when it is stored: where reads have a price,
    not oftener.
    """
    text = f"about {count(round(a_day), 'post')} read a day"
    cost = round(a_day * terms.price)
    if not cost:
        return text
    text += f", {money(_cents(cost), terms.currency)} a day"
    if terms.budget_day is not None:
        minutes = 1440 * terms.budget_day // cost
        until = f"lasts until about {minutes // 60:02d}:{minutes % 60:02d} UTC"
        reach = "is enough" if minutes >= 1440 else until
        text += f"; the budget of {money(terms.budget_day, terms.currency)} a day {reach}"
    if terms.budget_month is not None:
        days = terms.budget_month // cost
        reach = "is enough" if days >= 31 else f"lasts about {count(days, 'day')}"
        text += f"; the budget of {money(terms.budget_month, terms.currency)} a month {reach}"
    return text + ("; re-checks cost up to as much again" if again else "")


def _cents(millionths: int) -> int:
    return max(round(millionths, -4), 10_000)


def _service(settings: Settings) -> Iterator[Finding]:
    """The secrets without which `earful feedback serve` does not start.

    It may run with an environment of its own, so a missing one is worth a look and not bad.
    """
    wanted = [("FEEDBACK_SECRET", f"[[form]] {form.name}") for form in settings.form]
    wanted += [(hook.secret_name, f"[[hook]] {hook.name}") for hook in settings.hook]
    for name, block in wanted:
        found = _missing(name, block)
        if found:
            hint = "set it where `earful feedback serve` runs: it does not start without"
            yield Finding(what="feedback service", state=LOOK, found=found, hint=hint)


def _missing(name: str, block: str) -> str:
    """What is wrong with the secret EARFUL_<name>; "" when it is there."""
    try:
        given = secret(name)
    except SettingsError as error:
        return str(error)
    if given is not None and given.get_secret_value():
        return ""
    return (
        f"{block} needs EARFUL_{name}, or a file with it named by EARFUL_{name}_FILE; "
        "`openssl rand -hex 32` makes one"
    )


def _channels(app: App) -> Iterator[Finding]:
    settings = app.settings
    if not settings.channel:
        hint = "add a [[channel]] and name it in [digest] channels: docs/digest.md"
        yield Finding(what="channels", state=LOOK, found="nobody gets digests", hint=hint)
        return
    try:
        notifiers = app.notifiers()
    except (ValueError, SettingsError) as error:
        yield Finding(what="channels", state=BAD, found=str(error), hint="mend settings.toml")
        return
    for name, notifier in notifiers.items():
        what = f"channel {name}"
        try:
            notifier.check()
        except EdgeError as error:
            hint = "mend it in settings.toml; docs/digest.md says how"
            yield Finding(what=what, state=BAD, found=str(error), hint=hint)
        else:
            yield Finding(what=what, state=GOOD, found="can be reached")


def _stored(app: App) -> Iterator[Finding]:
    """What went wrong lately, as the tables remember it."""
    state = health(app.db)
    for stage in state.stages:
        if stage.error:
            hint = "look into the log of `earful up` at that time"
            yield Finding(what=f"stage {stage.name}", state=BAD, found=stage.error, hint=hint)
    if state.deliveries_dead:
        found = f"{count(state.deliveries_dead, 'message')} could not be sent"
        hint = "mend the channel, then `earful deliver --again`"
        yield Finding(what="outbox", state=BAD, found=found, hint=hint)
