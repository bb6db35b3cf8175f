"""Hostile text through the HTML mail: no element, attribute or address may come from a stranger."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from outreach.digest import CaseLine, DigestFacts, alert, render

BLNS = Path(__file__).parents[3] / "shared" / "data" / "hostile" / "blns.json"
OUR_OWN = [
    "\x00nul",
    "lone \ud800 surrogate \udfff",
    "\u202eevil\u202c \u2066x\u2069 \u200f",
    "＝cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "</blockquote></div><script src=//evil.example></script>",
    '" onmouseover="alert(1)" style="position:fixed',
    "{{ 7*7 }} {% include '/etc/passwd' %} ${7*7} <%= 7*7 %>",
    "<a href='https://evil.example'>https://bank.example</a>",
    "<!-- --> <![CDATA[ x ]]> <?php ?> &lt;b&gt; &#60;i&#62;",
    "<!channel> <@U123> <http://evil|label>",
    "\x1b]0;title\x07\x1b[2J",
]

Element = tuple[str, tuple[tuple[str, str | None], ...]]


class Skeleton(HTMLParser):
    """What a mail reader would build: elements with their attributes, and the text in them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.said = ""
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


def skeleton(html: str | None) -> Skeleton:
    assert html is not None
    parser = Skeleton()
    parser.feed(html)
    parser.close()
    return parser


def hostile() -> list[str]:
    if not BLNS.is_file():
        pytest.skip(f"the list of naughty strings is not there: {BLNS}")
    strings: list[str] = json.loads(BLNS.read_text(encoding="utf-8"))
    assert len(strings) > 500
    return strings


def poisoned(case: Callable[..., CaseLine], number: int, words: str) -> CaseLine:
    """A case whose every field that comes from outside says ``words``."""
    return case(
        number,
        handle=words,
        name=words,
        text=words,
        url=words,
        lang=words,
        source=words,
        assignee=words,
        brand=words,
        reason=words,
    )


def check(
    strings: list[str], case: Callable[..., CaseLine], facts: Callable[..., DigestFacts]
) -> None:
    """The page made of ``strings`` has the skeleton of one made of plain words, plus safe links."""

    def page(words: list[str]) -> Skeleton:
        cases = tuple(poisoned(case, number, one) for number, one in enumerate(words))
        got = render(facts(new_cases=cases, problems=tuple(words[:5])), max_cases=999)
        assert got is not None
        return skeleton(got.html)

    built, expected = page(strings), page(["plain"] * len(strings))
    links = [one for one in built.elements if one[0] == "a"]
    for _, attributes in links:
        told = dict(attributes)
        assert set(told) == {"href", "rel"}
        assert (told["href"] or "").startswith(("http://", "https://"))
        assert told["rel"] == "noreferrer noopener"
    around = [("div", (("style", "font-size:14px"),))] * len(links)
    more = Counter(map(_no_lang, built.elements))
    more.subtract(map(_no_lang, [*expected.elements, *links, *around]))
    assert not [element for element, number in more.items() if number]
    assert built.odd == expected.odd


def _no_lang(element: Element) -> Element:
    """Without the language tag: it is checked before it becomes an attribute."""
    tag, attributes = element
    return tag, tuple(one for one in attributes if tag == "html" or one[0] != "lang")


def test_naughty_strings_stay_text(
    case: Callable[..., CaseLine], facts: Callable[..., DigestFacts]
) -> None:
    check(hostile(), case, facts)


def test_our_own_hostile_strings_stay_text(
    case: Callable[..., CaseLine], facts: Callable[..., DigestFacts]
) -> None:
    check(OUR_OWN, case, facts)


@pytest.mark.parametrize("words", OUR_OWN)
def test_every_part_of_a_message_can_be_sent_and_printed(
    case: Callable[..., CaseLine],
    facts: Callable[..., DigestFacts],
    words: str,
) -> None:
    evil = poisoned(case, 1, words)
    told = facts(new_cases=(evil,), problems=(words,))
    for message in (render(told), alert([evil], timezone="UTC", now=told.until)):
        assert message is not None and message.html is not None
        assert message.subject.isprintable() and "\n" not in message.subject
        for part in (message.subject, message.text, message.html):
            assert part.encode("utf-8")
            assert not set(part) & set("\x00\x07\x1b\r\t\u202e\u202d\u2066\u2067\u200f")


def test_nothing_remote_is_in_the_mail(
    case: Callable[..., CaseLine], facts: Callable[..., DigestFacts]
) -> None:
    got = render(facts(new_cases=(case(text='<img src="https://evil.example/pixel.gif">'),)))
    assert got is not None
    built = skeleton(got.html)
    tags = {tag for tag, _ in built.elements}
    assert not tags & {"img", "script", "link", "style", "iframe", "form", "object", "svg"}
    attributes = {name for _, told in built.elements for name, _ in told}
    assert not attributes & {"src", "srcset", "background", "action"}
    assert "url(" not in (got.html or "")
    assert '<img src="https://evil.example/pixel.gif">' in built.said


def test_a_link_names_its_host_and_nothing_else(
    case: Callable[..., CaseLine], facts: Callable[..., DigestFacts]
) -> None:
    got = render(facts(new_cases=(case(url="https://evil.example/?https://bank.example"),)))
    assert got is not None
    assert ">Open it on evil.example</a>" in (got.html or "")


def test_a_template_in_a_mention_is_not_run(
    case: Callable[..., CaseLine], facts: Callable[..., DigestFacts]
) -> None:
    got = render(facts(new_cases=(case(text="{{ 7*7 }} {{ page }}"),)))
    assert got is not None
    assert "{{ 7*7 }} {{ page }}" in skeleton(got.html).said
    assert "{{ 7*7 }} {{ page }}" in got.text


@pytest.mark.parametrize("lang", ['en" onclick="x', "e", "EN", "en\n", "english language"])
def test_only_a_language_tag_is_a_language(
    case: Callable[..., CaseLine], facts: Callable[..., DigestFacts], lang: str
) -> None:
    got = render(facts(new_cases=(case(lang=lang),)))
    assert got is not None
    assert "written in" not in got.text
    assert (got.html or "").count(" lang=") == 1
