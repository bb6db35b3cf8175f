"""The source "mail": letters to a mailbox that is read by IMAP, oldest first, and never changed.

A message keeps its number (UID) for as long as the folder keeps its UIDVALIDITY (RFC 3501 section
2.3.1.1), and new ones get higher numbers: the position is the last number read. When the server
numbers anew, the folder is read again from ``since`` on; letters keep their Message-ID, so none is
stored twice. What is deleted there stays here: a tidied mailbox is not a withdrawn complaint.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from earful import clock as wall
from earful.contracts import BadItem, EdgeError, SpendMeter, Spent, gap_reason
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.loopback import is_loopback
from earful.settings.load import Duration
from earful.types import Batch, Gap, Mention, Query, Rejected, Seen
from listeners.common import times
from listeners.common.options import Bytes, ListenerOptions, Seconds, account_secret, read
from listeners.common.position import Instant, Position
from listeners.mail.imap_client import ImapServer
from listeners.mail.mailbox import FetchedMail, Mailbox, MailboxBusy, open_mailbox
from listeners.mail.message import parse_mail, skip_reason, to_mention

log = structlog.get_logger()

_AT_ONCE = 50  # mails in one request
_ZONES = timedelta(days=1)  # IMAP's SINCE names a day in the server's own zone
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"
_HINT = "it is the mailbox's password, for Gmail, iCloud and others an app password"


class MailOptions(ListenerOptions):
    """``options`` of a [[listen]] block with source = "mail"; see docs/sources/mail.md."""

    host: Annotated[
        str, Field(pattern=r"^[^\s/]+$", description="a server's name, as imap.mail.example")
    ]
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    security: Literal["tls", "starttls", "none"] = "tls"
    username: Annotated[str, Field(pattern=_NO_CONTROLS)]
    folder: Annotated[str, Field(pattern=_NO_CONTROLS, max_length=500)] = "INBOX"
    mine: tuple[str, ...] = ()
    since: Duration = timedelta(days=7)
    max_messages: Annotated[int, Field(ge=1, le=10_000)] = 500
    max_bytes: Bytes = 256 * 1024
    timeout: Seconds = 15.0
    deadline: Seconds = 60.0

    @field_validator("mine")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return addresses(value)

    @model_validator(mode="after")
    def _in_clear(self) -> MailOptions:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(
                "security: none would send the password in clear; write tls or starttls (none is "
                "for a server on this machine)"
            )
        return self

    def ours(self) -> tuple[str, ...]:
        """Whose letters are no mentions: ``mine``, and the mailbox's own address."""
        own = (self.username.lower(),) if "@" in self.username else ()
        return self.mine + own

    def server(self) -> ImapServer:
        """Where the mailbox is."""
        return ImapServer(
            host=self.host,
            port=self.port,
            security=self.security,
            username=self.username,
            timeout=self.timeout,
            deadline=self.deadline,
        )


def addresses(value: Sequence[str]) -> tuple[str, ...]:
    """Addresses and domains in lower case; "@acme.example" is a domain too."""
    return tuple(cut for one in value if (cut := one.strip().lower().removeprefix("@")))


class _Position(Position):
    """``box`` says which folder it belongs to, ``uid`` is the last message read, ``mark`` the
    instant (seconds since 1970) up to which everything was read. ``floor`` is set while the
    folder is read for the first time, or anew: what came before it is not wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    all_or_nothing: ClassVar[bool] = True  # a number means nothing without its folder

    box: str = ""
    validity: Instant = 0
    uid: Instant = 0
    mark: Instant | None = None
    floor: Instant | None = None


class Mail:
    """Reads a folder of a mailbox."""

    name: ClassVar[str] = "mail"
    Options: ClassVar[type[BaseModel]] = MailOptions

    def __init__(self, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> None:
        self._clock = clock
        self._meter = meter or UnlimitedMeter()

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """The letters that came since ``position``; the first time since ``since`` ago.

        Reads at most ``max_messages``; the last batch then says ``more``. Mails that no person
        wrote to us are passed over and counted in the log. Transient: the server is away.
        Permanent: it refuses the login, or has no such folder.
        """
        options = read(MailOptions, query)
        yield from _Poll(query, options, self._meter, self._clock()).batches(position)


class _Poll:
    """One look at the folder."""

    def __init__(
        self, query: Query, options: MailOptions, meter: SpendMeter, now: datetime
    ) -> None:
        self._query = query
        self._options = options
        self._meter = meter
        self._now = now
        self._passed: Counter[str] = Counter()
        where = f"{options.host}\0{options.username}\0{options.folder}"
        self._box = hashlib.sha256(where.encode()).hexdigest()[:16]

    def batches(self, position: str | None) -> Iterator[Batch]:
        found = _Position.load(position)
        self._at = found if found.box == self._box else _Position(box=self._box)
        password = account_secret(self._query, "PASSWORD", hint=_HINT)
        try:
            with open_mailbox(self._options.server(), password, self._meter) as box:
                box.examine(self._options.folder)
                self._number_anew(box.uid_validity)
                yield from self._walk(box)
        except EdgeError as error:
            if self._at.mark is not None:
                kind = error.kind if isinstance(error, Spent) else GapKind.OUTAGE
                yield self._unfinished(kind, gap_reason(error), more=False)
            raise
        finally:
            if self._passed:
                log.info("mails passed over", query=self._query.id, **self._passed)

    def _number_anew(self, validity: int) -> None:
        if validity == self._at.validity and self._at.box == self._box and self._at.uid:
            return
        floor = times.to_epoch(self._now - self._options.since)
        # what an earlier look wanted and has not had is wanted still
        earlier = self._at.floor if self._at.mark is None else self._at.mark
        if earlier is not None:
            floor = min(floor, earlier)
        self._at = self._at.model_copy(update={"validity": validity, "uid": 0, "floor": floor})

    def _walk(self, box: Mailbox) -> Iterator[Batch]:
        floor = self._at.floor
        since = None if floor is None else (times.from_epoch(floor) - _ZONES).date()
        waiting = box.uids(self._at.uid, since)
        now = waiting[: self._options.max_messages]
        for uid, raws in self._fetched(box, now):
            mentions, rejected = self._read(raws)
            self._at = self._at.model_copy(update={"uid": uid})
            yield Batch(mentions=mentions, position=self._at.dump(), rejected=rejected, more=True)
        if len(waiting) > len(now):
            most = self._options.max_messages
            yield self._unfinished(GapKind.LIMIT, f"one poll reads {most} mails at most", more=True)
        else:
            yield self._all_read()

    def _fetched(
        self, box: Mailbox, uids: Sequence[int]
    ) -> Iterator[tuple[int, list[FetchedMail]]]:
        """The mails, some at a time, each time with the number up to which they are read.

        Where some are refused they are asked for one by one: a mail that the server cannot give
        (its file is damaged, say) must not keep the ones behind it back. It is passed over, as one
        without bytes, when a later one is given; while none is, it may be the server's bad hour.
        """
        pieces = deque(uids[at : at + _AT_ONCE] for at in range(0, len(uids), _AT_ONCE))
        refused: list[FetchedMail] = []
        why: MailboxBusy | None = None
        while pieces:
            numbers = pieces.popleft()
            try:
                raws = box.fetch(numbers, self._options.max_bytes)
            except MailboxBusy as error:
                why = error
                if len(numbers) > 1:
                    pieces.extendleft([uid] for uid in reversed(numbers))
                else:
                    refused.append(FetchedMail(uid=numbers[0], arrived_at=None, data=None))
                continue
            if raws or not refused:
                yield numbers[-1], refused + raws
                refused = []
        if why is not None and refused:
            raise why

    def _read(
        self, raws: Sequence[FetchedMail]
    ) -> tuple[tuple[Mention, ...], tuple[Rejected, ...]]:
        mentions: list[Mention] = []
        rejected: list[Rejected] = []
        for raw in raws:
            try:
                found = self._mention(raw)
            except BadItem as error:
                rejected.append(Rejected(where=f"mail {raw.uid}", reason=str(error)))
                continue
            if found is not None:
                mentions.append(found)
        return tuple(mentions), tuple(rejected)

    def _mention(self, raw: FetchedMail) -> Mention | None:
        """The mail as a Mention; None when it is passed over. Raises BadItem."""
        floor, arrived = self._at.floor, raw.arrived_at
        if floor is not None and arrived is not None and times.to_epoch(arrived) < floor:
            return None
        if raw.data is None:
            raise BadItem("the server gave nothing of it")
        found = parse_mail(raw.data, arrived.isoformat() if arrived else "")
        if why := skip_reason(found, self._options.ours()):
            self._passed[why.replace(" ", "_")] += 1
            return None
        return to_mention(found, source="mail", received_at=arrived, fetched_at=self._now)

    def _all_read(self) -> Batch:
        at = self._at
        since = at.floor if at.mark is None else at.mark
        now = times.to_epoch(self._now)
        self._at = at.model_copy(update={"mark": now, "floor": None})
        seen = Seen(
            since=times.from_epoch(min(now if since is None else since, now)), until=self._now
        )
        return Batch(mentions=(), position=self._at.dump(), seen=(seen,))

    def _unfinished(self, kind: GapKind, why: str, *, more: bool) -> Batch:
        since = self._at.floor if self._at.mark is None else self._at.mark
        start = min(times.from_epoch(since or 0), self._now)
        gap = Gap(since=start, until=self._now, reason=why, kind=kind)
        return Batch(mentions=(), position=self._at.dump(), gaps=(gap,), more=more)
