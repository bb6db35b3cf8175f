"""The pop-up and the page in a real browser, on a site that lets nothing else in."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# the loopback server is shared with the contract suite
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

import pytest
from front_world import PATIENCE, Front, serving, settings_in
from loopback import Asked, Reply, Site, serve
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE * 1000)

LOOKS = """one => {
  const looks = [one, ...one.querySelectorAll("*")].map(each => {
    const {opacity, visibility, color, backgroundColor, letterSpacing, textTransform} =
      getComputedStyle(each);
    const {width, height} = each.getBoundingClientRect();
    return {opacity, visibility, color, backgroundColor, letterSpacing, textTransform,
      width: Math.round(width), height: Math.round(height)};
  });
  return JSON.stringify(looks);
}"""


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


@dataclass
class Shop:
    """A shop's own site, with the pop-up in its pages, under a policy that allows no more."""

    front: Front
    site: Site
    language: str = "en"
    form: str = "shop"
    body: str = ""
    complaints: list[str] = field(default_factory=list)

    def page(self, _asked: Asked) -> Reply:
        token = self.front.token(self.form, self.site.url)
        script = (
            f'<script src="{self.front.base}/widget.js" data-form="{self.form}" '
            f'data-token="{token}" defer></script>'
        )
        html = (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8">'
            f'<title>Shop</title><link rel="icon" href="data:,">{"" if self.body else script}'
            f'</head><body><a href="#top">Shop</a>{self.body}</body></html>'
        )
        policy = (
            f"default-src 'none'; script-src {self.front.base}; connect-src {self.front.base}; "
            f"frame-src {self.front.base}; img-src data:"
        )
        headers = {"Content-Type": "text/html", "Content-Security-Policy": policy}
        return Reply(body=html.encode(), headers=headers)

    def visit(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.on("console", lambda one: self.complaints.append(one.text))
        page.on("pageerror", lambda one: self.complaints.append(str(one)))
        page.goto(self.site.url)
        return page


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with serve() as site:
        many = {"per_minute": 50, "per_hour": 50}
        front = Front(settings_in(tmp_path, sites=(site.url,), **many))
        with serving(front):
            made = Shop(front, site)
            site.script = made.page
            yield made


def come(chromium: Browser, **how: Any) -> BrowserContext:
    """A visitor with patience, and with what else a browser may be told."""
    context = chromium.new_context(**how)
    context.set_default_timeout(PATIENCE * 1000)
    return context


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    context = come(chromium)
    yield context
    context.close()


def test_a_visitor_answers_with_the_keyboard_alone(shop: Shop, visitor: BrowserContext) -> None:
    page = shop.visit(visitor)
    box = page.get_by_role("dialog", name="How likely are you to recommend Kestrova")
    expect(box).to_be_visible()
    assert page.evaluate("document.activeElement.tagName") == "BODY"  # it takes no focus away
    keys = page.keyboard
    for _ in range(3):  # the shop's link, the closing button, the scale
        keys.press("Tab")
    keys.press("Space")
    for _ in range(9):
        keys.press("ArrowRight")
    keys.press("Tab")
    keys.type("<b>the crew</b> & {{ more }}")
    keys.press("Tab")
    keys.type("ann@mail.example")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_text("Thank you. Your answer has reached us.")).to_be_focused()
    (line,) = shop.front.lines()
    assert (line["rating"], line["why"]) == (9, "<b>the crew</b> & {{ more }}")
    assert line["email"] == "ann@mail.example"
    assert shop.complaints == []  # no policy was broken, no error was met
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("dialog").count() == 0


@pytest.mark.parametrize("how", ["Escape", "button"])
def test_who_closes_it_is_not_asked_again(shop: Shop, visitor: BrowserContext, how: str) -> None:
    page = shop.visit(visitor)
    close = page.get_by_role("button", name="Close")
    close.focus()
    page.keyboard.press("Escape") if how == "Escape" else close.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("dialog").count() == 0
    assert shop.front.lines() == []


def test_it_speaks_the_pages_language_in_its_direction(shop: Shop, visitor: BrowserContext) -> None:
    shop.language = "ar-EG"
    box = shop.visit(visitor).get_by_role("dialog")
    expect(box).to_have_attribute("dir", "rtl")
    expect(box.get_by_role("button", name="إرسال")).to_be_visible()
    where = box.bounding_box()
    assert where and where["x"] < 100  # the corner where reading ends


@pytest.mark.parametrize("wish", ["reduce", "no-preference"])
def test_it_moves_only_where_that_is_welcome(chromium: Browser, shop: Shop, wish: str) -> None:
    context = come(chromium, reduced_motion=wish)
    box = shop.visit(context).get_by_role("dialog")
    expect(box).to_be_visible()
    moves = box.evaluate("one => getComputedStyle(one).animationName")
    assert moves == ("none" if wish == "reduce" else "i")
    context.close()


def test_it_says_when_an_answer_could_not_be_kept(shop: Shop, visitor: BrowserContext) -> None:
    page = shop.visit(visitor)
    page.get_by_role("radio", name="0", exact=True).check()
    inbox = shop.front.settings.feedback.inbox
    inbox.rmdir()
    inbox.write_text("")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("could not be kept just now")).to_be_visible()
    inbox.unlink()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Thank you.")).to_be_visible()
    assert [line["rating"] for line in shop.front.lines()] == [0]


def test_where_it_cannot_ask_it_offers_the_page(shop: Shop, visitor: BrowserContext) -> None:
    visitor.route("**/texts*", lambda route: route.abort())
    link = shop.visit(visitor).get_by_role("link", name="Feedback")
    expect(link).to_have_attribute("href", f"{shop.front.base}/f/shop")


def test_words_that_nobody_thanked_for_stay_and_count_once(
    shop: Shop, visitor: BrowserContext
) -> None:
    page = shop.visit(visitor)
    page.get_by_role("radio", name="7").check()
    words, send = page.get_by_label("main reason"), page.get_by_role("button", name="Send")
    words.fill("a long story")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    visitor.route("**/f/shop", lose_the_answer)
    send.click()
    expect(page.get_by_text("Please try again in a moment")).to_be_visible()
    expect(page.get_by_role("link", name="Give feedback")).to_be_visible()
    expect(words).to_have_value("a long story")
    visitor.unroute("**/f/shop")
    send.click()
    expect(page.get_by_text("Thank you.")).to_be_visible()
    first, second = shop.front.lines()
    assert first["id"] == second["id"], "it is one answer"
    assert second["why"] == "a long story"


def test_a_refusal_takes_the_keyboard_from_nobody(shop: Shop, visitor: BrowserContext) -> None:
    page = shop.visit(visitor)
    page.get_by_role("radio", name="7").check()
    answer = {"status": 503, "headers": {"Access-Control-Allow-Origin": shop.site.url}}
    visitor.route("**/f/shop", lambda route: route.fulfill(**answer))
    page.get_by_role("button", name="Send").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("could not be kept just now")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_pressing_twice_sends_once(shop: Shop, visitor: BrowserContext) -> None:
    page, sent = shop.visit(visitor), []
    page.on("request", lambda one: sent.append(one.method) if one.method == "POST" else None)
    page.get_by_role("radio", name="4").check()
    page.get_by_role("button", name="Send").dblclick()
    expect(page.get_by_text("Thank you.")).to_be_visible()
    assert sent == ["POST"]


def test_the_pages_shortcuts_take_no_letters(shop: Shop, visitor: BrowserContext) -> None:
    page = shop.visit(visitor)
    page.evaluate(
        "document.addEventListener('keydown', e => "
        "{ if (e.key === 's' && e.target.tagName !== 'TEXTAREA') e.preventDefault() })"
    )
    words = page.get_by_label("main reason")
    words.focus()
    page.keyboard.type("so slow")
    expect(words).to_have_value("so slow")
    # Escape that chooses among Japanese words is not meant for the box
    words.evaluate(
        "one => one.dispatchEvent(new KeyboardEvent("
        "'keydown', {key: 'Escape', isComposing: true, bubbles: true, composed: true}))"
    )
    expect(words).to_have_value("so slow")


@pytest.mark.parametrize(
    "rules",
    [
        "div:empty { display: none }",
        "body > div { opacity: 0; transform: scale(0) }",
        "html { font-size: 62.5%; color-scheme: dark } body { visibility: hidden }",
        "* { letter-spacing: .4em; text-transform: uppercase }",
    ],
)
def test_the_pages_own_rules_do_not_reach_in(
    shop: Shop, visitor: BrowserContext, rules: str
) -> None:
    page = shop.visit(visitor)
    box = page.get_by_role("dialog")
    expect(box).to_be_visible()
    usual = box.evaluate(LOOKS)
    page.evaluate(
        "rules => { const sheet = new CSSStyleSheet(); sheet.replaceSync(rules);"
        " document.adoptedStyleSheets = [sheet] }",
        rules,
    )
    assert page.locator("earful-ask section").evaluate(LOOKS) == usual
    expect(box).to_be_visible()


def test_what_was_chosen_is_seen_without_colours(chromium: Browser, shop: Shop) -> None:
    context = come(chromium, forced_colors="active")
    page = shop.visit(context)
    page.get_by_role("radio", name="7").check()
    page.get_by_label("main reason").focus()
    lines = page.get_by_role("dialog").evaluate(
        "one => [...one.querySelectorAll('label span')].map(s => getComputedStyle(s).outlineStyle)"
    )
    assert [number for number, line in enumerate(lines) if line != "none"] == [7]
    context.close()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_it_fits_a_small_screen(chromium: Browser, shop: Shop, language: str) -> None:
    shop.language = language
    context = come(chromium, viewport={"width": 320, "height": 480})
    page = shop.visit(context)
    box = page.get_by_role("dialog")
    expect(box).to_be_visible()
    wide, lines, cross = box.evaluate(
        "one => { const words = document.createRange();"
        " words.selectNodeContents(one.querySelector('legend'));"
        " return [one.scrollWidth <= one.clientWidth && document.body.scrollWidth <= innerWidth,"
        " [...words.getClientRects()], one.querySelector('.x').getBoundingClientRect()] }"
    )
    assert wide
    assert [one for one in lines if cross["x"] < one["right"] and one["x"] < cross["right"]] == []
    context.close()


def test_a_page_in_a_frame_without_javascript(chromium: Browser, shop: Shop) -> None:
    shop.body = f'<iframe src="{shop.front.base}/f/shop?lang=sw" width="600" height="700"></iframe>'
    context = come(chromium, java_script_enabled=False)
    frame = shop.visit(context).frame_locator("iframe")
    frame.get_by_role("radio", name="2").check()
    frame.get_by_label("Sababu kuu ni ipi?").fill("mzigo umechelewa")
    frame.get_by_label("Barua pepe").fill("asha@mail.example")
    trap = frame.locator(".topic").bounding_box()  # it clips what is in it
    assert trap and trap["width"] <= 1 and trap["height"] <= 1
    frame.get_by_role("button", name="Tuma").click()
    expect(frame.get_by_role("status")).to_have_text("Asante. Jibu lako limetufikia.")
    (line,) = shop.front.lines()
    assert (line["rating"], line["why"]) == (2, "mzigo umechelewa")
    context.close()


def test_no_other_site_can_frame_it(chromium: Browser, shop: Shop) -> None:
    shop.body = f'<iframe src="{shop.front.base}/f/faces"></iframe>'  # which no site may show
    context = come(chromium)
    page = shop.visit(context)
    page.wait_for_load_state("networkidle")
    assert page.frame_locator("iframe").get_by_role("button").count() == 0
    assert any("frame-ancestors" in one for one in shop.complaints)
    context.close()


def test_the_faces_by_name(chromium: Browser, shop: Shop) -> None:
    context = come(chromium, locale="el-GR", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{shop.front.base}/f/faces")
    page.get_by_role("radio", name="Πολύ δυσαρεστημένοι").check()
    page.get_by_role("button", name="Αποστολή").click()
    expect(page.get_by_role("status")).to_contain_text("Ευχαριστούμε")
    assert [(one["kind"], one["rating"]) for one in shop.front.lines("form-faces")] == [("csat", 1)]
    context.close()
