"""Every edge decides alike about strangers' links and text: one rule, four edges."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import streamlit
from factories import author, keep, mention, rows
from hypothesis import given
from hypothesis import strategies as st

import dashboard.safe
from dashboard import parts
from earful import untrusted
from earful.case_states import CaseStatus
from earful.untrusted import clean_text, cut, one_line, parse_link, web_link
from listeners.common import plain_text
from outreach import wording
from outreach.facts import CaseLine
from storage.database.engine import Database

anything = st.text(st.characters(codec=None))  # also lone surrogates and controls
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

HOSTILE_LINKS = [
    "",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>",
    "file:///etc/passwd",
    "ftp://x.example/",
    "//x.example/",
    "/x",
    "HTTPS:/x",
    "http://",
    "https://",
    "https:///x.example/",
    "https://[::1",
    "https://[nonsense/",
    "https://[fe80::1%25eth0]/",
    "https://bank.example@evil.example/",
    "https://bank.example:pass@evil.example/",
    "https://@evil.example/",
    "https://bank@evil",
    "https://evil.example\\@bank.example",
    "https://evil.example\\.bank.example/",
    "https://x.example/\\..\\a",
    "https://bank.example%2eevil.example/",
    "https://x..example/",
    "https://-x.example/",
    "https://x.example-/",
    "https://<script>/",
    "https://ho st/",
    "https://x.example/a b",
    "https://x.example/a\u00a0b",
    "https://x.example/a\u3000b",
    "https://x.example/a\nb",
    "https://x.example/a\tb",
    "https://x.exam\nple/",
    "https://x.example/a\x00b",
    "https://x.example/a\x85b",
    "https://x.example/\x1b[31m",
    "https://x.example/\ud800",
    "https://x.example/\u202egpj.exe",
    "https://x.example/\u2066a\u2069",
    "https://x.example/\u200fa",
    "https://x.example/a\u200bb",
    "https://x.example/a\u200db",
    "https://x.example/\ufeff",
    "https://x.example/a" + "\u0301" * 9,
    'https://x.example/"onclick=x',
    "https://x.example/<b>",
    "https://x.example:notaport/",
    "https://x.example:99999/",
    "https://x.example:٨٠/",
    "https://" + "a" * 70 + "é.example/",
    "https://x.example/" + "a" * 2000,
]
GOOD_LINKS = [
    "https://x.example",
    "https://x.example/",
    "https://x.example/a?b=c#d",
    "https://x.example?q=1",
    "http://x.example:8080/",
    "HTTP://Host.example/α",
    "https://social.example/@maria/1?x=ü#y",
    "https://a_b.example/it's,(here)",
    "https://[::1]/a",
    "https://192.0.2.7/a",
    "https://παράδειγμα.gr/",
    "https://xn--hxajbheg2az3al.gr/",
    "https://x.example/" + "a" * 1900,
]


def through_listeners(urls: Sequence[str], **_: Any) -> list[str | None]:
    return [plain_text.web_link(url) for url in urls]


def through_storage(urls: Sequence[str], db: Database, **_: Any) -> list[str | None]:
    posts = [
        replace(mention(number, by=f"a{number}"), url=url, author=author(f"a{number}", url=url))
        for number, url in enumerate(urls)
    ]
    keep(db, *posts)
    stored = {row.external_id: row.url for row in rows(db, "SELECT external_id, url FROM mention")}
    profiles = {row.external_id: row.url for row in rows(db, "SELECT external_id, url FROM author")}
    links = [stored[post.external_id] for post in posts]
    assert [profiles[post.author.external_id] for post in posts] == links
    return links


def through_outreach(urls: Sequence[str], **_: Any) -> list[str | None]:
    case = CaseLine(
        case_id=1, brand="Acme", handle="maria", source="x", priority=70, complaints=1, text="t",
        reason="r", status=CaseStatus.OPEN, opened_at=NOW, due_at=NOW, url=None,
    )  # fmt: skip
    views = [wording.view(replace(case, url=url), ZoneInfo("UTC"), NOW) for url in urls]
    return [url if view.link else None for url, view in zip(urls, views, strict=True)]


def through_the_dashboard(
    urls: Sequence[str], monkeypatch: pytest.MonkeyPatch, **_: Any
) -> list[str | None]:
    links: list[str] = []
    monkeypatch.setattr(streamlit, "link_button", lambda label, url, key: links.append(url))
    for number, url in enumerate(urls):
        parts.draw_link("Newest post", url, str(number))
    return [url if url in links else None for url in urls]


EDGES: list[Callable[..., list[str | None]]] = [
    through_listeners,
    through_storage,
    through_outreach,
    through_the_dashboard,
]


@pytest.mark.parametrize("edge", EDGES)
def test_no_edge_links_what_could_deceive(
    edge: Callable[..., list[str | None]], db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = edge(HOSTILE_LINKS, db=db, monkeypatch=monkeypatch)
    assert [url for url in links if url is not None] == []


@pytest.mark.parametrize("edge", EDGES)
def test_every_edge_keeps_good_links_as_they_are(
    edge: Callable[..., list[str | None]], db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edge(GOOD_LINKS, db=db, monkeypatch=monkeypatch) == GOOD_LINKS


@pytest.mark.parametrize("value", [None, 3, b"https://x.example/", ["https://x.example/"]])
def test_only_text_can_be_a_link(value: object) -> None:
    assert web_link(value) is None


def test_listeners_strip_the_white_space_around_a_link() -> None:
    assert plain_text.web_link("\n https://x.example/ \n") == "https://x.example/"
    assert web_link(" https://x.example/") is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://x.example/maria/1?a=b#c", "x.example"),
        ("HTTP://X.example:8080/", "x.example:8080"),
        ("https://[::1]/a", "[::1]"),
        ("https://раураl.example/", "xn--l-7sba6dbr.example"),
        ("https://ru.wikipedia.org/wiki/Жалоба", "ru.wikipedia.org"),
    ],
)
def test_a_displayed_link_shows_the_host_it_leads_to(url: str, host: str) -> None:
    link = parse_link(url)
    assert link is not None
    assert link.host == host
    assert f"//{host}/" in link.url
    assert link.url.isascii() and not set(link.url) & set("\"'<> ")


@given(anything)
def test_any_text_is_a_safe_link_or_none(text: str) -> None:
    for url in (text, f"https://{text}", f"https://x.example/{text}", f"https://x{text}.example"):
        link = parse_link(url)
        assert web_link(url) == (url if link else None)
        if link is not None:
            assert link.url.startswith(("http://", "https://"))
            assert link.url.isascii() and not set(link.url) & set("\"'<> \\")


@given(st.from_regex(untrusted._PLAIN_LINK, fullmatch=True))
def test_the_fast_path_accepts_nothing_that_the_rule_refuses(url: str) -> None:
    assert len(url) > untrusted.MAX_LINK or parse_link(url) is not None


BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CLEANERS: list[Callable[[str], str]] = [
    clean_text,
    one_line,
    plain_text.clean,
    plain_text.one_line,
    dashboard.safe.clean,
    dashboard.safe.one_line,
]


@pytest.mark.parametrize("cleaner", CLEANERS)
@given(text=anything)
def test_every_cleaner_removes_controls_and_direction_tricks(
    cleaner: Callable[[str], str], text: str
) -> None:
    cleaned = cleaner(text)
    cleaned.encode("utf-8")  # raises for a lone surrogate
    assert not set(cleaned) & set(BIDI + "\ufeff\ufff9\ufffa\ufffb")
    assert all(char in "\n\t" or unicodedata.category(char) != "Cc" for char in cleaned)
    assert not {unicodedata.category(char) for char in cleaned} & {"Zl", "Zp"}
    assert cleaner(cleaned) == cleaned


@pytest.mark.parametrize("cleaner", CLEANERS)
def test_every_cleaner_keeps_words_as_they_are_spelled(cleaner: Callable[[str], str]) -> None:
    for text in ("👩‍🚒 rescued us", "می‌خواهم", "क्षत्रिय", "Ελληνικά", "naïve", "ขอบคุณที่"):
        assert cleaner(text) == text


@given(anything)
def test_one_line_has_no_invisible_character(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not {unicodedata.category(char) for char in line.translate({0x200C: "", 0x200D: ""})} & {
        "Cc", "Cf", "Cs", "Zl", "Zp",
    }  # fmt: skip


def test_text_keeps_its_lines_and_right_to_left_marks() -> None:
    assert clean_text("a\r\nb\rc\x0bd\u2028e\x85f\tg") == "a\nb\nc\nd\ne\nf\tg"
    assert clean_text("\u200fשלום\u200e") == "\u200fשלום\u200e"


def test_towers_of_marks_are_limited_more_where_they_are_shown() -> None:
    tower = "a" + "\u0301" * 50
    assert clean_text(tower) == "a" + "\u0301" * 4
    assert plain_text.clean(tower) == "a" + "\u0301" * 30


@given(anything, st.integers(2, 40))
def test_cut_never_exceeds(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown) <= limit
    assert shown == one_line(text) or shown.endswith("…")


def test_cut_ends_at_a_word_and_inside_no_character() -> None:
    assert cut("My bag is lost again", 16) == "My bag is lost…"
    assert cut("My bag is lost", 14) == "My bag is lost"
    assert cut("one two three", 9) == "one two…"
    assert cut("x" * 50, 10) == "x" * 9 + "…"
    assert cut("short " + "x" * 50, 30) == "short " + "x" * 23 + "…"
    assert cut("aaaae\u0301zzz", 6) == "aaaa…"
