"""What the model reads of what a stranger wrote."""

from __future__ import annotations

import random

import pytest
from tokenizers import Tokenizer

from sentiment.brand_markers import OTHERS, OURS
from sentiment.prepare import MAX_CHARACTERS, has_content, prepare
from sentiment.shipped import SHIPPED
from sentiment.symbols import KNOWN_BY_UNKNOWN


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("See https://example.org/a?b=c&d now", "See http now"),
        ("www.example.org is down", "http is down"),
        ("@northwind_air why?", "@user why?"),
        (".@northwind_air why?", ".@user why?"),
        ("@ann@example.social hi", "@user hi"),
        ("mail ann@example.org today", "mail ann@example.org today"),
        ("fish &amp; chips &lt;3", "fish & chips <3"),
        ("&amp;lt;3", "<3"),
        ("sooooooo baaaad!!!!!!", "sooo baaad!!!"),
        ("it cost 1000000 euros", "it cost 1000000 euros"),
        ("a\x00b\x07c\x7fd\x85e", "a b c d e"),
        ("a\n\t  b\u3000c", "a b c"),
        ("half \ud83d of it", "half of it"),
        ("\u202eesrever\u202c and \u2066isolated\u2069", "esrever and isolated"),
        ("zero\u200bwidth", "zerowidth"),
        ("👍🏽 ❤️", "👍 ❤"),
        ("γιατί ΤΟΣΟ αργά;", "γιατί ΤΟΣΟ αργά;"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_prepare(written: str, read: str) -> None:
    assert prepare(written) == read


def test_long_text_is_cut() -> None:
    assert len(prepare("ab" * 600_000)) == MAX_CHARACTERS
    assert len(prepare("&NotSucceedsTilde; " * 100_000)) <= MAX_CHARACTERS


@pytest.mark.parametrize(
    "unit", ["@", "@a", "http://", "&#x1f600;", "a@b.", "\ud800", "((((", "x_"]
)
@pytest.mark.timeout(60)  # it takes less than a second; from minutes to hours, were it not linear
def test_time_is_linear_in_hostile_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentiment.prepare.MAX_CHARACTERS", 10**7)  # the cut would hide it
    prepare((unit * 500_000)[:1_000_000])


def test_any_characters_go_through() -> None:
    rng = random.Random(5)
    for _ in range(300):
        text = "".join(chr(rng.randrange(0x110000)) for _ in range(50))
        assert prepare(text).encode("utf-8").decode("utf-8") == prepare(text)


@pytest.mark.parametrize(
    "text", ["good", "άθλιο", "好", "😡", ":(", "=D", "(:", "<3", "@user ugh", "x http"]
)
def test_texts_with_and_without_content(text: str) -> None:
    assert has_content(text)


@pytest.mark.parametrize(
    "text",
    ["", "http", "@user", "@user @user http", "12:45", "12:30 - 13:00", "...", "!?", "@user,"],
)
def test_says_nothing(text: str) -> None:
    assert not has_content(text)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("★☆☆☆☆", "1/5 ★"),
        ("★★★★★ lovely", "5/5 ★ lovely"),
        ("☆☆☆☆☆", "0/5 ★"),
        ("⭐⭐⭐☆☆ ok", "3/5 ★ ok"),
        # decoration, or two of nobody knows how many
        ("⭐ offer ⭐", "⭐ offer ⭐"),
        ("⭐⭐ not great", "⭐⭐ not great"),
        ("🤬", "😡"),
        ("🤮🤮", "😖👎😖👎"),
    ],
)
def test_signs_that_carry_the_answer_are_spelled(text: str, prepared: str) -> None:
    assert prepare(text) == prepared


def test_the_vocabulary_knows_what_unknown_emoji_become() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    unknown = tokenizer.token_to_id("<unk>")
    for emoji, known in KNOWN_BY_UNKNOWN.items():
        assert unknown in tokenizer.encode(emoji).ids, f"{emoji} is known by now"
        assert unknown not in tokenizer.encode(known).ids, f"{emoji} became {known}, unknown too"


def test_the_markers_are_single_pieces() -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    for marker in (OURS, OTHERS):
        ids = tokenizer.encode(f"a {marker} b").ids
        assert len(ids) == len(tokenizer.encode("a b").ids) + 1
        assert tokenizer.token_to_id("<unk>") not in ids
