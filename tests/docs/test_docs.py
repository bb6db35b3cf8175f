"""Docs are tested: what a person can set, run, connect or follow a link to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from typer import Typer

import listeners
from commands.main import cli
from earful.settings import load
from outreach import notifiers

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def blocks() -> list[tuple[str, type[BaseModel]]]:
    """Every block of settings with the name of its section."""
    found: list[tuple[str, type[BaseModel]]] = [("", load.Settings)]
    for name, field in load.Settings.model_fields.items():
        found += [(name, block) for block in models_in(field.annotation)]
    return found


def models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def keys() -> list[tuple[str, str]]:
    return [(section, key) for section, block in blocks() for key in block.model_fields]


def test_there_are_settings_to_document() -> None:
    assert {"brand", "listen", "rules", "channel"} <= {section for section, _ in blocks()}


@pytest.mark.parametrize(("section", "key"), keys())
def test_every_settings_key_is_explained(section: str, key: str) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    if not section:
        assert re.search(rf"`{key}`|\[{key}\]", page), key
        return
    part = re.split(rf"^## \[+{section}\]+$", page, flags=re.MULTILINE)[1].split("\n## ")[0]
    assert f"`{key}`" in part, f"docs/settings.md says nothing of {key!r} under [{section}]"


def commands() -> list[str]:
    groups = [one.typer_instance for one in cli.registered_groups if one.typer_instance]
    return [
        *names_in(cli),
        *(f"{g.info.name or ''} {name}".strip() for g in groups for name in names_in(g)),
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"


def test_the_readme_reaches_every_page() -> None:
    start = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("get-started.md", "sources.md"):
        start += (ROOT / "docs" / name).read_text(encoding="utf-8")
    for page in PAGES:
        assert page.name == "README.md" or page.name in start, f"no way leads to {page.name}"


def test_lock_files_name_no_host() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text
