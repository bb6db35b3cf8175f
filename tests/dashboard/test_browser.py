"""The real server and a real browser: nothing leaves the machine, nothing hostile comes alive."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dashboard_browsing import (
    PATIENCE,
    Visitor,
    answers,
    dashboard,
    note,
    serving,
    until,
)
from dashboard_world import World, make, scores
from playwright.sync_api import Browser, Route, expect, sync_playwright
from ports import free_port

from dashboard.safe import clean, one_line
from earful.case_states import CaseStatus
from earful.judgements import Reading
from earful.settings.load import load
from storage import queries
from storage.views import CaseView, QueueFilter

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE * 1000)
NOTE = "What should colleagues know?"
HOSTILE = (
    "<script>window.hacked=1;alert(1)</script><img src=x onerror=alert(2)> "
    "[click](javascript:alert(3)) ![i](https://evil.example/i.png) **bold** :smile: "
    ":red[colour] $x^2$ https://evil.example/autolink `code` \u202egnp.exe\u202c " + "w" * 400
)
READING = Reading(
    scores=scores(0.97),
    toward=scores(0.97),
    intents={"complaint": 0.9, "leaving": 0.8},
    reasons={"late": 0.9, "staff": 0.7},
    irony=0.9,
    ironic=True,
)
ASKED = Reading(scores=scores(0.1), toward=scores(0.1), intents={"question": 0.9, "praise": 0.7})
SCRIPT = """
import json, sys
from pathlib import Path
import streamlit as st
from dashboard.safe import clean, label
for at, text in enumerate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))):
    with st.container(key=f"text-{at}"):
        st.text(clean(text))
    with st.container(key=f"label-{at}"):
        st.info("Says " + label(text, 5000))
        st.button(label(text, 5000), key=f"button-{at}")
st.text("all there")
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium on the PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            timeout=PATIENCE * 1000,
        )
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Callable[[str], Visitor]]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE * 1000)

    def come(base: str) -> Visitor:
        found = Visitor(page=context.new_page(), base=base)

        def look(route: Route) -> None:
            if urlsplit(route.request.url).hostname in ("127.0.0.1", None):
                route.continue_()
            else:
                found.outside.append(route.request.url)
                route.abort()

        found.page.route("**/*", look)
        found.page.on("websocket", lambda one: note(one.url, found.outside))
        found.page.on("dialog", lambda one: (found.dialogs.append(one.message), one.dismiss()))
        return found

    yield come
    context.close()


@pytest.fixture
def lively(tmp_path: Path) -> Iterator[World]:
    """A world whose pages look again every two seconds."""
    made = make(tmp_path, port=free_port(), refresh="2s")
    for number in range(30):
        made.say(f"fan{number}", "lovely crew", positive=0.9, hours=number * 5)
    made.say("hostile", HOSTILE, reading=READING, name="<b>Bob</b> **B** :smile:", shares=40)
    made.say("asks", f"Asked: {HOSTILE}", reading=ASKED, name="[Bo](javascript:alert(4))")
    made.say("عميل", "شركة سيئة جدا، ألغوا رحلتي", negative=0.9, hours=30)
    made.judge()
    yield made
    made.db.close()


def case_of(world: World, handle: str) -> CaseView:
    """The case of the author who is called so."""
    found = queries.queue(world.db, QueueFilter(statuses=tuple(CaseStatus)))
    return next(one for one in found if one.handle == handle)


def test_the_pages_are_calm_and_closed(
    lively: World, visitor: Callable[[str], Visitor], tmp_path: Path
) -> None:
    with dashboard(lively) as base:
        came = visitor(base)
        page = came.go("/")
        expect(page.get_by_role("heading", name="Acme Air")).to_be_visible()
        expect(page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg")).to_have_count(4)
        expect(page.get_by_text("**bold** :smile:").first).to_be_visible()
        came.check_harmless()
        came.check_no_sideways_scroll()
        page.screenshot(path=tmp_path / "command-center.png", full_page=True)
        # it looks again by itself, and the chosen period stays chosen
        page.get_by_text("3 days", exact=True).click()
        expect(page.get_by_text("The last 3 days, against")).to_be_visible()
        lively.say("late", "my bags are gone", negative=0.98, hours=0.01)
        lively.judge()
        expect(page.get_by_text("my bags are gone")).to_be_visible()
        expect(page.get_by_text("The last 3 days, against")).to_be_visible()
        # and leads to the case on the other page
        page.get_by_role("link", name="Open the case").first.click()
        expect(page.get_by_role("heading", name="Unhappy customers")).to_be_visible()
        expect(page).to_have_url(re.compile(r"/unhappy\?case=\d+$"))
        number = case_of(lively, "hostile").id
        page.get_by_role("button", name=f"Open case {number}", exact=True).click()
        expect(page.locator(".st-key-person")).to_contain_text("<b>Bob</b> **B** :smile:")
        assert page.locator(".st-key-person b, .st-key-person strong").count() == 0
        came.check_harmless()
        came.check_no_sideways_scroll()
        page.screenshot(path=tmp_path / "unhappy.png", full_page=True)


@pytest.mark.parametrize("width", [390, 1280])
def test_readings_and_lists_are_calm_on_every_screen(
    lively: World, visitor: Callable[[str], Visitor], tmp_path: Path, width: int
) -> None:
    with dashboard(lively) as base:
        came = visitor(base)
        came.page.set_viewport_size({"width": width, "height": 900})
        page = came.go("/")
        # a reason leads to the customers that it counts
        page.get_by_role("link", name="Delay").click()
        expect(page.get_by_text("First complained from")).to_be_visible()
        expect(page).to_have_url(re.compile(r"reason=late"))
        expect(page.get_by_role("button", name="Open case")).to_have_count(1)
        expect(page.get_by_text("Negative toward Acme Air, 97 %")).to_be_visible()
        page.get_by_role("button", name="The reading").click()
        expect(page.get_by_text("Model test-reader/1")).to_be_visible()
        came.check_harmless()
        came.check_no_sideways_scroll()
        page = came.go("/questions")
        expect(page.get_by_text("Asked: <script>")).to_be_visible()
        page.get_by_label("Your name, so that colleagues see").first.fill("Maria")
        page.get_by_role("button", name="Use this name").first.click()
        page.get_by_role("button", name="Answered").click()
        expect(page.get_by_text("Marked as answered")).to_be_visible()
        came.check_harmless()
        came.check_no_sideways_scroll()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("Asked: <script>")).to_be_visible()
        page.screenshot(path=tmp_path / "questions.png", full_page=True)


def test_an_agent_works_a_case(
    lively: World, visitor: Callable[[str], Visitor], tmp_path: Path
) -> None:
    with dashboard(lively) as base:
        came = visitor(base)
        page = came.go(f"/unhappy?case={case_of(lively, 'hostile').id}")
        page.get_by_label("Your name, so that colleagues see").first.fill("Maria")
        page.get_by_role("button", name="Use this name").first.click()
        page.get_by_role("button", name="Take it").click()
        expect(page.get_by_text("You have this case.")).to_be_visible()
        page.get_by_label(NOTE).fill("rang twice <i>no answer</i>")
        page.get_by_role("button", name="Add note").click()
        expect(page.get_by_text("Maria noted")).to_be_visible()
        # for a moment the form stands there twice, with the words and without
        page.wait_for_function(
            """label => {
                const forms = document.querySelectorAll(`textarea[aria-label="${label}"]`);
                return forms.length === 1 && forms[0].value === "";
            }""",
            arg=NOTE,
        )
        expect(page.get_by_text("rang twice <i>no answer</i>")).to_be_visible()
        page.get_by_role("button", name="I contacted them").click()
        expect(page.get_by_text("Maria contacted the customer")).to_be_visible()
        page.get_by_role("button", name="Resolve", exact=True).click()
        expect(page.get_by_text("This case is resolved.")).to_be_visible()
        came.check_harmless()
        page.screenshot(path=tmp_path / "resolved.png", full_page=True)
        case = case_of(lively, "hostile")
        assert (case.status, case.assignee) == (CaseStatus.RESOLVED, "Maria")


def test_sign_in_stands_before_every_page(
    lively: World, visitor: Callable[[str], Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_DASHBOARD_PASSWORD", "correct horse")
    with dashboard(lively) as base:
        came = visitor(base)
        for path in ("/unhappy?case=1", "/unhappy", "/command_center", "/"):
            page = came.go(path)
            expect(page.get_by_label("Password", exact=True)).to_be_visible()
            assert page.get_by_text("Bob").count() == 0
        page.get_by_label("Your name").fill("Maria")
        page.get_by_label("Password", exact=True).fill("correct horse")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Acme Air")).to_be_visible()
        page.get_by_role("button", name="You: Maria").click()
        page.get_by_role("link", name="Sign out").click()
        expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_other_names_for_this_machine_are_refused(lively: World) -> None:
    """A page elsewhere may point its own name at 127.0.0.1 and speak to us through a browser."""
    with dashboard(lively) as base:
        port = urlsplit(base).port
        assert port is not None
        assert _handshake(port, f"127.0.0.1:{port}", f"http://127.0.0.1:{port}") == 101
        assert _handshake(port, f"evil.example:{port}", f"http://evil.example:{port}") == 403
        assert _handshake(port, f"127.0.0.1:{port}", "http://evil.example") == 403
        assert _handshake(port, f"127.0.0.1:{port}", "http://127.0.0.1:9") == 403


def test_streamlits_other_endpoints_are_closed(lively: World) -> None:
    """An upload would lie in memory, 200 MB each; nobody uses the others."""
    with dashboard(lively) as base:
        port = urlsplit(base).port
        assert port is not None
        assert _status(port, "PUT", "/_stcore/upload_file/a/b") == 405
        assert _status(port, "GET", "/_stcore/metrics") == 404
        assert _status(port, "GET", "/_stcore/agent/openapi.json") == 404
        assert _status(port, "GET", "/unhappy") == 200


def _status(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body=b"x" if method == "PUT" else None)
        return connection.getresponse().status
    finally:
        connection.close()


def _handshake(port: int, host: str, origin: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {
        "Host": host,
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "streamlit",
    }
    try:
        connection.request("GET", "/_stcore/stream", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_server_ends_with_its_parent_process(lively: World, tmp_path: Path) -> None:
    port = load(lively.settings_file).dashboard.port
    code = (
        "import sys, time; from pathlib import Path; from dashboard import launch; "
        "from earful.settings.load import load; file = Path(sys.argv[1]); "
        "launch.start_server(load(file), settings_file=file); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(lively.settings_file)])
    try:
        until(lambda: answers(port), "the server's first answer")
    finally:
        os.kill(starter.pid, signal.SIGKILL)
        starter.wait(timeout=PATIENCE)
    until(lambda: not answers(port), "the end of the server")


def test_no_hostile_text_becomes_markup(
    hostile_file: Path, visitor: Callable[[str], Visitor], tmp_path: Path
) -> None:
    texts = [*json.loads(hostile_file.read_text(encoding="utf-8")), HOSTILE]
    texts = [text for text in texts if clean(text)]
    wanted = tmp_path / "texts.json"
    wanted.write_text(json.dumps(texts), encoding="utf-8")
    script = tmp_path / "show.py"
    script.write_text(SCRIPT, encoding="utf-8")
    port = free_port()
    line = [sys.executable, "-m", "dashboard.serve", str(script), f"--server.port={port}"]
    line += ["--server.address=127.0.0.1", "--server.headless=true"]
    line += ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none", "--", str(wanted)]
    with serving(subprocess.Popen(line), port) as base:
        came = visitor(base)
        page = came.go("/")
        expect(page.get_by_text("all there")).to_be_visible()
        # Streamlit draws no paragraph in a button whose label holds invisible characters only
        visible_labels = sum(bool(one_line(text, 5000)) for text in texts)
        for kind, number in (
            (".stText", len(texts)),
            (".stAlert p", len(texts)),
            ("button p", visible_labels),
        ):
            expect(page.locator(f"[class*=st-key-] {kind}")).to_have_count(number)
        shown = page.evaluate(
            """number => [...Array(number).keys()].map(at => {
                const text = document.querySelector('.st-key-text-' + at + ' .stText');
                const label = document.querySelector('.st-key-label-' + at + ' .stAlert p');
                const key = '.st-key-label-' + at;
                const button = document.querySelector(key + ' button p')
                    || document.querySelector(key + ' button');
                const marks = 'a,img,svg,code,em,strong,del,h1,h2,h3,ul,ol,table,hr,script,iframe,'
                    + 'blockquote,input,.katex,[class*=icon]';
                return [text.textContent, text.querySelectorAll(marks).length,
                    label.textContent, label.querySelectorAll(marks).length,
                    button.textContent, button.querySelectorAll(marks).length];
            })""",
            len(texts),
        )
        came.check_harmless()
    for text, (plain, plain_marks, *labelled) in zip(texts, shown, strict=True):
        assert (plain, plain_marks) == (clean(text), 0), ascii(text)
        line = one_line(text, 5000)
        expected = (f"Says {line}".strip(), line)
        for words, (label_words, marks) in zip(expected, (labelled[:2], labelled[2:]), strict=True):
            assert marks == 0, (ascii(text), ascii(label_words))
            assert unjoined(label_words) == unjoined(words), ascii(text)


def unjoined(text: str) -> str:
    """Without the invisible joiners that labels are full of."""
    return text.replace("\u2060", "")
