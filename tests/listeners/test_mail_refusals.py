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
    box = Box()
    for number in range(1, 5):
        deliver(box, number)
    return box


def deliver(box: Box, number: int) -> None:
    at = NOW - timedelta(hours=1)
    head = f"From: ann@mail.example\r\nMessage-ID: <{number}@mail.example>\r\n"
    box.deliver(at, f"{head}Date: {format_datetime(at)}\r\n\r\nIt never came.\r\n".encode())


def query(box: Box) -> Query:
    user = f"refusals{next(_numbers)}"
    imap_site().boxes[user] = box
    place = {"host": "127.0.0.1", "port": imap_site().port, "security": "none", "username": user}
    options = {"timeout": 60, "deadline": 120, **place}
    return Query(id="mail/kestrova", brand_id="k", source="mail", options=options)


def poll(box: Box, mail_query: Query, position: str | None = None) -> tuple[list[Batch], str]:
    """Return the batches, and the error that ended the poll."""
    batches: list[Batch] = []
    try:
        for batch in Mail(clock=lambda: NOW).poll(mail_query, position):
            batches.append(batch)
    except EdgeError as error:
        return batches, f"{'Transient' if isinstance(error, Transient) else 'Permanent'}: {error}"
    return batches, ""


def ids(batches: list[Batch]) -> list[str]:
    return [mention.external_id[0] for batch in batches for mention in batch.mentions]


def unread(batches: list[Batch]) -> list[str]:
    return [reject.where for batch in batches for reject in batch.rejected]


def seen(batches: list[Batch]) -> list[Seen]:
    return [span for batch in batches for span in batch.seen]


class Deleting(list[str]):
    """Delete a mail just when it is requested by itself."""

    def __init__(self, box: Box, uid: int) -> None:
        self._box, self._uid = box, uid

    def append(self, command: str) -> None:
        if f"FETCH {self._uid} " in command:
            self._box.mails.pop(self._uid, None)
            self._box.refused.discard(self._uid)
        super().append(command)


@pytest.mark.parametrize("bad", [{1}, {2}, {1, 2, 3}])
def test_a_mail_that_the_server_cannot_give_holds_none_back(box: Box, bad: set[int]) -> None:
    box.refused = bad
    batches, error = poll(box, query(box))
    assert (ids(batches), error) == ([str(uid) for uid in range(1, 5) if uid not in bad], "")
    assert unread(batches) == [f"mail {uid}" for uid in sorted(bad)]
    assert seen(batches)


def test_refused_mails_at_the_end_may_come_later(box: Box) -> None:
    polled = query(box)
    box.refused = {3, 4}
    batches, error = poll(box, polled)
    assert (ids(batches), unread(batches), seen(batches)) == (["1", "2"], [], [])
    assert error.startswith("Transient: ") and "could not be read" in error
    # A deleted mail does not prove that the server gives mails again.
    box.commands = Deleting(box, 4)
    retried, error = poll(box, polled, batches[-1].position)
    assert (ids(retried), unread(retried), seen(retried)) == ([], [], [])
    assert error.startswith("Transient: ") and 4 not in box.mails
    box.refused = set()
    later_batches, error = poll(box, polled, batches[-1].position)
    assert (ids(later_batches), unread(later_batches), error) == (["3"], [], "")


def test_a_server_that_says_later_gets_one_request(box: Box) -> None:
    box.faults["FETCH"] = "NO [UNAVAILABLE] come back later"
    batches, error = poll(box, query(box))
    assert error.startswith("Transient: ") and not ids(batches)
    assert sum("FETCH" in command for command in box.commands) == 1


@pytest.mark.parametrize(
    "answer_text", ["BAD unknown command: {}", "NO I do not like {}", "BAD", "what is {}"]
)
@pytest.mark.parametrize("password", [PASSWORD, "κωδικός'\"1"])
def test_a_server_that_repeats_the_password(
    box: Box, answer_text: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", password)
    polled = query(box)
    answer = base64.b64encode(f"\0{polled.options['username']}\0{password}".encode()).decode()
    for secret in (answer, password):
        box.faults["LOGIN"] = answer_text.format(secret)
        _, error = poll(box, polled)
        assert error.startswith(("Permanent: ", "Transient: "))
        assert not [
            form for form in (answer, password, repr(password.encode())[2:-1]) if form in error
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
    polled = query(box)
    box.faults[command] = f"OK go on\r\n{line}"
    batches, _ = poll(box, polled)
    del box.faults[command]
    later_batches, error = poll(box, polled, batches[-1].position if batches else None)
    assert (sorted({*ids(batches), *ids(later_batches)}), error) == (["1", "2", "3", "4"], "")
