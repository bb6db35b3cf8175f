"""docs/sources.md says what the listeners say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import listeners
from earful.types import Query
from listeners import _plugin

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"


def section(source: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^## {source}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/sources.md has no section ## {source}"
    return found.group()


@pytest.mark.parametrize("source", listeners.names())
def test_every_option_is_explained(source: str) -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", section(source), re.MULTILINE))
    assert explained == set(_plugin(source).Options.model_fields)


@pytest.mark.parametrize("source", listeners.names())
def test_the_blocks_can_be_pasted(source: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", section(source), re.DOTALL)
    assert blocks
    for block in blocks:
        for listen in tomllib.loads(block)["listen"]:
            assert listen["source"] == source
            options = listen["options"]
            listeners.check_query(Query(id="x", brand_id="x", source=source, options=options))


def test_every_field_of_map_is_named() -> None:
    from listeners.rows import Columns

    page = section("replay")
    assert not [field for field in Columns.model_fields if f"`{field}`" not in page]
