"""The register: every format that is named is documented and has samples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from listeners.files.folder import FolderOptions
from listeners.files.presets import PRESETS, UnknownPreset, get_preset, recognise
from listeners.files.presets.adapter import FIELDS
from listeners.files.presets.headers import fold
from listeners.files.presets.recognition import is_header
from listeners.files.replay import ReplayOptions

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
_NAMES = """
    play-console appstore-connect trustpilot meltwater brandwatch talkwalker sprout zendesk
    intercom freshdesk x-archive twarc snscrape pushshift youtube-takeout facebook-download
    instagram-download telegram discord whatsapp google-forms surveymonkey earful
"""
NAMES = _NAMES.split()
SAMPLES = "".join(
    path.read_text(encoding="utf-8")
    for path in sorted(Path(__file__).parent.glob("test_presets_*.py"))
    if path.name != Path(__file__).name
)


def test_every_format_is_registered() -> None:
    assert set(NAMES) == set(PRESETS)


@pytest.mark.parametrize("name", NAMES)
def test_a_format_is_complete(name: str) -> None:
    preset = get_preset(name)
    assert preset.title
    assert preset.adapt is not None
    assert "published_at" in preset.columns
    for group in preset.signature:
        assert set(group) <= preset.columns.keys()
    assert all(sentence.endswith(".") for sentence in preset.assumptions)


@pytest.mark.parametrize("name", NAMES)
def test_a_format_has_a_row_in_the_docs(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    # where to click, the source, and the fields
    assert row.count("|") == 5
    assert f"`{get_preset(name).source}`" in row


@pytest.mark.parametrize("name", NAMES)
def test_a_format_has_two_samples(name: str) -> None:
    assert SAMPLES.count(f'== "{name}"') >= 2


def test_names_of_columns_are_words() -> None:
    for preset in PRESETS.values():
        for field, headers in preset.columns.items():
            assert isinstance(headers, tuple), (preset.name, field)
            # a lone string in place of a tuple would give single letters
            assert all(len(fold(header)) > 1 for header in headers), (preset.name, field)


def test_a_wrong_name_has_a_suggestion() -> None:
    with pytest.raises(UnknownPreset, match="did you mean 'trustpilot'"):
        get_preset("trust-pilot")
    with pytest.raises(UnknownPreset, match="did you mean 'zendesk'"):
        recognise(["a"], name="zendesc")


def test_fields_reach_the_reader() -> None:
    assert {"text", "author", "rating", "source", "brands"} <= set(FIELDS)


@pytest.mark.parametrize(
    "cells",
    [
        ["Query Id", "Date", "Full Text", "Author", "Resource Id"],
        ["Zeitstempel", "Was hat Sie gestört?"],
        ["Χρονική σήμανση", "Τι πήγε στραβά;"],
        ["Message", "Date"],
    ],
)
def test_a_header_is_told_from_a_line_above_it(cells: list[str]) -> None:
    assert is_header(cells)
    assert not is_header(["Report:", "Bulk Mentions Download"])
    assert not is_header(["From:", "Sun Mar 08 00:00:00 UTC 2026"])


@pytest.mark.parametrize(
    "columns",
    [
        ["Conversation ID", "Message", "Created at"],
        ["Id", "Text", "Author", "Date"],
        ["Review ID", "Stars", "Text", "Date", "Reviewer Name", "Domain"],
        ["Timestamp", "Author", "What they said about us"],
        ["id", "text", "created_at", "user"],
        ["Ticket ID", "Subject", "Created at"],
    ],
)
def test_columns_of_no_tool_are_not_taken_for_a_preset(columns: list[str]) -> None:
    assert recognise(columns).preset is None


def test_a_preset_names_the_source_of_a_watched_file() -> None:
    path = Path("reviews.csv")
    assert ReplayOptions(path=path, preset="trustpilot").source_name() == "trustpilot"
    assert ReplayOptions(path=path, preset="trustpilot", source_as="crm").source_name() == "crm"
    assert ReplayOptions(path=path).source_name() == "replay"
    folder = FolderOptions(path=Path("exports"), preset="whatsapp")
    assert folder.source_name() == "whatsapp"
