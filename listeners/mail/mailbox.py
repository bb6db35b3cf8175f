"""Read a folder of a mailbox over IMAP, and never change it.

Sources: RFC 3501 (EXAMINE, UID, UIDVALIDITY, partial FETCH, modified UTF-7).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from earful.contracts import BadItem, Permanent, SpendMeter, Transient
from listeners.common import times
from listeners.http.deadline import deadline
from listeners.mail.imap_client import (
    COMMAND_OVERHEAD,
    MAX_LINE,
    ImapClient,
    ImapServer,
    edge_errors,
    is_temporary,
    logged_in,
    response_text,
)

_UID = re.compile(rb"\bUID (\d{1,10})\b")
_INTERNALDATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
# RFC 3501 section 2.3.1.1: a UID has 32 bits.
_MAX_UID = 2**32 - 1
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedMail:
    """A mail from the server; ``data`` are its first bytes, None when it sent none."""

    uid: int
    arrived_at: datetime | None
    data: bytes | None


class MailboxBusy(Transient):
    """The server refuses some mails, and does not say whether it will give them later."""


class Mailbox:
    """A folder that is open for reading."""

    def __init__(self, server: ImapServer, meter: SpendMeter, client: ImapClient) -> None:
        self._server = server
        self._meter = meter
        self._client = client
        self.uid_validity = 0

    def examine(self, folder: str) -> None:
        """Open the folder read-only. Raises Permanent when it does not exist."""
        with self._command():
            status, data = self._client.select(quote_folder(folder), readonly=True)
        if status != "OK":
            raise Permanent(
                f"{self._server}: the folder {folder!r} cannot be opened ({response_text(data)})",
                hint="Write it as the server does, often INBOX.Support or INBOX/Support.",
            )
        number = self._client.response("UIDVALIDITY")[1][0]
        # A hostile server may send anything here (test_mail_refusals.py, nonsense).
        is_number = isinstance(number, bytes) and number.isdigit()
        self.uid_validity = int(number[:10]) if is_number else 0

    def uids(self, after: int, since: date | None) -> list[int]:
        """Return the numbers of messages above ``after``, ascending.

        With ``since``, only messages that arrived on that day (in the server's zone) or later.
        """
        criteria = f"UID {after + 1}:*"
        if since is not None:
            criteria += f" SINCE {since.day:02d}-{_MONTHS[since.month - 1]}-{since.year:04d}"
        with self._command(MAX_LINE):
            status, data = self._client.uid("SEARCH", criteria)
        if status != "OK":
            raise Transient(f"{self._server}: the search was refused ({response_text(data)})")
        words = b" ".join(line for line in data if isinstance(line, bytes)).split()
        numbers = {int(word) for word in words if word.isdigit() and len(word) <= 10}
        # "n:*" matches the last message even when its number is below n (RFC 3501 section 6.4.8).
        return sorted(uid for uid in numbers if after < uid <= _MAX_UID)

    def fetch(self, uids: Sequence[int], max_bytes: int) -> list[FetchedMail]:
        """Return the first ``max_bytes`` of each message, in the order of ``uids``.

        Unread messages stay unread. A message that was deleted meanwhile is missing. Raises
        MailboxBusy when the server refuses one or more of them.
        """
        items = f"(UID INTERNALDATE BODY.PEEK[]<0.{max_bytes}>)"
        with self._command(len(uids) * (max_bytes + 1024)):
            status, data = self._client.uid("FETCH", ",".join(map(str, uids)), items)
        if status != "OK":
            refusal = response_text(data)
            error = Transient if is_temporary(refusal) else MailboxBusy
            raise error(f"{self._server}: mails could not be read ({refusal})")
        mails = {mail.uid: mail for mail in _parse_fetch(data) if mail.uid in set(uids)}
        return [mails[uid] for uid in uids if uid in mails]

    @contextmanager
    def _command(self, max_bytes: int = 0) -> Iterator[None]:
        client = self._client
        self._meter.reserve(requests=1)
        client.max_bytes, client.received = max_bytes + COMMAND_OVERHEAD, 0
        with edge_errors(self._server), deadline(self._server.deadline):
            yield
        self._meter.reconcile(received=client.received)


@contextmanager
def open_mailbox(server: ImapServer, password: str, meter: SpendMeter) -> Iterator[Mailbox]:
    """Log in and yield the mailbox; errors as in ``logged_in``."""
    with logged_in(server, password, meter) as client:
        yield Mailbox(server, meter, client)


def quote_folder(folder: str) -> str:
    """Encode a folder's name in modified UTF-7 (RFC 3501 section 5.1.3), in quotes."""
    parts = re.split("([\x20-\x7e]+)", folder)
    text = "".join(
        part.replace("&", "&-") if number % 2 else _encode_shifted(part)
        for number, part in enumerate(parts)
    )
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encode_shifted(part: str) -> str:
    if not part:
        return ""
    packed = base64.b64encode(part.encode("utf-16-be")).decode().rstrip("=")
    return "&" + packed.replace("/", ",") + "-"


def _parse_fetch(data: Sequence[Any]) -> Iterator[FetchedMail]:
    """Yield the messages in a FETCH response.

    imaplib gives a pair (line up to the literal, literal), and the line's end as an item of its
    own. The server chooses the order of UID, INTERNALDATE and BODY within the line.
    """
    for index, item in enumerate(data):
        if not isinstance(item, tuple):
            continue
        line_end = data[index + 1] if index + 1 < len(data) else b""
        line = item[0] + b" " + (line_end if isinstance(line_end, bytes) else b"")
        if uid := _UID.search(line):
            yield FetchedMail(uid=int(uid.group(1)), arrived_at=_arrived_at(line), data=item[1])
    for item in data:
        if isinstance(item, bytes) and b"BODY[]" in item and (uid := _UID.search(item)):
            yield FetchedMail(uid=int(uid.group(1)), arrived_at=_arrived_at(item), data=None)


def _arrived_at(line: bytes) -> datetime | None:
    """Return INTERNALDATE, as in "17-Jul-1996 02:44:25 -0700"."""
    match = _INTERNALDATE.search(line)
    if match is None:
        return None
    text = match.group(1).decode("ascii", "replace").strip().replace("-", " ", 2)
    try:
        return times.parse(text, UTC)
    except BadItem:
        return None
