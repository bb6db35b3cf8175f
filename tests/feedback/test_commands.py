"""`earful feedback …`, its settings, and the way of an answer into the database."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from front_world import PATIENCE, SITE, Front, environment, process, settings_in

import listeners
from earful import clock as wall
from earful.clock import Window
from earful.settings.errors import SettingsError
from earful.settings.load import load
from feedback.app import build
from pipeline.app import open_app
from pipeline.poll import poll
from storage import queries

DOCS = Path(__file__).parents[2] / "docs" / "sources"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from commands.main import main; main()", "feedback", *words]
    return subprocess.run(
        line, env=environment(folder), capture_output=True, text=True, timeout=120
    )


def test_token_gives_what_to_paste(tmp_path: Path) -> None:
    extra = 'url = "https://ask.kestrova.example/"'
    front = Front(settings_in(tmp_path, feedback=extra))
    told = run(tmp_path, "token", "shop").stdout
    assert "its page: https://ask.kestrova.example/f/shop" in told
    assert f"{SITE}:\n" in told
    (line,) = re.findall(r"<script.*</script>", told)
    assert 'src="https://ask.kestrova.example/widget.js" data-form="shop"' in line
    assert f'data-token="{front.token("shop", SITE)}" defer>' in line
    assert "no site may show it" in run(tmp_path, "token", "faces").stdout
    wrong = run(tmp_path, "token", "shpo")
    assert wrong.returncode == 1
    assert "there is no [[form]] 'shpo' (did you mean 'shop'?)" in wrong.stderr


def test_an_answer_reaches_the_database_which_the_service_never_opens(tmp_path: Path) -> None:
    front = Front(settings_in(tmp_path), clock=wall.now)
    with process(front, tmp_path) as service:
        assert front.send(rating=1, why="the crate arrived broken").status_code == 201
        assert front.hook({"ticket": {"body": "no answer", "number": 7}}).status_code == 202
        assert not (tmp_path / "data" / "earful.db").exists()
        service.send_signal(signal.SIGTERM)
        assert service.wait(PATIENCE) == 0
    app = open_app(front.settings)
    found = poll(app.db, app.queries, clock=app.clock, listener_for=app.listener)
    window = Window.last(timedelta(days=1), app.clock() + timedelta(minutes=15))
    by_source = queries.by_source(app.db, "kestrova", window)
    app.db.close()
    assert (found.new, found.failed, found.rejected) == (2, 0, 0)
    heard = {one.source: one.counts.mentions for one in by_source}
    assert heard == {"feedback": 1, "webhook": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('sites = ["www.kestrova.example"]', "write it as https://www.example.com"),
        ('sites = ["https://kestrova.example/shop"]', "has a path"),
        ('sites = ["https://ann:pw@kestrova.example"]', "is not a site"),
        ('sites = ["https://άνεμος.example"]', "type location.origin into the browser's console"),
        ('sites = ["https://*.kestrova.example"]', "* is not understood, name each site"),
        ('sites = ["https://kestrova.example:99999"]', "port out of range"),
        ('question = "stars"', "should be 'nps' or 'faces'"),
        ('tokne = "x"', "unknown key 'tokne'"),
        ('name = "My Form"', "[[form]] 1 name"),
    ],
)
def test_a_wrong_form_is_named(tmp_path: Path, text: str, said: str) -> None:
    name = "" if text.startswith("name") else 'name = "a"'
    file = tmp_path / "settings.toml"
    file.write_text(f'[[brand]]\nname = "B"\n[[form]]\nbrand = "B"\n{name}\n{text}\n')
    with pytest.raises(SettingsError) as error:
        load(file)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://www.kestrova.example:443/", "https://www.kestrova.example"),
        ("HTTP://Kestrova.Example:80", "http://kestrova.example"),
        ("https://kestrova.example:8443", "https://kestrova.example:8443"),
        ("https://xn--hxakic4aa.example", "https://xn--hxakic4aa.example"),
        ("http://[::1]:8600", "http://[::1]:8600"),
    ],
)
def test_a_site_is_known_as_browsers_name_it(tmp_path: Path, written: str, sent: str) -> None:
    assert settings_in(tmp_path, sites=(written,)).form[0].sites == (sent,)


def test_blocks_that_do_not_fit_each_other(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    form = '[[form]]\nname = "a"\nbrand = "B"\n'
    for text, said in (
        (form, "[[form]] 1: there is no brand 'B'"),
        (f'[[brand]]\nname = "B"\n{form}{form}', "[[form]] 2: 'a' is there twice"),
        ('[[brand]]\nname = "B"\n[[hook]]\nname = "h"\nbrand = "C"', "[[hook]] 1: there is no"),
        ('[feedback]\ntrusted_proxies = ["*"]', "is no address"),
    ):
        file.write_text(text)
        with pytest.raises(SettingsError, match=re.escape(said)):
            load(file)


def test_each_form_and_hook_is_listened_to(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    found = {query.id: query for query in settings.queries()}
    assert set(found) == {
        "feedback/kestrova/shop",
        "feedback/kestrova/faces",
        "webhook/kestrova/help-desk",
    }
    inbox = str(tmp_path / "data" / "inbox")  # beside the settings, wherever it is run
    assert found["feedback/kestrova/shop"].options == {"form": "shop", "inbox": inbox}


@pytest.mark.parametrize("name", ["EARFUL_FEEDBACK_SECRET", "EARFUL_HOOK_HELP_DESK_SECRET"])
@pytest.mark.parametrize("value", [None, "short"])
def test_a_missing_secret_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    settings = settings_in(tmp_path)
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"needs {name} with at least 16 characters"):
        build(settings)


def test_nothing_to_serve_is_said(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[[brand]]\nname = "B"\n')
    with pytest.raises(SettingsError, match="there is nothing to serve"):
        build(load(file))


@pytest.mark.parametrize("source", ["feedback", "webhook"])
def test_what_the_docs_say_can_be_pasted(tmp_path: Path, source: str) -> None:
    page = (DOCS / f"{source}.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    settings = load(file)
    (query,) = settings.queries()
    listeners.check_query(query)
    assert query.source == source
