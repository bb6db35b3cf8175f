"""The commands that run one stage by hand: `earful poll|classify|flag|recheck|deliver|digest`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from commands import arguments
from commands.progress import counting
from earful.settings.errors import SettingsError, nearest
from outreach.rules import Rules
from outreach.words import count
from pipeline import digest as digests
from pipeline.app import App, opened
from pipeline.classify import classify as classify_all
from pipeline.deliver import deliver as deliver_all
from pipeline.flag import flag as flag_all
from pipeline.poll import poll as poll_all
from pipeline.recheck import recheck as recheck_all
from storage import queries
from storage.analysis import predictions
from storage.cases import deliveries
from storage.collecting import polling

cli = typer.Typer()


@cli.command()
def poll(
    once: Annotated[bool, typer.Option("--once", help="Ask every query now, due or not.")] = False,
    resume: Annotated[str | None, typer.Option(help="Take this paused query up again.")] = None,
) -> None:
    """Ask the sources that are due for what is new."""
    with opened() as app:
        ids = [query.id for query in app.queries]
        if resume is not None:
            if resume not in ids:
                raise SettingsError(f"--resume: there is no query {resume!r}{nearest(resume, ids)}")
            polling.resume(app.db, resume)
        if once:
            polling.make_due(app.db, ids)
        if not app.queries:
            print("settings.toml has no [[listen]] block: nothing to poll")
        found = poll_all(
            app.db,
            app.queries,
            clock=app.clock,
            listener_for=app.listener,
            listened=app.brands,
            alert_policy=app.alert_policy,
        )
        print(found)
        for source in queries.health(app.db).sources:
            if source.error and source.query_id in ids:
                print(f"  {source.query_id}: {source.error}", file=sys.stderr)
    sys.exit(1 if found.failed else 0)


@cli.command()
def classify() -> None:
    """Give every mention that the current model has not read its scores."""
    with opened() as app:
        classifier = app.classifier()
        waiting = predictions.count_unclassified(app.db, classifier.model_id)
        started = time.perf_counter()
        with counting("classified", waiting) as advance:
            done = classify_all(app.db, classifier, clock=app.clock, progress=advance)
        took = time.perf_counter() - started
    print(f"{count(done, 'mention')} classified by {classifier.model_id}")
    if done:
        print(f"{done / took:,.0f} mentions per second ({took:.1f} s)")


@cli.command()
def flag(
    every: Annotated[
        bool, typer.Option("--all", help="Whatever their age: an archive, a trial.")
    ] = False,
) -> None:
    """Judge what was classified; open cases for unhappy customers."""
    with opened() as app:
        rules = Rules.of(app.settings.rules, any_age=every)
        with counting("judged") as advance:
            found = flag_all(
                app.db, rules, clock=app.clock, alert_policy=app.alert_policy, progress=advance
            )
    print(found)


@cli.command()
def recheck() -> None:
    """Ask the platforms again about posts that are stored: changed ones, deleted ones."""
    with opened() as app:
        schedule = app.settings.schedule
        found = recheck_all(
            app.db,
            app.queries,
            clock=app.clock,
            listener_for=app.listener,
            every=schedule.recheck,
            within=schedule.recheck_within,
            billed=app.is_billed,
            listened=app.brands,
        )
    print(found)
    sys.exit(1 if found.failed else 0)


@cli.command()
def deliver(
    again: Annotated[bool, typer.Option("--again", help="Also what was given up.")] = False,
) -> None:
    """Send the alerts and digests that are due."""
    with opened() as app:
        if again:
            deliveries.requeue_dead(app.db, channel=None, due_at=app.clock())
        found = deliver_all(app.db, app.notifiers(), clock=app.clock)
    print(found)
    sys.exit(1 if found.put_off or found.dead else 0)


@cli.command()
def digest(
    printed: Annotated[
        bool, typer.Option("--print", help="Show it here; nobody is sent anything.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write digest.txt and .html here.")] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-01 or 2026-11-01T09:00")] = None,
    brand: Annotated[str | None, typer.Option(help="Of this brand alone.")] = None,
) -> None:
    """What support should know since the last digest; sent to the [digest] channels."""
    with opened() as app:
        channels = app.settings.digest.channels
        if not (printed or out) and channels:
            sys.exit(_send_digests(app))
        now = app.clock()
        window = digests.window_for(app.db, channels[0] if channels else None, now)
        chosen = arguments.brand_named(app, brand)
        if since is not None:
            window = arguments.window_until(now, since, chosen)
        brand_id = chosen.id if chosen else None
        message = digests.message(
            app.db, window, app.settings.digest, app.rules, app.queries, brand_id
        )
    if message is None:
        print("nothing happened since the last digest")
        return
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "digest.txt").write_text(message.text, encoding="utf-8")
        (out / "digest.html").write_text(message.html or "", encoding="utf-8")
        print(f"written to {out / 'digest.txt'} and {out / 'digest.html'}")
    if printed or out is None:
        print(message.subject, message.text, sep="\n\n")


def _send_digests(app: App) -> int:
    now = app.clock()
    for channel in app.settings.digest.channels:
        queued = digests.queue(app.db, channel, app.settings.digest, app.rules, app.queries, now)
        print(f"{channel}: {'queued' if queued else 'nothing to tell'}")
    found = deliver_all(app.db, app.notifiers(), clock=app.clock)
    print(found)
    return 1 if found.put_off or found.dead else 0
