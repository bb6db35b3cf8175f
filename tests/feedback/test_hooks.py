"""What other systems send: signed, mapped, kept; the bad ones told of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from factories import FrozenClock
from front_world import HOOK_KEY, Front

from feedback import signing

TICKET = {
    "ticket": {"body": "the crate arrived broken", "number": 71, "at": "2026-11-20T10:00:00Z"},
    "from": {"name": "Ann", "id": 9, "phone": "not mapped, so not kept"},
    "score": 2,
}


def test_an_item_is_kept_by_its_mapped_fields_alone(front: Front) -> None:
    answer = front.hook(TICKET)
    assert answer.status_code == 202
    assert answer.json() == {"stored": 1, "rejected": [], "ratings_left_out": 0}
    (line,) = front.lines("hook-help-desk")
    assert line == {
        "at": front.clock().isoformat(),
        "kind": "csat",
        "row": {
            "text": "the crate arrived broken",
            "id": 71,
            "author": "Ann",
            "author_id": 9,
            "published_at": "2026-11-20T10:00:00Z",
            "rating": 2,
        },
    }


def test_a_bad_item_is_told_of_and_the_others_are_kept(front: Front) -> None:
    no_time = {"ticket": {"body": "x", "at": "yesterday"}}
    answer = front.hook([TICKET, {"ticket": {}}, 7, no_time, TICKET | {"score": "great"}]).json()
    assert (answer["stored"], answer["ratings_left_out"]) == (2, 1)
    assert [one["item"] for one in answer["rejected"]] == [2, 3, 4]
    assert answer["rejected"][0]["reason"] == "text: it is empty"
    assert "'yesterday' is not a time" in answer["rejected"][2]["reason"]
    assert [("row" in line) for line in front.lines("hook-help-desk")] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_nothing_unsigned_is_kept(front: Front) -> None:
    body = json.dumps(TICKET).encode()
    now = int(front.clock().timestamp())
    right = signing.sign(HOOK_KEY, body, now)
    wrong = [
        "",
        "t=,v1=",
        f"t={now}",
        "t=1e9,v1=aa",
        "t=-5,v1=aa",
        "t=٣٣,v1=aa".encode().decode("latin-1"),
        right[:-1] + ("0" if right[-1] != "0" else "1"),
        signing.sign("another secret", body, now),
        signing.sign(HOOK_KEY, body + b" ", now),
        signing.sign(HOOK_KEY, body, now - 301),
        signing.sign(HOOK_KEY, body, now + 301),
        right.replace(f"t={now}", f"t={now + 1}"),
    ]
    for header in wrong:
        answer = front.hook(body, **{"X-Earful-Signature": header})
        assert answer.status_code == 401, header
        assert "X-Earful-Signature" in answer.json()["error"]
        assert HOOK_KEY not in answer.text
    assert front.lines("hook-help-desk") == []
    for at in (now - 300, now + 300):
        assert front.hook(body, **{"X-Earful-Signature": signing.sign(HOOK_KEY, body, at)}).ok


def test_the_helpdesks_own_header(front: Front) -> None:
    body = json.dumps(TICKET).encode()
    digest = hmac.new(HOOK_KEY.encode(), body, hashlib.sha256)
    for value in (digest.hexdigest(), base64.b64encode(digest.digest()).decode()):
        header = {"X-Earful-Signature": "", "X-Desk-Signature": f"sha256={value}"}
        assert front.hook(body, **header).status_code == 202
    for value in (digest.hexdigest(), "sha256=", f"sha256={digest.hexdigest()[:-1]}x", "sha1=aa"):
        # also beside a right signature of ours: whoever forges one header has forged the call
        assert front.hook(body, **{"X-Desk-Signature": value}).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff", 400),
        (b"[NaN]", 400),
        (b"[" * 100_000, 400),
        (b"1" * 10_000, 400),
        (b'"text"', 422),
        (b"null", 422),
        (b"[" + b"1," * 1000 + b"1]", 422),
        (b" " * (256 * 1024 + 1), 413),
        (b"[]", 202),
        (b'{"ticket": {"body": "\\ud800 half", "id": "\\u0000"}}', 202),
    ],
    ids=lambda one: str(one)[:20],
)
def test_what_is_no_item(front: Front, body: bytes, status: int) -> None:
    assert front.hook(body).status_code == status


def test_another_type_is_refused(front: Front) -> None:
    assert front.hook(TICKET, **{"Content-Type": "text/plain"}).status_code == 415
    assert front.hook(TICKET, **{"Content-Type": "application/cloudevents+json"}).ok


def test_a_retry_hours_later_is_the_same_item(front: Front) -> None:
    bare = {"ticket": {"body": "it broke"}}
    assert isinstance(front.clock, FrozenClock)
    for delivery in ("msg_1", "msg_1", "msg_2"):
        front.hook([bare, bare], **{"webhook-id": delivery})
        front.clock.forward(hours=2)
    ids = [line["row"]["id"] for line in front.lines("hook-help-desk")]
    assert ids[:2] == ids[2:4]
    assert len(set(ids)) == 4, "two equal items of a request, and another delivery"
