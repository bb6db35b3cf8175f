"""What strangers send costs no time, no memory and no stack worth speaking of."""

from __future__ import annotations

import subprocess
import sys

import pytest

import listeners
from earful.contracts import BadItem
from earful.settings.errors import SettingsError
from earful.types import Query
from listeners.common import times
from listeners.common.json_fields import is_instant, json_object
from listeners.common.plain_text import clean
from listeners.common.rejects import preview, reject

SLOW = {  # each took from seconds to hours when it was read with care for nothing but its meaning
    "a quotation of dashes": """
from listeners.mail.message import parse_mail
parse_mail(b"From: a@b.example\\n\\n> " + b"-" * 150_000 + b" x\\n")
""",
    "marks upon marks": """
from earful.matching import Matcher
from listeners.common.plain_text import clean
Matcher(["Kestrova"]).matches(clean("a" + "\\u0301\\u0316" * 1_000_000, 2_000_000))
""",
    "marks upon marks in a stream": """
from listeners.bluesky.posts import searchable_text
from earful.matching import Matcher
Matcher(["Kestrova"]).matches(searchable_text({"text": "a" + "\\u0301\\u0316" * 250_000}))
""",
    "unclosed tags": """
from listeners.common.plain_text import from_html
from listeners.mail.html import to_text
for text in ("<a " * 200_000, "<!--" * 100_000, "<div class='" * 50_000, "&" * 300_000):
    from_html(text), to_text(text)
""",
}


@pytest.mark.parametrize("what", SLOW)
def test_hostile_text_is_read_in_no_time(what: str) -> None:
    """In a process of its own, which can be ended: a pattern that runs for hours cannot."""
    subprocess.run([sys.executable, "-c", SLOW[what]], check=True, timeout=200)


@pytest.mark.parametrize(
    "written",
    [
        "Mon, 20 May 2024 10:00:00 +99999999",
        "Mon, 20 May 2024 10:00:00 +99999999999999999999999",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "9" * 5000,
        "\ud800",
        10**400,
        float("nan"),
        float("inf"),
        [],
    ],
    ids=str,
)
def test_no_time_at_all(written: object) -> None:
    with pytest.raises(BadItem) as error:
        times.parse(written)
    assert len(str(error.value)) < 250


def nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [nested(900), {"a" * 99: nested(900)}, "x" * 10**6, ["\x00\ud800"] * 10**5, 10**4000],
    ids=["deep", "deep inside", "long", "many", "large"],
)
def test_what_cannot_be_read_is_shown_in_short(value: object) -> None:
    def down(levels: int) -> None:
        """As deep in the stack as a real poll, and deeper."""
        if levels:
            down(levels - 1)
            return
        assert len(preview(value)) <= 100
        told = reject("a post", BadItem("it is no post"), value)
        assert len(told.raw) <= 500
        f"{preview(value)}{told.raw}".encode()

    down(100)


def test_marks_are_kept_as_far_as_any_script_writes_them() -> None:
    """Zalgo loses what no reader can see; words and rows of signs lose nothing."""
    assert clean("a" + "\u0301" * 100) == "a" + "\u0301" * 30
    for text in ("á" * 99, "– – —" * 40, "😀" * 300, "நன்றி" * 40, "שָׁלוֹם" * 40):
        assert clean(text) == text


@pytest.mark.parametrize(
    "damaged", [None, "", "{", "[]", "7", "[" * 10**5, "9" * 5000, '"\\ud800"']
)
def test_a_position_that_nobody_can_read_is_none(damaged: str | None) -> None:
    assert json_object(damaged) == {}


def test_an_instant_is_one_that_calendars_have() -> None:
    assert [value for value in (0, 1 << 36, 1 << 40, -1, 1.0, True, "1") if is_instant(value)] == [
        0,
        1 << 36,
    ]
    times.from_epoch((1 << 37) - 1)


KEYED = {
    "bluesky": {"handle": "shop.bsky.social", "service": "{}"},
    "mastodon": {"instances": ["{}"]},
    "reddit": {"contact": "earful", "oauth_url": "{}"},
    "youtube": {"search": True, "endpoint": "{}"},
}


@pytest.mark.parametrize("source", KEYED)
def test_a_key_is_sent_in_clear_to_this_machine_only(source: str) -> None:
    def check(address: str) -> None:
        options = {
            key: [address] if value == ["{}"] else address if value == "{}" else value
            for key, value in KEYED[source].items()
        }
        query = Query(id=f"{source}/k", brand_id="k", source=source, any_of=("K",), options=options)
        listeners.check_query(query)

    for good in (
        "https://other.example",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]",
    ):
        check(good)
    for bad in (
        "http://other.example",
        "http://localhost.example",
        "ftp://127.0.0.1",
        "https://",
        "x",
    ):
        with pytest.raises(SettingsError, match="write it as https://"):
            check(bad)
