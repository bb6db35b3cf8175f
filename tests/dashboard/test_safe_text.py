"""What strangers wrote reaches the page as plain text: nothing in it means anything."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from dashboard.safe import clean, handle, label, one_line

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def hostile(file: Path) -> list[str]:
    extra = [
        "a\0b",
        "lone \ud800 surrogate",
        f"over{BIDI}ride",
        "\t=1+1",
        "\r=1",
        "ｅ＝1",
        "Z" + "\u0336" * 60,
    ]
    return [*json.loads(file.read_text(encoding="utf-8")), *extra]


def test_cleaned_text_has_no_controls_no_tricks_and_can_be_sent(hostile_file: Path) -> None:
    for text in hostile(hostile_file):
        shown = clean(text)
        shown.encode("utf-8")
        assert not set(shown) & set(BIDI), ascii(text)
        assert all(char in "\n\t" or unicodedata.category(char) != "Cc" for char in shown)


def test_a_label_escapes_every_mark_that_markdown_knows(hostile_file: Path) -> None:
    for text in hostile(hostile_file):
        shown = label(text, 5000)
        assert "\n" not in shown
        bare = shown.replace("\\\\", "")
        for at, char in enumerate(bare):
            if char.isascii() and not char.isalnum() and char not in " \\":
                assert bare[at - 1] == "\\", (ascii(text), ascii(shown))


@pytest.mark.parametrize(
    ("text", "never"),
    [
        (":smile:", ":smile:"),
        (":material/home:", ":material/home:"),
        (":red[x]", ":red["),
        ("https://evil.example", "https://"),
        ("www.evil.example", "www."),
        ("a@evil.example", "a@evil"),
        ("->", "->"),
    ],
)
def test_patterns_that_streamlit_finds_after_escapes_are_broken(text: str, never: str) -> None:
    assert never not in label(text).replace("\\", "")


def test_right_to_left_text_and_emoji_stay_as_they_are() -> None:
    for text in ("شركة سيئة جدا", "👩‍👩‍👧 ok", "नमस्ते दुनिया", "ขอบคุณที่", "\u200fשלום\u200e"):
        assert clean(text) == text


def test_towers_of_marks_are_lowered() -> None:
    assert clean("a" + "\u0301" * 50) == "a" + "\u0301" * 4


def test_one_line_is_one_line() -> None:
    assert one_line("a\n b\t\tc") == "a b c"


def test_handles_wear_an_at_where_people_have_one() -> None:
    assert handle("@maria", "x") == "@maria"
    assert handle("maria", "mastodon") == "@maria"
    assert handle("Some Feed", "rss") == "Some Feed"
    assert handle("", "x") == "@somebody"
