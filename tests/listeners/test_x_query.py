"""A query as X's search strings: what a brand's name holds is never an operator."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from x_server import matcher

from earful.contracts import Permanent
from earful.types import Query
from listeners.x.query import label, searches


def asked(*any_of: str, most: int = 512, **fields: object) -> tuple[str, ...]:
    return searches(Query(id="x/k", brand_id="k", source="x", any_of=any_of, **fields), most)


def test_names_handles_and_tags_are_joined() -> None:
    assert asked("Kestrova", "@kestrova", "#kestrova", "Kestrova Plus") == (
        '("Kestrova" OR @kestrova OR #kestrova OR "Kestrova Plus") -is:retweet',
    )


def test_one_term_needs_no_group() -> None:
    assert asked("Kestrova") == ('"Kestrova" -is:retweet',)


def test_exclusions_stand_by_themselves_and_languages_together() -> None:
    found = asked(
        "Kestrova", none_of=("kestrova falcon", "@falcons"), languages=("en", "el", "pt-BR")
    )
    assert found == (
        '"Kestrova" -"kestrova falcon" -@falcons (lang:en OR lang:el OR lang:pt) -is:retweet',
    )


def test_languages_are_called_as_x_calls_them() -> None:
    (found,) = asked("Kestrova", languages=("he", "id", "zh"))
    assert "(lang:iw OR lang:in OR lang:zh-CN OR lang:zh-TW)" in found
    assert "lang:el -is" in asked("Kestrova", languages=("EL",))[0]


@pytest.mark.parametrize("language", ["english", "e", "en OR from:x", ""])
def test_what_is_no_language_is_refused(language: str) -> None:
    with pytest.raises(Permanent, match="is no language code"):
        asked("Kestrova", languages=(language,))


@pytest.mark.parametrize(
    ("term", "written"),
    [
        ("OR from:x", '"OR from:x"'),
        ('a" OR from:x OR "b', '"a OR from:x OR b"'),
        ("“Kestrova”", '"Kestrova"'),
        ("Kestrova\\", '"Kestrova"'),
        ("-is:retweet", '"-is:retweet"'),
        ("(a OR b)", '"(a OR b)"'),
        ("@kestrova OR @x", '"@kestrova OR @x"'),
        ("@a_handle_far_too_long", '"@a_handle_far_too_long"'),
        ("#1", '"#1"'),
        ("a\n b\tc", '"a b c"'),
        ("κέστροβα", '"κέστροβα"'),
        ("🦅", '"🦅"'),
    ],
)
def test_a_term_with_operators_inside_is_inert(term: str, written: str) -> None:
    assert asked(term) == (f"{written} -is:retweet",)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=30), st.lists(st.text(max_size=9)))
def test_whatever_the_terms_are_a_search_is_well_formed(terms: list[str], none: list[str]) -> None:
    try:
        found = asked(*terms, none_of=tuple(none[:8]))
    except Permanent:
        return
    for one in found:
        assert len(one) <= 512
        assert matcher(one) is not None
        assert one.endswith(" -is:retweet")
        outside = re.sub(r'"[^"]*"', "", one)
        assert ":" not in outside.removesuffix("-is:retweet")


def test_terms_that_do_not_fit_are_spread_and_none_is_lost() -> None:
    terms = [f"Kestrova article {number}" for number in range(100)]
    found = asked(*terms, none_of=("falcon",), most=300)
    assert len(found) > 5
    assert all(len(one) <= 300 and '-"falcon"' in one for one in found)
    assert [
        term
        for one in found
        for term in re.findall(r'(?<!-)"([^"]*)"', one.replace('-"falcon"', ""))
    ] == terms


def test_the_same_term_is_asked_for_once() -> None:
    assert asked("Kestrova", "kestrova", " KESTROVA ", "!!", "") == ('"Kestrova" -is:retweet',)


@pytest.mark.parametrize("terms", [(), ("",), ("!?", '"')])
def test_without_a_term_nothing_is_asked(terms: tuple[str, ...]) -> None:
    with pytest.raises(Permanent, match="any_of is empty"):
        asked(*terms)


def test_exclusions_that_leave_no_room_are_refused() -> None:
    none = tuple(f"somebody else's product {number}" for number in range(30))
    with pytest.raises(Permanent, match=r"X allows 512\. Shorten none_of"):
        asked("Kestrova", none_of=none)
    assert len(asked("Kestrova", none_of=none, most=4096)) == 1


def test_labels_are_short_and_differ() -> None:
    terms = [f"Kestrova article {number}" for number in range(20)]
    (one,), (other,) = asked(*terms), asked(*terms[:-1], "Kestrova other")
    assert label(asked("Kestrova")[0]) == '"Kestrova" -is:retweet'
    assert len(label(one)) <= 120 and label(one) != label(other)
    assert label(one).startswith('("Kestrova article 0" OR ')
