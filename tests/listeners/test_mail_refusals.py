"""The source "mail" when the server refuses some mails, repeats secrets or answers nonsense."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

import pytest
from imap_site import PASSWORD, Box, imap_site

from earful.contracts import EdgeError, Transient
from earful.types import Batch, Query, Seen
from listeners.mail.listener import Mail

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
_numbers = count()


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", PASSWORD)


@pytest.fixture
def box() -> Box:
    """Four mails of an hour ago."""
    found = Box()
    for number in range(1, 5):
        put(found, number)
    return found


def put(box: Box, number: int) -> None:
    at = NOW - timedelta(hours=1)
    head = f"From: ann@mail.example\r\nMessage-ID: <{number}@mail.example>\r\n"
    box.put(at, f"{head}Date: {format_datetime(at)}\r\n\r\nIt never came.\r\n".encode())


def query(box: Box) -> Query:
    user = f"refusals{next(_numbers)}"
    imap_site().boxes[user] = box
    place = {"host": "127.0.0.1", "port": imap_site().port, "security": "none", "username": user}
    options = {"timeout": 60, "deadline": 120, **place}
    return Query(id="mail/kestrova", brand_id="k", source="mail", options=options)


def poll(box: Box, asked: Query, position: str | None = None) -> tuple[list[Batch], str]:
    """The batches, and what the poll ended with."""
    got: list[Batch] = []
    try:
        for batch in Mail(clock=lambda: NOW).poll(asked, position):
            got.append(batch)
    except EdgeError as error:
        return got, f"{'Transient' if isinstance(error, Transient) else 'Permanent'}: {error}"
    return got, ""


def ids(batches: list[Batch]) -> list[str]:
    return [one.external_id[0] for batch in batches for one in batch.mentions]


def unread(batches: list[Batch]) -> list[str]:
    return [one.where for batch in batches for one in batch.rejected]


def seen(batches: list[Batch]) -> list[Seen]:
    return [one for batch in batches for one in batch.seen]


class Deleting(list[str]):
    """Somebody deletes a mail just when it is asked for by itself."""

    def __init__(self, box: Box, uid: int) -> None:
        self._box, self._uid = box, uid

    def append(self, said: str) -> None:
        if f"FETCH {self._uid} " in said:
            self._box.mails.pop(self._uid, None)
            self._box.refused.discard(self._uid)
        super().append(said)


@pytest.mark.parametrize("bad", [{1}, {2}, {1, 2, 3}])
def test_a_mail_that_the_server_cannot_give_holds_none_back(box: Box, bad: set[int]) -> None:
    box.refused = bad
    got, error = poll(box, query(box))
    assert (ids(got), error) == ([str(one) for one in range(1, 5) if one not in bad], "")
    assert unread(got) == [f"mail {one}" for one in sorted(bad)]
    assert seen(got)


def test_while_no_later_one_is_given_it_may_be_a_bad_hour(box: Box) -> None:
    asked = query(box)
    box.refused = {3, 4}
    got, error = poll(box, asked)
    assert (ids(got), unread(got), seen(got)) == (["1", "2"], [], [])
    assert error.startswith("Transient: ") and "could not be read" in error
    box.asked = Deleting(box, 4)  # what is gone is no proof that the hour has passed
    again, error = poll(box, asked, got[-1].position)
    assert (ids(again), unread(again), seen(again)) == ([], [], [])
    assert error.startswith("Transient: ") and 4 not in box.mails
    box.refused = set()
    rest, error = poll(box, asked, got[-1].position)
    assert (ids(rest), unread(rest), error) == (["3"], [], "")


def test_a_server_that_says_later_is_asked_once(box: Box) -> None:
    box.faults["FETCH"] = "NO [UNAVAILABLE] come back later"
    got, error = poll(box, query(box))
    assert error.startswith("Transient: ") and not ids(got)
    assert sum("FETCH" in one for one in box.asked) == 1


@pytest.mark.parametrize(
    "said", ["BAD unknown command: {}", "NO I do not like {}", "BAD", "what is {}"]
)
@pytest.mark.parametrize("password", [PASSWORD, "κωδικός'\"1"])
def test_a_server_that_repeats_the_password(
    box: Box, said: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", password)
    asked = query(box)
    answer = base64.b64encode(f"\0{asked.options['username']}\0{password}".encode()).decode()
    for secret in (answer, password):
        box.faults["LOGIN"] = said.format(secret)
        _, error = poll(box, asked)
        assert error.startswith(("Permanent: ", "Transient: "))
        assert not [
            one for one in (answer, password, repr(password.encode())[2:-1]) if one in error
        ]


NONSENSE = [
    "* SEARCH {3}\r\nabc",
    "* SEARCH " + "9" * 5000,
    "* SEARCH 99999999999",
    "* UIDVALIDITY {3}\r\nabc",
    "* OK [UIDVALIDITY x] y",
    "* 1 FETCH {3}\r\nabc",
    "* 1 FETCH (UID 99999999999999999999 BODY[]<0> {3}\r\nabc)",
    "* 99999999999999 EXISTS",
    "+ go on",
    "",
]


@pytest.mark.parametrize("line", NONSENSE)
@pytest.mark.parametrize("command", ["LOGIN", "EXAMINE"])
def test_nonsense_loses_no_mail(box: Box, command: str, line: str) -> None:
    asked = query(box)
    box.faults[command] = f"OK go on\r\n{line}"
    got, _ = poll(box, asked)
    del box.faults[command]
    rest, error = poll(box, asked, got[-1].position if got else None)
    assert (sorted({*ids(got), *ids(rest)}), error) == (["1", "2", "3", "4"], "")
