"""The small helpers: matching names, making text plain, reading instants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earful.matching import Matcher, Matchers, Words, fold
from listeners.common.plain_text import MAX_TEXT, clean, from_html, one_line, web_link

BLNS = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "blns.json"


def hostile() -> list[str]:
    if not BLNS.is_file():
        pytest.skip(f"no hostile text: {BLNS.name} is in shared/, which is not here")
    more = ["\x00", "\ud83d", "\u202eabc\u202c", "＝1+1", "\t=1", "\r=1", "a\u2028b", "\ufeff"]
    return [*json.loads(BLNS.read_text(encoding="utf-8")), *more]


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Kestrova", "KESTROVA is down"),
        ("Kestrova", "@kestrova hello"),
        ("Kestrova", "#Kestrova!"),
        ("Kestrova", "Kestrova's parcels"),
        ("Kestrova", "see https://www.kestrova.com/x"),
        ("Kestrova", "Ｋｅｓｔｒｏｖａ"),
        ("Kestrova", "kes\u00adtro\u200bva"),
        ("Café Noir", "the cafe\u0301\n  NOIR was shut"),
        ("cafe noir", "CAFÉ NOIR"),
        ("@kestrova", "thanks @Kestrova."),
        ("Straße", "STRASSE"),
        ("Κεστρόβα", "η ΚΕΣΤΡΟΒΑ πάλι"),
        ("ケストロバ", "昨日ケストロバの荷物が"),
        ("Kestrova", "昨日kestrovaの荷物が"),
        ("케스트로바", "케스트로바가 또 늦어요"),
        ("เคสโตรวา", "พัสดุเคสโตรวามาช้า"),
        ("केस्ट्रोवा", "यह केस्ट्रोवा है"),
        ("C++", "I like C++, really"),
        ("AT&T", "why, AT&T?"),
        ("Kestrova", "Kestrova’s parcels"),
        ("Kestrova", "thanks@kestrova"),
        ("Kestrova", "@kestrova@social.example said so"),
        ("@kestrova", "@kestrova.social.example said so"),
        ("@kestrova", "＠Kestrova?"),
        ("@kestrova", ".@kestrova (@kestrova)"),
        ("Kestrova", "#kestrova"),
        ("#kestrova", "#Kestrova!"),
        ("Kestrova", "#KestrovaFail"),
        ("Kestrova", "never again #FailKestrova2026, bye"),
        ("Kestrova", "#kestrova_fail"),
        ("Kestrova", "＃KestrovaFail"),
        ("KLM", "#KLMFail"),
        ("A320", "#A320Late"),
        ("Acme Air", "#AcmeAir"),
        ("Acme Air", "#acmeair"),
        ("Acme Air", "acmeair"),
        ("Acme Air", "#LostByAcmeAir"),
        ("Acme Air", "#Acme_Air"),
        ("Κεστρόβα", "#ΚεστρόβαΑίσχος"),
        ("Кестрова", "#КестроваПозор"),
        ("ケストロバ", "#ケストロバ最悪"),
        ("केस्ट्रोवा", "#केस्ट्रोवा_फेल"),
        ("كستروفا", "خدمة كَسْتروفا سيئة"),
        ("כסטרובה", "השירות של כֶסטרובה"),
        ("McDonald's", "McDonald’s again"),
        ("Coca-Cola", "a Coca‑Cola and a coca–cola"),
        ("İstanbul Kargo", "istanbul kargo"),
        ("Łódź Post", "łódź post"),
        ("Késtrova", "KESTROVA"),
        ("Kestrova", "𝐊𝐞𝐬𝐭𝐫𝐨𝐯𝐚 is down"),
        ("凯斯", "我的凯斯包裹"),
        ("केस्ट्रोवा", "केस्ट्रोवा।"),
        ("Yapı Kestrova", "YAPI KESTROVA"),
        ("Yapı Kestrova", "YAPI kestrova, yapi Kestrova"),
        ("İş Kestrovası", "İŞ KESTROVASI"),
        ("ISPARTA", "ısparta"),
        ("Kestrova", "Kestrova™ is late"),
        ("Kestrova", "Kestrova™\ufe0f, Kestrova\u2120"),
        ("Kestrova™ Air", "Kestrova Air"),
        ("McDonald's", "McDonald´s"),
        ("McDonald's", "McDonald`s and ´´"),
        ("Łaciate Søst", "laciate SOST"),
        ("Mærsk", "Maersk again"),
        ("أرامكو", "ارامكو"),
        ("ارامكو", "شركة أرامكـــو"),
        ("الإمارات", "طيران الامارات"),
        ("دیجی\u200cکالا", "ديجيكالا"),
        ("क्\u200dस्ट", "क्स्ट"),
    ],
)
def test_found(term: str, text: str) -> None:
    assert Matcher([term]).matches(text)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("ola", "a cola, please"),
        ("Kestrova", "kestrovan, akestrova and kestrova_fan"),
        ("@kestrova", "write to me@kestrova.example"),
        ("@kestrova", "kestrova"),
        ("@kestrova", "@kestrova_help"),
        ("Café Noir", "a cafe that is noir"),
        ("केस्ट्रो", "यह केस्ट्रोवा है"),
        ("λα", "καλα"),
        ("Kestrova", "#kestrovan"),
        ("Kestrova", "#KestrovanPottery"),
        ("Acme Air", "#AcmeAirlines"),
        ("Acme Air", "#Acme #Air"),
        ("#kestrova", "kestrova"),
        ("@kestrova", "#kestrova"),
        ("@kestrova", "help@kestrova.example, me+x@kestrova.example"),
        ("@kestrova", "@maria@kestrova.example"),
        ("Fail Now", "#KestrovaFail Now"),
        ("Κεστρόβα", "Κεστροβανός"),
    ],
)
def test_not_found(term: str, text: str) -> None:
    assert not Matcher([term]).matches(text)


def test_none_of_and_empty() -> None:
    assert Matcher([]).matches("anything")
    assert Matcher(["", " "]).matches("anything")
    assert not Matcher([], ["falcon"]).matches("a Falcon")
    assert not Matcher(["kestrova"], ["kestrova falcon"]).matches("the Kestrova  Falcon")
    assert not Matcher(["kestrova"], ["kestrova falcon"]).matches("#KestrovaFalcon spotted")
    assert Matcher(["kestrova"], ["kestrova falcon"]).matches("Kestrova, falcon")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Kestrova", ""),
        ("a cola", "names none of: Kestrova, @kestrova"),
        ("a Kestrova FALCON", "holds the excluded phrase 'Falcon'"),
        ("a falcon", "names none of: Kestrova, @kestrova"),
    ],
)
def test_why_not(text: str, why: str) -> None:
    matcher = Matcher([" Kestrova", "@kestrova"], ["Falcon "])
    assert matcher.why_not(text) == matcher.why_not(Words(text)) == why


@pytest.mark.timeout(120)  # it takes less than a second; far more than that, were it not linear
def test_matching_takes_linear_time() -> None:
    """A text of a thousand hashtags, against two hundred brands."""
    brands = [Matcher([f"Brand {n}", f"@brand{n}"], [f"Brand {n} fan"]) for n in range(200)]
    for piece in ("#KestrovaFailAgain ", "#" * 20, "A1b2C3", "@brand1999"):
        words = Words(piece * 1000)
        assert not any(one.matches(words) for one in brands)


_SCRIPTS = "  aAbB1_ \u00e9e\u0301\uff21\u0416\u0436\u03a3\u03c3\u03c2\u0130\u00df\ufb01"  # cased
_SCRIPTS += "\u0915\u094d\u093e\u0627\u0644\u064e\u05d0\u05b0"  # with signs on their letters
_SCRIPTS += "\u51ef\u65af\u30b1\u30b9\uac00\u1100\u0e01\u0e32"  # without spaces, and Korean
_SCRIPTS += "\u0131\u0142\xe6\u2122\xb4`\u0623\u0629\u06cc\u0640\u200d"  # typed in two ways
_SCRIPTS += "@#\uff03.-+&'\u2019\u200b\u00ad\0\n\U0001f600\U0001d400"
_SHORT = st.text(_SCRIPTS, max_size=5)
_TERMS = st.lists(_SHORT | st.text(max_size=3), max_size=3)


@given(st.lists(st.tuples(_TERMS, st.lists(_SHORT, max_size=1)), min_size=1, max_size=6), st.data())
@settings(max_examples=400, deadline=None)
def test_many_matchers_find_what_each_finds_alone(
    brands: list[tuple[list[str], list[str]]], data: st.DataObject
) -> None:
    matchers = {
        f"brand-{n}": Matcher(any_of, none_of) for n, (any_of, none_of) in enumerate(brands)
    }
    terms = [term for any_of, none_of in brands for term in (*any_of, *none_of)]
    tags = ["#" + "".join(term.split()) for term in terms]
    pieces = st.lists(_SHORT | st.sampled_from([*terms, *tags, " ", "#"]), max_size=6)
    together = Matchers(matchers)
    for _ in range(3):
        words = Words("".join(data.draw(pieces)))
        alone = [name for name, matcher in matchers.items() if matcher.matches(words)]
        assert together.matching(words) == alone


@pytest.mark.parametrize(
    "text",
    [
        "Acme Air, acme rail and #KestrovaFail",
        "#AcmeAir",
        "late again #acmeair",
        "凯斯 hello, ケストロバの荷物",
        "@acme is not me@acme.example",
        "C++ and c",
        "the केस्ट्रोवा",
        "",
    ],
)
def test_many_matchers_by_example(text: str) -> None:
    terms = ("Acme Air", "acme rail", "Kestrova", "凯斯", "ケストロバ", "@acme", "C++", "c", "the")
    matchers = {term: Matcher([term]) for term in (*terms, "केस्ट्रोवा", "केस्ट्रो", "acme", "")}
    words = Words(text)
    alone = [term for term, matcher in matchers.items() if matcher.matches(words)]
    assert Matchers(matchers).matching(words) == alone
    assert alone[-1] == "", "no terms: any text"


@given(st.text(), st.text(_SCRIPTS) | st.text())
@settings(max_examples=150, deadline=None)
def test_matching_and_cleaning_hold_for_any_text(term: str, text: str) -> None:
    Matcher([term]).matches(text)
    assert fold(fold(text)) == fold(text)
    for made in (clean(text), from_html(text), one_line(text)):
        made.encode("utf-8")
        assert "\0" not in made and "\r" not in made
    assert clean(clean(text)) == clean(text)


def test_hostile_text_is_made_plain() -> None:
    for text in hostile():
        for made in (clean(text), from_html(text), one_line(text)):
            made.encode("utf-8")
            assert not any(char in made for char in "\0\x1b\u202e\u2066\r")
        Matcher([text, "kestrova"]).matches(text)
        link = web_link(text)
        assert link is None or link.lower().startswith(("http://", "https://"))


def test_clean_keeps_what_is_written() -> None:
    assert clean(" مرحبا\u200f 👩‍👩‍👧 e\u0301\tx\r\ny ") == "مرحبا\u200f 👩‍👩‍👧 e\u0301\tx\ny"
    assert len(clean("a" * 100_000)) == MAX_TEXT


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>It&#x27;s <b>bold</b><br>new</p>", "It's bold\nnew"),
        ("a<script>alert('x')</script>b", "a\nb"),
        ("a<style type='x'>p{}</style>b", "a\nb"),
        ("a<!-- <b>hidden</b> -->b", "ab"),
        ("a<!-- for ever", "a"),
        ("<script>for ever", ""),
        ("<SCRIPT >x</script\n>y", "y"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("&lt;script&gt;x&lt;/script&gt;", "<script>x</script>"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("a&nbsp;&amp;&nbsp;b &bogus; &#0; &#xd800;", "a & b &bogus; \ufffd \ufffd"),
        ("<p", "<p"),
        ("<iframe src='x'/>after", "after"),
        ("-->", "-->"),
        ("<svg><title>x</title></svg>y", "y"),
    ],
)
def test_markup(markup: str, text: str) -> None:
    assert from_html(markup) == text


@pytest.mark.timeout(60)  # it takes a tenth of a second; many minutes, were it not linear
@pytest.mark.parametrize("piece", ["<!", "<!--", "<a ", "<script>", "</script", "<![", "&#", "<"])
def test_markup_takes_linear_time(piece: str) -> None:
    assert len(from_html(piece * 500_000)) <= len(piece) * 500_000


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "//x", "/x", "http://a b", "https://x/\n", None, 3,
     "file:///x", "HTTPS:/x", 'https://x/"onx', "https://x/<b>", "http://" + "a" * 3000,
     "https://x/\u202ey"],
)  # fmt: skip
def test_no_link(link: object) -> None:
    assert web_link(link) is None or link == "https://x/\n"
