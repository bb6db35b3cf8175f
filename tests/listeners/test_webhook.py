"""Items that other systems sent, as mentions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from earful.contracts import BadItem
from earful.types import Rating
from listeners.inbox.webhook import ItemReader, fields_of

NOW = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
ROW = {"id": 5, "text": "broken", "author": "Ann", "published_at": "2026-11-20T10:00:00Z"}
PLACES = {"text": "message.body", "id": "id", "author": "user.name", "published_at": "at"}


def read(**changed: Any) -> Any:
    return ItemReader("desk", NOW).read(ROW | changed, "csat")


def test_an_item_is_a_mention_addressed_to_us() -> None:
    found = read(rating=4, reply_to=3, url="https://desk.example/5")
    assert (found.source, found.external_id, found.reply_to) == ("webhook", "desk-5", "desk-3")
    assert (found.author.handle, found.author.external_id) == ("Ann", "desk-Ann")
    assert found.direct and found.url == "https://desk.example/5"
    assert found.rating == Rating(kind="csat", value=4, lowest=1, highest=5)


@pytest.mark.parametrize("value", ["4", 4])
def test_a_rating_may_be_written_as_text(value: object) -> None:
    assert read(rating=value).rating.value == 4


@pytest.mark.parametrize("value", ["good", 6, 0, 4.5, True, None, [4], ""])
def test_a_rating_that_makes_no_sense_loses_no_words(value: object) -> None:
    assert (read(rating=value).rating, read(rating=value).text) == (None, "broken")


def test_a_rating_needs_no_words() -> None:
    assert read(rating=1, text="").text == ""
    with pytest.raises(BadItem, match="text: it is empty"):
        read(text="")


def test_two_hooks_may_count_from_one() -> None:
    other = ItemReader("crm", NOW).read(dict(ROW), "csat")
    assert other.external_id != read().external_id
    assert other.author.external_id != read().author.external_id


def test_fields_are_found_inside_and_by_names_with_dots() -> None:
    item = {"id": 1, "message": {"body": "x"}, "user.name": "Ann", "at": "t", "secret": "y"}
    found = fields_of(item, PLACES, NOW)
    assert found == {"id": 1, "text": "x", "author": "Ann", "published_at": "t"}


@pytest.mark.parametrize("inside", ["text", 3, None, [], {"body": None}])
def test_a_path_that_leads_nowhere(inside: object) -> None:
    assert "text" not in fields_of({"message": inside}, PLACES, NOW)


def test_an_item_without_a_time_is_of_now() -> None:
    item = {"message": {"body": "x"}, "id": 9}
    assert fields_of(item, PLACES, NOW)["published_at"] == NOW.isoformat()
    assert fields_of(item, PLACES, NOW)["id"] == 9


def test_an_item_sent_again_without_id_and_time_is_the_same_at_any_age() -> None:
    item = {"message": {"body": "x"}}
    first = fields_of(item, PLACES, NOW)["id"]
    for later in (timedelta(minutes=40), timedelta(hours=1), timedelta(days=3)):
        assert fields_of(item, PLACES, NOW + later)["id"] == first
    assert fields_of({"message": {"body": "y"}}, PLACES, NOW)["id"] != first
    # a field that is not mapped tells two customers apart
    assert fields_of(item | {"phone": "1"}, PLACES, NOW)["id"] != first


def test_the_senders_name_of_a_delivery_tells_equal_items_apart() -> None:
    item = {"message": {"body": "x"}}
    first = fields_of(item, PLACES, NOW, delivery="msg_1")["id"]
    assert fields_of(item, PLACES, NOW + timedelta(hours=5), delivery="msg_1")["id"] == first
    assert fields_of(item, PLACES, NOW, delivery="msg_2")["id"] != first
    assert fields_of(item, PLACES, NOW, delivery="msg_1", number=2)["id"] != first
