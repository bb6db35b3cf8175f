"""Strangers' text made fit to be shown, and links that lead where they say."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.wrap import clean, columns, cut, isolate, link, wrap

anything = st.text(st.characters(codec=None))  # lone surrogates, controls, all of it


@given(anything)
def test_clean_leaves_one_line_that_any_encoding_takes(text: str) -> None:
    got = clean(text)
    got.encode("utf-8")  # raises for what cannot be carried
    assert len(got.splitlines()) <= 1
    assert not {unicodedata.category(char) for char in got} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(got) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    assert clean(got) == got


def test_clean_keeps_what_words_are_made_of() -> None:
    for text in ("👩‍🚒 rescued us", "می‌خواهم", "क्षत्रिय", "Ελληνικά", "naïve"):
        assert clean(text) == text


@given(anything, st.integers(2, 40))
def test_cut_never_exceeds(text: str, most: int) -> None:
    got = clean(text, most)
    assert len(got) <= most
    assert got == clean(text) or got.endswith("…")


def test_cut_ends_at_a_word_and_inside_no_character() -> None:
    assert cut("My bag is lost again", 16) == "My bag is lost…"
    assert cut("My bag is lost", 14) == "My bag is lost"
    assert cut("x" * 50, 10) == "x" * 9 + "…"
    assert cut("short " + "x" * 50, 30) == "short " + "x" * 23 + "…"
    assert cut("aaaae\u0301zzz", 6) == "aaaa…"


@given(anything, st.integers(10, 80))
def test_wrap_fits_and_loses_no_character(text: str, width: int) -> None:
    shown = clean(text)
    lines = wrap(shown, "  ", width)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(shown.split())


def test_wide_letters_take_two_columns() -> None:
    assert columns("航空 ok") == 7
    assert all(columns(line) <= 20 for line in wrap("荷物がまた無くなりました。" * 5, "", 20))


def test_only_right_to_left_text_is_isolated() -> None:
    assert isolate("bag") == "bag"
    assert isolate("حقيبة") == "\u2068حقيبة\u2069"
    lines = wrap("الحقيبة ضاعت مرة أخرى " * 6, "  ", 40, foreign=True)
    assert len(lines) > 1
    assert all(line.startswith("  \u2068") and line.endswith("\u2069") for line in lines)


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
def test_a_link_shows_the_host_it_leads_to(url: str, host: str) -> None:
    got = link(url)
    assert got is not None
    assert got.host == host
    assert f"//{host}/" in got.url
    assert got.url.isascii() and not set(got.url) & set("\"'<> ")


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "data:text/html,hi",
        "ftp://x.example/",
        "//x.example/",
        "https://",
        "https:///x.example/",
        "https://bank.example@evil.example/",
        "https://bank.example:pass@evil.example/",
        "https://evil.example\\@bank.example/",
        "https://bank.example%2eevil.example/",
        "https://x.example/ a",
        "https://x.exam\nple/",
        "https://x.example/\u202egpj.exe",
        "https://x..example/",
        "https://x.example:99999/",
        "https://[fe80::1%25eth0]/",
        "https://[nonsense/",
        "https://<script>/",
        "https://x.example/" + "a" * 3000,
    ],
)
def test_what_could_deceive_is_no_link(url: str | None) -> None:
    assert link(url) is None


@given(anything)
def test_any_text_is_a_safe_link_or_none(text: str) -> None:
    for url in (text, f"https://{text}", f"https://x.example/{text}"):
        got = link(url)
        if got is not None:
            assert got.url.startswith(("http://", "https://"))
            assert got.url.isascii() and not set(got.url) & set("\"'<> \\")
