"""What a refusal's body says reaches whoever knows the platform's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from loopback import Reply, Site

from earful.contracts import EdgeError, Permanent, Transient
from earful.limits import UnlimitedMeter
from listeners.http.errors import HttpRefusal
from listeners.http.session import HttpSession, SessionLimits

JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.fixture
def heard() -> list[tuple[int, Mapping[str, Any]]]:
    return []


@pytest.fixture
def limits() -> SessionLimits:
    return SessionLimits(timeout=60, deadline=120)


@pytest.fixture
def session(heard: list[tuple[int, Mapping[str, Any]]], limits: SessionLimits) -> HttpSession:
    def explain(status: int, said: Mapping[str, Any]) -> EdgeError | None:
        heard.append((status, said))
        return Permanent("comments are switched off") if said.get("reason") == "off" else None

    return HttpSession(
        clock=lambda: datetime(2024, 5, 20, tzinfo=UTC),
        meter=UnlimitedMeter(),
        limits=limits,
        explain=explain,
    )


def reply(status: int, said: object, **headers: str) -> Reply:
    return Reply(status=status, body=json.dumps(said).encode(), headers=JSON | headers)


def test_a_reason_that_is_known_is_the_error(site: Site, session: HttpSession) -> None:
    site.script = lambda _asked: reply(403, {"reason": "off"})
    with pytest.raises(Permanent, match=r"^comments are switched off$"):
        session.get(site.url)


@pytest.mark.parametrize(
    "answer",
    [
        reply(403, {"reason": "?"}),
        reply(403, ["off"]),
        reply(403, {"reason": "off", "more": "x" * 5000}),
        Reply(status=403, body=b'{"reason": "off"}', headers={"Content-Type": "text/html"}),
        Reply(status=403, body=b'{"reason": ', headers=JSON),
        Reply(status=403, body=b"\xff", headers=JSON),
    ],
)
def test_else_the_status_speaks(
    answer: Reply, site: Site, session: HttpSession, heard: list[object]
) -> None:
    site.script = lambda _asked: answer
    with pytest.raises(HttpRefusal) as error:
        session.get(site.url)
    assert error.value.status == 403 and len(heard) == 1


def test_a_wait_that_is_asked_for_is_kept(site: Site, session: HttpSession) -> None:
    site.script = lambda _asked: reply(429, {"reason": "?"}, **{"Retry-After": "17"})
    with pytest.raises(Transient) as error:
        session.get(site.url)
    assert error.value.retry_after == 17


@pytest.mark.parametrize("limits", [SessionLimits(timeout=0.5, deadline=0.7)])
def test_a_reason_that_drips_ends_at_the_deadline(site: Site, session: HttpSession) -> None:
    site.script = lambda _asked: Reply(status=403, body=b" " * 4000, headers=JSON, fault="drip")
    with pytest.raises(Transient, match="in time"):
        session.get(site.url)


def test_good_answers_are_not_explained(
    site: Site, session: HttpSession, heard: list[object]
) -> None:
    site.script = lambda _asked: reply(200, {"reason": "off"})
    assert session.get(site.url).json() == {"reason": "off"}
    assert not heard
