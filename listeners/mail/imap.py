"""A mailbox on an IMAP server, read and never changed, within bounds of time and size.

Rules from RFC 3501 (EXAMINE, UID, UIDVALIDITY, partial FETCH, modified UTF-7), RFC 2595 and 8314
(TLS), RFC 4616 (PLAIN), RFC 5530 (what a refusal means). Python's imaplib speaks the protocol; its
reading is replaced, because it waits as long and takes as much as the server likes.
"""

from __future__ import annotations

import base64
import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from earful.contracts import BadItem, Permanent, SpendMeter, Transient
from listeners.common import times
from listeners.common.plain_text import one_line
from listeners.http.deadline import deadline, seconds_left

_CHUNK = 64 * 1024
_LONGEST_LINE = 8 * 1024 * 1024  # bytes; a list of a million messages
_ANSWER = 1024 * 1024  # bytes that a command's answer may take beside the mails in it
_LATER = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_LAST_UID = 2**32 - 1  # RFC 3501 section 2.3.1.1
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the mailbox is and how it is reached. ``security`` is tls, starttls or none."""

    host: str
    port: int
    security: str
    username: str
    timeout: float
    deadline: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A mail as the server gave it: ``data`` are its first bytes, None when it gave none."""

    uid: int
    arrived_at: datetime | None
    data: bytes | None


class _Bounded(imaplib.IMAP4):
    """imaplib's client, whose reads end at the deadline and at ``allowed`` bytes a command."""

    def __init__(self, host: str, port: int, timeout: float, context: ssl.SSLContext | None):
        self.allowed = _ANSWER
        self.received = 0
        self._waiting = bytearray()
        self._came_by: Any = None
        self._patience = timeout
        self._tls = context
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout: float | None) -> Any:
        sock = super()._create_socket(timeout)  # type: ignore[misc]
        return self._tls.wrap_socket(sock, server_hostname=self.host) if self._tls else sock

    def read(self, size: int) -> bytes:
        """A literal of ``size`` bytes."""
        if size > self.allowed:
            raise _TooMuch(size)
        self._check_where_from()
        while len(self._waiting) < size:
            self._receive()
        return self._taken(size)

    def readline(self) -> bytes:
        """A line with its end."""
        looked_at = 0
        self._check_where_from()
        while (end := self._waiting.find(b"\n", looked_at)) < 0:
            looked_at = len(self._waiting)
            if looked_at > _LONGEST_LINE:
                raise _TooMuch(looked_at)
            self._receive()
        return self._taken(end + 1)

    def _check_where_from(self) -> None:
        """What somebody put before the beginning of TLS is not believed."""
        if self._came_by is not self.sock:
            self._waiting.clear()
            self._came_by = self.sock

    def _taken(self, size: int) -> bytes:
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    def _receive(self) -> None:
        self.sock.settimeout(min(self._patience, seconds_left()))
        more = self.sock.recv(_CHUNK)
        if not more:
            raise self.abort("the server closed the connection")
        self.received += len(more)
        if self.received > self.allowed + _LONGEST_LINE:
            raise _TooMuch(self.received)
        self._waiting += more


class _TooMuch(Exception):
    """The server sends more than was asked for."""


class Refused(Transient):
    """The server would not give mails, and did not say that it will later."""


class Mailbox:
    """A folder that is open for reading."""

    def __init__(self, place: Place, meter: SpendMeter, client: _Bounded) -> None:
        self._place = place
        self._meter = meter
        self._client = client
        self.validity = 0

    def examine(self, folder: str) -> None:
        """Open the folder without the right to change it. Permanent when there is none."""
        with self._command():
            typ, data = self._client.select(_quoted(folder), readonly=True)
        if typ != "OK":
            raise Permanent(
                f"{self._place}: the folder {folder!r} cannot be opened ({_said(data)}); write it "
                'as the server does, often "INBOX.Support" or "INBOX/Support"'
            )
        number = self._client.response("UIDVALIDITY")[1][0]
        # a hostile server may send anything in its place
        self.validity = int(number[:10]) if isinstance(number, bytes) and number.isdigit() else 0

    def uids(self, after: int, since: date | None) -> list[int]:
        """The messages with a higher number than ``after`` (that came since a day), in order."""
        criteria = f"UID {after + 1}:*"
        if since is not None:
            criteria += f" SINCE {since.day:02d}-{_MONTHS[since.month - 1]}-{since.year:04d}"
        with self._command(_LONGEST_LINE):
            typ, data = self._client.uid("SEARCH", criteria)
        if typ != "OK":
            raise Transient(f"{self._place}: the search was refused ({_said(data)})")
        said = b" ".join(line for line in data if isinstance(line, bytes))
        found = {int(one) for one in said.split() if one.isdigit() and len(one) <= 10}
        # "n:*" names the last message even when its number is below n (RFC 3501 section 6.4.8)
        return sorted(uid for uid in found if after < uid <= _LAST_UID)

    def fetch(self, uids: Sequence[int], max_bytes: int) -> list[Raw]:
        """The first ``max_bytes`` of each message, unread ones stay unread; in order of numbers.
        A message that was deleted meanwhile is missing. Refused: the server gives not all of them,
        perhaps because of one."""
        what = f"(UID INTERNALDATE BODY.PEEK[]<0.{max_bytes}>)"
        with self._command(len(uids) * (max_bytes + 1024)):
            typ, data = self._client.uid("FETCH", ",".join(map(str, uids)), what)
        if typ != "OK":
            error = Transient if _later(_said(data)) else Refused
            raise error(f"{self._place}: mails could not be read ({_said(data)})")
        found = {one.uid: one for one in _messages(data) if one.uid in set(uids)}
        return [found[uid] for uid in uids if uid in found]

    @contextmanager
    def _command(self, allowed: int = 0) -> Iterator[None]:
        client = self._client
        self._meter.reserve(requests=1)
        client.allowed, client.received = allowed + _ANSWER, 0
        with told_apart(self._place), deadline(self._place.deadline):
            yield
        self._meter.reconcile(received=client.received)


@contextmanager
def opened(place: Place, password: str, meter: SpendMeter) -> Iterator[Mailbox]:
    """A connection that is logged in. Raises Transient when the server is away, Permanent, with
    the mend, when it refuses the login or its TLS cannot be trusted."""
    meter.reserve(requests=1)
    with told_apart(place), deadline(place.deadline):
        client = _connected(place)
    try:
        with told_apart(place), deadline(place.deadline):
            _log_in(client, place, password)
        meter.reconcile(received=client.received)
        yield Mailbox(place, meter, client)
        with suppress(OSError, imaplib.IMAP4.error, _TooMuch), deadline(place.timeout):
            client.logout()
    finally:
        with suppress(OSError):
            client.shutdown()


@contextmanager
def told_apart(place: Place) -> Iterator[None]:
    """What imaplib, ssl and the network raise, as Transient or Permanent with the mend."""
    try:
        yield
    except _TooMuch as error:
        raise Permanent(
            f"{place}: the server sends more than was asked for ({error} bytes); check that host "
            "and port are those of an IMAP server"
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise Permanent(
            f"{place}: the server's certificate is not to be trusted "
            f"({one_line(error.verify_message)}); name the host as its certificate does, or name "
            "your own authority's file in SSL_CERT_FILE"
        ) from error
    except ssl.SSLError as error:
        if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            raise Transient(f"{place}: the server hung up; it will be tried again") from error
        raise Permanent(
            f'{place}: TLS failed ({one_line(str(error))}); security = "tls" is usual on port '
            '993, "starttls" on 143'
        ) from error
    except (OSError, imaplib.IMAP4.error, ValueError) as error:
        said = one_line(str(error)) or type(error).__name__
        raise Transient(
            f"{place}: cannot talk to the mail server ({said}); it will be tried again, and if it "
            "stays so check host and port"
        ) from error


def _connected(place: Place) -> _Bounded:
    context = None if place.security == "none" else ssl.create_default_context()
    implicit = context if place.security == "tls" else None
    client = _Bounded(place.host, place.port, place.timeout, implicit)
    if place.security != "starttls":
        return client
    try:
        if "STARTTLS" not in client.capabilities:
            raise Permanent(
                f"{place}: the server offers no STARTTLS, and a password is not sent in clear; "
                'security = "tls" with port 993 is usual'
            )
        client.starttls(context)
    except BaseException:
        with suppress(OSError):
            client.shutdown()
        raise
    return client


def _log_in(client: _Bounded, place: Place, password: str) -> None:
    plain = "AUTH=PLAIN" in client.capabilities
    if not plain and not (place.username + password).isascii():
        raise Permanent(
            f"{place}: username or password holds characters beyond ASCII, which this server's "
            "login cannot carry; make an app password of ASCII characters"
        )
    answer = f"\0{place.username}\0{password}".encode()
    try:
        if plain:
            client.authenticate("PLAIN", lambda _challenge: answer)
        else:
            client.login(place.username, password)
    except imaplib.IMAP4.abort as error:  # the connection broke; the login was not refused
        raise imaplib.IMAP4.abort(_without(answer, password, str(error))) from None
    except imaplib.IMAP4.error as error:
        said = error.args[0] if error.args else ""
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        why = one_line(_without(answer, password, said))
        if _later(why):
            raise Transient(f"{place}: no login now ({why}); it will be tried again") from None
        raise Permanent(
            f"{place}: the login of {place.username!r} was refused ({why}); check username "
            "and password. Gmail, iCloud, Yahoo and others want an app password, made in the "
            "account's security settings, and IMAP switched on"
        ) from None


def _without(answer: bytes, password: str, said: str) -> str:
    """What a server said of a login, without the secrets: some repeat what they do not like."""
    as_imaplib_shows_it = repr(password.encode())[2:-1]
    for secret in (base64.b64encode(answer).decode(), password, as_imaplib_shows_it):
        said = said.replace(secret, "…")
    return said


def _later(said: str) -> bool:
    """Whether a refusal says that it will pass (RFC 5530)."""
    return any(f"[{code}]" in said.upper() for code in _LATER)


def _messages(data: Sequence[Any]) -> Iterator[Raw]:
    """The messages in a FETCH answer: imaplib gives (line up to the literal, literal) pairs, and
    the rest of a line by itself, in whatever order the server names the items."""
    for number, item in enumerate(data):
        if not isinstance(item, tuple):
            continue
        after = data[number + 1] if number + 1 < len(data) else b""
        line = item[0] + b" " + (after if isinstance(after, bytes) else b"")
        if uid := _UID.search(line):
            yield Raw(uid=int(uid.group(1)), arrived_at=_arrived(line), data=item[1])
    for item in data:
        if isinstance(item, bytes) and b"BODY[]" in item and (uid := _UID.search(item)):
            yield Raw(uid=int(uid.group(1)), arrived_at=_arrived(item), data=None)


def _arrived(line: bytes) -> datetime | None:
    """INTERNALDATE, as in "17-Jul-1996 02:44:25 -0700"."""
    found = _ARRIVED.search(line)
    if found is None:
        return None
    written = found.group(1).decode("ascii", "replace").strip().replace("-", " ", 2)
    try:
        return times.parse(written, UTC)
    except BadItem:
        return None


def _quoted(folder: str) -> str:
    """A mailbox name in modified UTF-7 (RFC 3501 section 5.1.3), in quotes."""
    parts = re.split("([\x20-\x7e]+)", folder)
    text = "".join(
        part.replace("&", "&-") if number % 2 else _shifted(part)
        for number, part in enumerate(parts)
    )
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shifted(part: str) -> str:
    if not part:
        return ""
    packed = base64.b64encode(part.encode("utf-16-be")).decode().rstrip("=")
    return "&" + packed.replace("/", ",") + "-"


def _said(data: Sequence[Any]) -> str:
    words = b" ".join(one for one in data if isinstance(one, bytes))
    return one_line(words.decode("utf-8", "replace"))
