"""The part of `earful doctor` about the sources: does each answer, and what will it cost?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from commands.findings import BAD, GOOD, LOOK, Finding, bad_edge
from earful.command_name import command
from earful.contracts import EdgeError, Forecaster, Listener, Transient, WaitingCounter
from earful.hints import with_hint
from earful.limits import money
from earful.types import Query
from outreach.words import count
from pipeline.app import App
from pipeline.budget.policy import BudgetPolicy
from storage.collecting import polling
from storage.queries import health


def examine_sources(app: App, *, is_ready: bool) -> Iterator[Finding]:
    """Check each source once. Report a paused one with the command that resumes it."""
    sources = health(app.db).sources if is_ready else ()
    paused = {source.query_id: source.error for source in sources if source.paused}
    polled_ids = {source.query_id for source in sources}
    for query in app.queries:
        finding = _source(app, query, is_known=query.id in polled_ids)
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
        return bad_edge(part, error, f"The steps are in docs/sources/{query.source}.md.")
    result = f"answers; {result}"
    # only a platform that bills has a forecast
    if isinstance(listener, Forecaster) and not app.is_billed(query):
        result += "; no price is set, so no money is counted and no budget stops it"
        hint = (
            f"Copy the [[account]] block with price and budget from docs/sources/{query.source}.md."
        )
        return Finding(part=part, state=LOOK, result=result, hint=hint)
    return Finding(part=part, state=GOOD, result=result)


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
