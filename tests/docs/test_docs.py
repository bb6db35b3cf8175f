"""Test that settings, commands, sources, channels, decisions and links are documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from sqlmodel import SQLModel
from typer import Typer

import listeners
from commands.main import cli
from earful.settings import load
from outreach import notifiers
from storage.exports import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def blocks() -> list[tuple[str, type[BaseModel]]]:
    """Every block of settings with the name of its section."""
    pairs: list[tuple[str, type[BaseModel]]] = [("", load.Settings)]
    for section, field in load.Settings.model_fields.items():
        pairs += [(section, block) for block in models_in(field.annotation)]
    return pairs


def models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def keys() -> list[tuple[str, str]]:
    return [(section, key) for section, block in blocks() for key in block.model_fields]


def test_there_are_settings_to_document() -> None:
    assert {"brand", "listen", "rules", "channel"} <= {section for section, _ in blocks()}


def is_explained(page: str, section: str, key: str) -> bool:
    if not section:
        return re.search(rf"`{key}`|\[{key}\]", page) is not None
    part = re.split(rf"^## \[+{section}\]+$", page, flags=re.MULTILINE)[1].split("\n## ")[0]
    return f"`{key}`" in part


def test_every_settings_key_is_explained() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [(section, key) for section, key in keys() if not is_explained(page, section, key)]
    assert not missing, f"docs/settings.md does not explain {missing}"


def commands() -> list[str]:
    groups = [group.typer_instance for group in cli.registered_groups if group.typer_instance]
    return [
        *names_in(cli),
        *(
            f"{group.info.name or ''} {name}".strip()
            for group in groups
            for name in names_in(group)
        ),
    ]


def names_in(group: Typer) -> list[str]:
    return [
        command.name or command.callback.__name__  # type: ignore[union-attr]
        for command in group.registered_commands
    ]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_explained(command: str) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"`earful {command}" in page


@pytest.mark.parametrize("source", listeners.names())
def test_every_source_has_its_settings_limits_and_price(source: str) -> None:
    assert f'source = "{source}"' in ALL  # its options: tests/listeners/test_sources_page.py


@pytest.mark.parametrize("kind", sorted(notifiers.KINDS))
def test_every_kind_of_channel_is_explained(kind: str) -> None:
    assert f'kind = "{kind}"' in ALL or f"`{kind}`" in ALL


@pytest.mark.parametrize("column", COLUMNS)
def test_every_export_column_is_explained(column: str) -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert any(f"`{column}`" in row for row in rows)


def test_every_page_of_the_dashboard_is_explained() -> None:
    app = (ROOT / "dashboard" / "app.py").read_text(encoding="utf-8")
    titles = re.findall(r'st\.Page\(views / .*?title="([^"]+)"', app)
    assert "Command center" in titles
    for title in titles:
        assert title.lower() in ALL.lower(), f"no page of docs explains {title!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)", page.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        place = page.parent / target if target else page
        assert place.exists(), f"{page.name} links to {link}, which does not exist"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{page.name} links to {link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_pages_name_exist(page: Path) -> None:
    """Names with capitals, such as listeners/NAME.py, are to be filled in by the reader."""
    for name in re.findall(r"`([a-z_]+/[a-z0-9_/.-]*\.(?:py|md))`", page.read_text("utf-8")):
        assert (ROOT / name).exists(), f"{page.name} names {name}, which does not exist"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles)
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def test_the_readme_reaches_every_page() -> None:
    start = (ROOT / "README.md").read_text(encoding="utf-8")
    start += (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in ("get-started.md", "sources.md", "decisions.md"):
        start += (ROOT / "docs" / name).read_text(encoding="utf-8")
    for page in PAGES:
        assert page.name == "README.md" or page.name in start, f"no page links to {page.name}"


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_has_context_choice_and_consequence(page: Path) -> None:
    index = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    _, *decisions = re.split(r"^### ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert decisions
    for decision in decisions:
        title = decision.splitlines()[0]
        parts = re.findall(r"^\*\*(\w+)\.\*\* ", decision, re.MULTILINE)
        assert parts == ["Context", "Choice", "Consequence"], title
        assert f"[{title}](decisions/{page.name}#" in index, f"the index leaves out {title!r}"


def test_the_glossary_is_in_order_and_explains_every_table() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [term.lower() for term in re.findall(r"^\*\*([^*]+)\*\*: ", page, re.MULTILINE)]
    assert len(terms) > 100 and terms == sorted(set(terms))
    for table in SQLModel.metadata.tables:
        assert re.search(rf"table `{table}`", page), f"docs/glossary.md leaves out table {table}"


def test_lock_files_name_no_host() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text
