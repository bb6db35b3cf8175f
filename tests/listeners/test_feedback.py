"""Lines of a form's inbox as mentions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import FrozenClock

import listeners
from earful.types import Batch, Mention, Query, Rating
from listeners.inbox.inbox import Inbox
from storage.collecting import ingest
from storage.database.engine import Database
from storage.entities import brands

LINE = {"at": "2026-11-20T11:59:00+00:00", "id": "5f", "kind": "nps", "rating": 2, "why": "άργησε"}


def poll(inbox: Path, lines: list[dict[str, Any]], clock: FrozenClock) -> list[Batch]:
    Inbox(inbox / "form-shop", clock=clock).append(lines)
    options = {"form": "shop", "inbox": str(inbox)}
    query = Query(id="feedback/acme/shop", brand_id="acme-air", source="feedback", options=options)
    return list(listeners.get("feedback", clock=clock).poll(query, None))


def only(inbox: Path, clock: FrozenClock, **changed: Any) -> Mention:
    (mention,) = poll(inbox, [LINE | changed], clock)[0].mentions
    return mention


def test_a_submission_is_a_mention_addressed_to_us(tmp_path: Path, clock: FrozenClock) -> None:
    found = only(tmp_path, clock)
    assert (found.source, found.external_id, found.text) == ("feedback", "shop-5f", "άργησε")
    assert found.direct
    assert found.rating == Rating(kind="nps", value=2, lowest=0, highest=10)
    assert (found.published_at.minute, found.fetched_at) == (59, clock())


def test_faces_are_csat_and_words_are_not_needed(tmp_path: Path, clock: FrozenClock) -> None:
    found = only(tmp_path, clock, kind="csat", rating=5, why="")
    assert found.rating == Rating(kind="csat", value=5, lowest=1, highest=5)
    assert found.text == ""


def test_one_address_is_one_person_whom_support_can_write_to(
    tmp_path: Path, clock: FrozenClock
) -> None:
    lines = [
        LINE | {"id": "1", "email": "Ann@Mail.example", "name": "Ann"},
        LINE | {"id": "2", "email": "ann@mail.example"},
        LINE | {"id": "3", "email": "bob@mail.example"},
    ]
    ann, same, bob = (one.author for one in poll(tmp_path, lines, clock)[0].mentions)
    assert ann.external_id == same.external_id != bob.external_id
    assert (ann.handle, ann.name, ann.url) == ("Ann@Mail.example", "Ann", None)
    assert "mail.example" not in ann.external_id


def test_people_without_an_address_are_one_each(tmp_path: Path, clock: FrozenClock) -> None:
    lines = [LINE | {"id": "1", "name": "Ann"}, LINE | {"id": "2", "name": "Ann"}, LINE]
    first, second, third = (one.author for one in poll(tmp_path, lines, clock)[0].mentions)
    assert len({first.external_id, second.external_id, third.external_id}) == 3
    assert (first.handle, third.handle, third.name) == ("Ann", "anonymous", None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rating": 11}, "rating: 11 is no whole number from 0 to 10"),
        ({"rating": True}, "rating"),
        ({"rating": "2"}, "rating"),
        ({"kind": "marks"}, "kind: 'marks' is none of nps, csat, stars"),
        ({"at": "yesterday"}, "is not a time"),
        ({"id": ""}, "id: it is missing"),
        ({"id": 7}, "id: it is missing"),
    ],
)
def test_a_line_that_was_tampered_with(
    tmp_path: Path, clock: FrozenClock, changed: dict[str, Any], said: str
) -> None:
    (batch, _) = poll(tmp_path, [LINE | changed], clock)
    assert batch.mentions == ()
    assert said in batch.rejected[0].reason


def test_the_same_id_twice_is_one_mention(
    tmp_path: Path, clock: FrozenClock, sqlite: Database
) -> None:
    from factories import ACME, RIVAL

    brands.sync(sqlite, [ACME, RIVAL])
    query = Query(id="feedback/acme/shop", brand_id="acme-air", source="feedback")
    new = 0
    for batch in poll(tmp_path, [LINE, LINE, LINE | {"id": "6"}], clock):
        new += ingest.store(sqlite, query, batch, lambda _one: [("acme-air", False)], clock()).new
    assert new == 2
