"""What is wrong with a value is said in words, not as a program's pattern or type."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from earful.settings import load
from earful.settings.blocks import Duration
from earful.settings.errors import SettingsError, explain


class Inner(BaseModel):
    """A block inside options."""

    text: str


class Options(BaseModel):
    """As a listener has them: keys, lists, no sections."""

    servers: tuple[str, ...] = ()
    kinds: Annotated[tuple[Literal["post", "comment"], ...], Field(min_length=1)] = ("post",)
    since: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))] = timedelta(
        days=1
    )
    ids: tuple[Annotated[str, Field(pattern="^[0-9]+$", description="a number")], ...] = ()
    owner: Annotated[str, Field(pattern="^[a-z]+$", description="small letters")] = "a"
    plain: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    map: Inner = Inner(text="t")


def _said(**given: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(given)
    return explain("options", caught.value, Options)


def test_a_key_that_takes_a_list_of_words_is_no_section() -> None:
    assert _said(servers="https://a.example") == (
        "options: servers: 'https://a.example' should be a list, as in servers = [\"…\"]"
    )


def test_an_item_of_a_list_is_named_by_its_place_and_told_of_once() -> None:
    assert _said(kinds=["post", "commnt"]) == (
        "options: kinds 2: 'commnt' should be 'post' or 'comment' (did you mean 'comment'?)"
    )
    assert len(_said(kinds=["commnt"]).splitlines()) == 1
    assert _said(kinds=[]) == "options: kinds: [] should hold 1 or more"


def test_a_bound_in_time_is_written_as_settings_write_it() -> None:
    assert _said(since="30d").endswith(" less than or equal to 7d")
    assert _said(since="5s").endswith(" greater than or equal to 60s")


def test_a_pattern_is_told_in_the_fields_own_words() -> None:
    assert _said(ids=["1", "@kestrova"]) == "options: ids 2: '@kestrova' should be a number"
    assert _said(owner="u/me") == "options: owner: 'u/me' should be small letters"
    assert "should match pattern" in _said(plain="7")  # where it has none


def test_a_block_inside_is_still_a_section() -> None:
    assert _said(map={}) == "options: [map]: 'text' is missing"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[channel]]\nname = "The Desk"\nkind = "print"',
            "settings.toml: [[channel]] 1 name: 'The Desk' should be small letters, digits, - "
            "and _, with a letter first",
        ),
        (
            '[[account]]\nname = "x"\nsource = "x"\ncurrency = "euro"',
            "[[account]] 1 currency: 'euro' should be three capital letters, as USD",
        ),
        (
            '[[form]]\nname = "Our shop"\nbrand = "A"',
            "[[form]] 1 name: 'Our shop' should be small letters, digits and -, with a letter",
        ),
    ],
)
def test_names_in_settings(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load.load(file)
    assert words in str(caught.value)
