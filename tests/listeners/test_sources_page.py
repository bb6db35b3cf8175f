"""docs/sources.md, and the page of each platform, say what the listeners say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import listeners
from earful.types import Query
from listeners import _plugin

DOCS = Path(__file__).parents[2] / "docs"


def section(source: str) -> str:
    """The page of the source, or its section of the index."""
    page = DOCS / "sources" / f"{source}.md"
    if page.is_file():
        return page.read_text(encoding="utf-8")
    text = (DOCS / "sources.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {source}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/sources/{source}.md is missing"
    return found.group()


@pytest.mark.parametrize("source", listeners.names())
def test_the_index_names_every_source(source: str) -> None:
    index = (DOCS / "sources.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| \[`{source}`\]", index, re.MULTILINE)


@pytest.mark.parametrize("source", listeners.names())
def test_the_honesty_page_says_what_cannot_be_seen(source: str) -> None:
    page = (DOCS / "coverage.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{source}` \|", page, re.MULTILINE)


@pytest.mark.parametrize("source", listeners.names())
def test_every_option_is_explained(source: str) -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", section(source), re.MULTILINE))
    assert explained == set(_plugin(source).Options.model_fields)


@pytest.mark.parametrize("source", listeners.names())
def test_the_blocks_can_be_pasted(source: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", section(source), re.DOTALL)
    assert blocks
    for block in blocks:
        # a form or a hook is a block of its own: tests/feedback loads those as settings
        for listen in tomllib.loads(block).get("listen", []):
            assert listen["source"] == source
            options = listen.get("options", {})
            listeners.check_query(Query(id="x", brand_id="x", source=source, options=options))


def test_every_field_of_map_is_named() -> None:
    from listeners.files.rows import ColumnMap

    page = section("replay")
    assert not [field for field in ColumnMap.model_fields if f"`{field}`" not in page]
