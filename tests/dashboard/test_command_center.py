"""The command center, drawn over a real database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from dashboard_world import Visit, World, make

from dashboard import health, words
from earful.settings.load import load
from earful.types import Batch, Seen
from storage import queries
from storage.collecting import ingest, polling


def everything(at: object) -> str:
    """All that stands on the page, as text."""
    kinds = ("title", "header", "subheader", "text", "markdown", "code", "info", "error", "warning")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(at, kind))


def test_figures_stand_against_the_period_before(world: World, visit: Visit) -> None:
    for number in range(6):
        world.say(f"fan{number}", "lovely", positive=0.9, hours=10 + number)
    for number in range(3):
        world.say(f"sad{number}", "awful", negative=0.9, hours=10 + number)
        world.say(f"old{number}", "fine", positive=0.9, hours=24 * 9)
    world.judge()
    page = visit().run()
    page.segmented_control[0].set_value("7d").run()
    assert not page.exception
    figures = {one.label: (one.value, one.delta) for one in page.metric}
    assert figures["Mentions"] == ("9", "+200 %")
    assert figures["Net sentiment"] == ("+33", "-67 points")
    assert figures["Negative share"] == ("33 %", "+33 points")
    assert figures["Unhappy now"] == ("3", "3 new, 0 before")
    assert figures["Overdue"] == ("0", "of 3 waiting")


def test_another_period_is_a_click_away(world: World, visit: Visit) -> None:
    world.say("a", "hello", hours=1)
    world.say("b", "hello", hours=60)
    page = visit().run()
    page.segmented_control[0].set_value("24h").run()
    assert page.metric[0].value == "1"
    page.segmented_control[0].set_value("3d").run()
    assert page.metric[0].value == "2"


def test_the_newest_unhappy_customers_are_shown_with_why(world: World, visit: Visit) -> None:
    world.say("sad", "never again", negative=0.97, name="Maria")
    world.judge()
    shown = everything(visit().run())
    assert "Maria" in shown
    assert "never again" in shown
    assert "97 %" in shown


def test_an_archive_is_shown_up_to_its_newest_mention(world: World, visit: Visit) -> None:
    world.say("a", "long ago", negative=0.9, hours=24 * 400)
    world.say("b", "long ago too", hours=24 * 402)
    page = visit().run()
    assert "The newest mention is from" in page.info[0].value
    assert page.metric[0].value == "2"
    next(button for button in page.button if button.label == "Show today instead").click().run()
    assert page.metric[0].value == "0"
    assert not page.info


def test_mentions_that_wait_for_the_model_are_counted(world: World, visit: Visit) -> None:
    world.say("a", "read me", read=False)
    assert "1 mention is not classified yet" in everything(visit().run())


def test_nothing_heard_yet_says_what_to_run(world: World, visit: Visit) -> None:
    shown = everything(visit().run())
    assert "Nothing collected yet" in shown
    assert "earful up" in shown


def test_a_missing_database_says_what_to_run(tmp_path: Path, visit: Visit) -> None:
    made = make(tmp_path, ready=False)
    page = visit().run()
    assert "Not ready yet" in everything(page)
    assert "there is no such file yet" in everything(page)
    assert not Path(tmp_path / "earful.db").exists(), "looking must not make a database"
    made.db.close()


def test_a_database_without_tables_says_what_to_run(tmp_path: Path, visit: Visit) -> None:
    made = make(tmp_path, ready=False)
    with made.db.read():
        pass
    page = visit().run()
    assert "Not ready yet" in everything(page)
    assert "earful up" in everything(page)
    made.db.close()


def test_missing_settings_say_what_to_do(tmp_path: Path, visit: Visit) -> None:
    page = visit().run()
    assert not page.exception
    assert "there is no such file" in everything(page)


def test_a_failure_shows_a_number_and_no_insides(
    world: World, visit: Visit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.say("a", "hello")

    mention = "never fly with them"

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(mention)

    monkeypatch.setattr(queries, "headline", broken)
    page = visit().run()
    assert not page.exception
    assert "This did not work" in everything(page)
    assert "RuntimeError" in caplog.text
    assert mention not in everything(page) + caplog.text


def test_an_unreadable_address_shows_no_page_without_a_password(
    world: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit import config

    world.say("a", "hello")
    page = visit()
    config.set_option("server.address", "0.0.0.0")
    page.run()
    assert "EARFUL_DASHBOARD_PASSWORD" in everything(page)
    assert not page.metric


def test_problems_are_listed_in_words(world: World) -> None:
    settings = load(world.settings_file)
    (query,) = settings.queries()
    polling.register(world.db, [query])
    polling.record_success(world.db, query.id, at=world.now, due_at=world.now)
    assert health.list_problems(queries.health(world.db), settings, world.now) == ()
    later = world.now + timedelta(hours=2)
    (stopped,) = health.list_problems(queries.health(world.db), settings, later)
    assert "1 source was not polled for 2 h past the due time" in stopped
    polling.record_failure(world.db, query.id, at=later, due_at=later, error="503 from **x**")
    (failed,) = health.list_problems(queries.health(world.db), settings, later)
    assert ": no mentions yet; failed 1 time in a row" in failed
    seen = Seen(since=world.now - timedelta(hours=3), until=world.now - timedelta(hours=1))
    batch = Batch(mentions=(), position="1", seen=(seen,))
    ingest.store(world.db, query, batch, lambda _one: (), world.now)
    (failed,) = health.list_problems(queries.health(world.db), settings, later)
    coverage = f"no mentions since {words.format_time(seen.until, 'Europe/Athens', later)}"
    assert f": {coverage}; failed 1 time in a row, retries by itself (503 from **x**)" in failed
    polling.record_success(world.db, query.id, at=world.now, due_at=world.now)
    polling.postpone(
        world.db, query.id, at=later, due_at=later + timedelta(days=1), error="budget spent"
    )
    (waits,) = health.list_problems(queries.health(world.db), settings, later)
    tomorrow = words.format_time(later + timedelta(days=1), "Europe/Athens", later)
    assert waits.endswith(
        f"{coverage}; waits, and continues by itself at {tomorrow} (budget spent)"
    )
    polling.postpone(
        world.db, query.id, at=later, due_at=later + timedelta(minutes=15), error="limit"
    )
    assert health.list_problems(queries.health(world.db), settings, later) == ()
    polling.pause(world.db, query.id, error="401: the token is wrong")
    (paused,) = health.list_problems(queries.health(world.db), settings, later + timedelta(days=1))
    resume = f"`earful poll --resume {query.id}`"
    assert f"paused: fix the cause, then run {resume} (401: the token is" in paused


def test_a_query_that_settings_dropped_is_no_problem(world: World) -> None:
    world.say("a", "hello", source="gone")
    settings = load(world.settings_file)
    polling.pause(world.db, "gone/acme-air", error="forbidden")
    assert health.list_problems(queries.health(world.db), settings, world.now) == ()
