"""The commands that run one stage by hand: `earful poll|classify|flag|recheck|deliver|digest`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from commands import arguments
from commands.progress import counting
from earful.messages import Message
from earful.settings.errors import SettingsError, nearest
from outreach.words import count
from pipeline import digest as digests
from pipeline.app import App, opened
from pipeline.deliver import Delivered
from pipeline.stages import Stages
from storage import export_log, queries
from storage.analysis import predictions
from storage.cases import deliveries
from storage.collecting import polling

cli = typer.Typer()


@cli.command()
def poll(
    poll_all: Annotated[
        bool, typer.Option("--once", help="Poll every query now, due or not.")
    ] = False,
    resume: Annotated[str | None, typer.Option(help="Resume this paused query.")] = None,
) -> None:
    """Poll the sources that are due for new mentions."""
    with opened() as app:
        ids = [query.id for query in app.queries]
        if resume is not None:
            if resume not in ids:
                raise SettingsError(f"--resume: there is no query {resume!r}{nearest(resume, ids)}")
            polling.resume(app.db, resume)
        if poll_all:
            polling.make_due(app.db, ids)
        if not app.queries:
            print("settings.toml has no [[listen]] block: nothing to poll")
        polled = Stages(app).poll()
        print(polled)
        for source in queries.health(app.db).sources:
            if source.error and source.query_id in ids:
                print(f"  {source.query_id}: {source.error}", file=sys.stderr)
    sys.exit(1 if polled.failed else 0)


@cli.command()
def classify() -> None:
    """Classify every mention that the current model has not read."""
    with opened() as app:
        stages = Stages(app)
        model_id = stages.classifier.model_id
        waiting = predictions.count_unclassified(app.db, model_id)
        started = time.perf_counter()
        with counting("classified", waiting) as advance:
            mentions = stages.classify(progress=advance).mentions
        seconds = time.perf_counter() - started
    print(f"{count(mentions, 'mention')} classified by {model_id}")
    if mentions:
        print(f"{mentions / seconds:,.0f} mentions per second ({seconds:.1f} s)")


@cli.command()
def flag(
    any_age: Annotated[
        bool, typer.Option("--all", help="Mentions of any age: an archive, a trial.")
    ] = False,
) -> None:
    """Judge classified mentions; open cases for unhappy customers."""
    with opened() as app, counting("judged") as advance:
        flagged = Stages(app).flag(any_age=any_age, progress=advance)
    print(flagged)


@cli.command()
def recheck() -> None:
    """Ask the platforms about stored posts: edited ones, deleted ones."""
    with opened() as app:
        rechecked = Stages(app).recheck()
    print(rechecked)
    sys.exit(1 if rechecked.failed else 0)


@cli.command()
def deliver(
    retry_dead: Annotated[
        bool, typer.Option("--again", help="Also the messages that were given up.")
    ] = False,
) -> None:
    """Send the alerts and digests that are due."""
    with opened() as app:
        if retry_dead:
            deliveries.requeue_dead(app.db, channel=None, due_at=app.clock())
        delivered = Stages(app).deliver()
    print(delivered)
    # A message that was put off is not delivered yet, and a script should know.
    sys.exit(_status(delivered))


@cli.command()
def digest(
    printed: Annotated[
        bool, typer.Option("--print", help="Show it here and send it to no channel.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write digest.txt and .html here.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="2026-11-01 or 2026-11-01T09:00")] = None,
    brand: Annotated[str | None, typer.Option(help="Of this brand alone.")] = None,
) -> None:
    """Report the news for support since the last digest; sent to the [digest] channels."""
    with opened() as app:
        channels = app.settings.digest.channels
        # Showing a digest must not count as sending it: the next one would leave its news out.
        if not (printed or folder) and channels:
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
        if folder is not None:
            _write_digest(app, folder, message)
    if printed or folder is None:
        print(message.subject, message.text, sep="\n\n")


def _write_digest(app: App, folder: Path, message: Message) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("digest.txt", message.text), ("digest.html", message.html or "")):
        (folder / name).write_text(text, encoding="utf-8")
        # `earful erase` empties the digests that name an erased person
        export_log.log_file(
            app.db, folder / name, export_log.DIGEST, by=arguments.current_user(), at=app.clock()
        )
    print(f"written to {folder / 'digest.txt'} and {folder / 'digest.html'}")


def _send_digests(app: App) -> int:
    """Queue a digest for every channel now, at any hour, and send it; returns the status."""
    now = app.clock()
    for channel in app.settings.digest.channels:
        queued = digests.queue(app.db, channel, app.settings.digest, app.rules, app.queries, now)
        print(f"{channel}: {'queued' if queued else 'nothing to tell'}")
    delivered = Stages(app).deliver()
    print(delivered)
    return _status(delivered)


def _status(delivered: Delivered) -> int:
    """Return 1 when a message was not delivered, or is still being sent by a channel that hangs."""
    return 1 if delivered.put_off or delivered.dead or delivered.under_way else 0
