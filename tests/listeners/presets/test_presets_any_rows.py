"""Every row of every format ends as a mention, a reject or left out, whatever its cells hold."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preset_files import NOW

from earful.types import Mention, Rejected
from listeners.files.lines import Line, Record
from listeners.files.presets import PRESETS, LeftOut
from listeners.files.record_parser import RecordParser, preset_columns
from listeners.files.rows import ColumnMap, Reading, RowReader

# keys that presets read in a record itself
_KEYS = """
    data attributes title body type includes users id comments comment author author_id public
    tickets requester requester_id description created_at subject url conversations source
    conversation_parts part_type conversation_rating remark contacts body_text incoming
    private tweet full_text id_str user entities urls expanded_url display_url text
    extended_tweet note_tweet referenced_tweets public_metrics edit_history_tweet_ids
    deleted_at timestamp tweet_id rawContent content _type links retweetedTweet date
    retweetCount body selftext name created_utc removed_by_category permalink link_id
    parent_id messages sender_name type post label_values label value fbid media
    string_map_data creation_timestamp timestamp_ms chats list text_entities from from_id
    date_unixtime reactions count reference isBot
"""
KEYS = [*_KEYS.split(), "WhatsApp time", "WhatsApp author", "WhatsApp message"]
CELLS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 2_000_000_000),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from(["2026-03-14T15:07:00Z", "1773500820", "[deleted]", "message", "agent"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    ),
    max_leaves=12,
)


def _columns(name: str) -> list[str]:
    """Return the headers of a preset, and the first steps of its dotted paths."""
    headers = [header for headers in PRESETS[name].columns.values() for header in headers]
    return [*headers, *(header.partition(".")[0] for header in headers), *KEYS]


@pytest.mark.parametrize("name", list(PRESETS))
def test_no_row_breaks_a_preset(name: str) -> None:
    @settings(max_examples=12, deadline=None, derandomize=True, database=None)
    @given(st.dictionaries(st.sampled_from(_columns(name)), CELLS, min_size=1, max_size=12))
    def check(row: dict[str, Any]) -> None:
        columns, adapter = preset_columns(ColumnMap(), name)
        reading = Reading(zone=ZoneInfo("Europe/Athens"), rating_scale="1-5")
        reader = RowReader(columns, source="test", fetched_at=NOW, reading=reading)
        line = Line(b"", 1, 0, True)
        outcomes = RecordParser(reader, adapter).parse(Record(row, "", line, line))
        assert outcomes
        for outcome in outcomes:
            assert isinstance(outcome, (Mention, Rejected, LeftOut))
            if isinstance(outcome, Mention):
                assert outcome.text or PRESETS[name].may_lack_words

    check()
