"""An empty page says why it is empty, and what to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from dashboard_world import Visit, World

from dashboard.silence import explain_silence
from earful.settings.load import Settings, load
from earful.types import Batch, Rejected
from storage import queries
from storage.collecting import ingest, polling
from storage.entities import brands

LISTEN = '[[listen]]\nsource = "x"\nbrand = "Acme Air"\n'


def _shown(visit: Visit) -> str:
    page = visit().run()
    assert not page.exception
    return "\n".join([text.value for text in page.text] + [code.value for code in page.code])


def _reasons(world: World, settings: Settings) -> tuple[str, ...]:
    return explain_silence(queries.health(world.db), settings, world.now)


def _change(world: World, old: str, new: str) -> Settings:
    text = world.settings_file.read_text(encoding="utf-8")
    assert old in text
    world.settings_file.write_text(text.replace(old, new), encoding="utf-8")
    return load(world.settings_file)


def test_no_listen_block(world: World, visit: Visit) -> None:
    _change(world, LISTEN, "")
    assert "settings.toml has no [[listen]] block" in _shown(visit)


def test_every_source_switched_off(world: World) -> None:
    settings = _change(world, LISTEN, LISTEN + "enabled = false\n")
    assert "switched off" in _reasons(world, settings)[0]


def test_a_source_that_was_never_polled(world: World, visit: Visit) -> None:
    shown = _shown(visit)
    assert "1 source has not been polled yet. Is `earful up` running?" in shown
    assert "earful doctor" in shown


def test_a_paused_source_shows_its_error_and_the_command(world: World, visit: Visit) -> None:
    (query,) = load(world.settings_file).queries()
    polling.register(world.db, [query])
    polling.pause(world.db, query.id, error="EARFUL_X_BEARER_TOKEN is not set")
    shown = _shown(visit)
    assert "paused: fix the cause, then run `earful poll --resume x/acme-air`" in shown
    assert "EARFUL_X_BEARER_TOKEN is not set" in shown


def test_items_that_could_not_be_read(world: World) -> None:
    settings = load(world.settings_file)
    (query,) = settings.queries()
    polling.register(world.db, [query])
    items = tuple(Rejected(where=f"item {n}", reason="no text", raw="{}") for n in range(3))
    batch = Batch(mentions=(), position="1", rejected=items)
    ingest.store(world.db, query, batch, lambda _mention: (), world.now)
    polling.record_success(world.db, query.id, at=world.now, due_at=world.now)
    assert "x/acme-air: 3 items could not be read" in _reasons(world, settings)[0]


def test_sources_that_answer_are_said_to_answer(world: World) -> None:
    settings = load(world.settings_file)
    (query,) = settings.queries()
    polling.register(world.db, [query])
    polling.record_success(
        world.db, query.id, at=world.now, due_at=world.now + timedelta(minutes=5)
    )
    assert _reasons(world, settings) == (
        "1 source answers, and no post names the brand yet. Last poll: just now.",
    )


def test_mentions_that_nothing_classifies(world: World, visit: Visit) -> None:
    world.say("a", "my bags are gone", read=False)
    shown = _shown(visit)
    assert "1 mention waits to be classified. Is `earful up` running?" in shown
    polling.record_stage_run(
        world.db, "classify", started_at=world.now, finished_at=world.now, summary=""
    )
    assert "waits to be classified" not in _shown(visit)


def test_a_brand_that_is_not_stored_yet_is_no_missing_brand(world: World, visit: Visit) -> None:
    """settings.toml names a brand, and `earful up` has not started since."""
    _change(world, "Acme Air", "Newcomer")
    assert "has not been polled yet" in _shown(visit)


def test_a_former_brand_is_not_shown_first(world: World, visit: Visit) -> None:
    from earful.types import Brand

    brands.add_missing(world.db, [Brand(id="aaa-demo", name="AAA Demo")])
    world.say("a", "lovely crew", positive=0.9)
    page = visit().run()
    assert [title.value for title in page.title] == ["Acme Air"]
    assert not page.selectbox, "one brand needs no choice"


@pytest.mark.parametrize("command", ["./run", "/srv/earful/.venv/bin/earful"])
def test_commands_are_named_as_they_were_typed(
    world: World, visit: Visit, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("EARFUL_COMMAND", command)
    assert f"{command} doctor" in _shown(visit)


def test_an_error_in_settings_shows_its_line(world: World, visit: Visit, tmp_path: Path) -> None:
    text = world.settings_file.read_text(encoding="utf-8")
    world.settings_file.write_text(text + "[rules]\nlook_back = 14d\n", encoding="utf-8")
    assert "look_back = 14d\n" in _shown(visit)
