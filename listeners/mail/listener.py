"""Read a mailbox over IMAP without changing it: the source "mail".

Mails are read oldest first.

A message keeps its number (UID) for as long as the folder keeps its UIDVALIDITY (RFC 3501 section
2.3.1.1), and new messages get higher numbers. So the position is the last number read. When the
server renumbers the folder, it is read again from ``since`` on; mails keep their Message-ID, so
none is stored twice. A mail that is deleted there stays stored here: a tidied mailbox does not
withdraw a complaint.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from earful.contracts import BadItem, EdgeError, SpendMeter, Spent, gap_reason
from earful.enums import GapKind
from earful.loopback import is_loopback
from earful.settings.load import Duration
from earful.types import Batch, Gap, Mention, Query, Rejected, Seen
from listeners.common import times
from listeners.common.base import SourceListener
from listeners.common.options import Bytes, ListenerOptions, Seconds, account_secret, read_options
from listeners.common.position import Instant, Position
from listeners.common.rejects import read_items
from listeners.mail.imap_client import ImapServer
from listeners.mail.mailbox import FetchedMail, Mailbox, MailboxBusy, open_mailbox
from listeners.mail.message import parse_mail, skip_reason, to_mention

log = structlog.get_logger()

# Mails in one request: fewer cost round trips, more would be fetched again after a break.
_FETCH_SIZE = 50
# IMAP's SINCE names a day in the server's own zone (RFC 3501 section 6.4.4).
_ZONE_MARGIN = timedelta(days=1)
_NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"
_HINT = "It is the mailbox's password, for Gmail, iCloud and others an app password."


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
        return normalise_addresses(value)

    @model_validator(mode="after")
    def _in_clear(self) -> MailOptions:
        # RFC 8314: a password in clear can be read on the way.
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(
                "security: none would send the password in clear. Write tls or starttls; none is "
                "for a server on this machine"
            )
        return self

    def own_addresses(self) -> tuple[str, ...]:
        """Return addresses and domains that write no mentions: ``mine`` and the login's address."""
        login = (self.username.lower(),) if "@" in self.username else ()
        return self.mine + login

    def server(self) -> ImapServer:
        """Return the address of the mailbox."""
        return ImapServer(
            host=self.host,
            port=self.port,
            security=self.security,
            username=self.username,
            timeout=self.timeout,
            deadline=self.deadline,
        )


def normalise_addresses(values: Sequence[str]) -> tuple[str, ...]:
    """Return addresses and domains in lower case; "@acme.example" becomes a domain."""
    stripped = (value.strip().lower().removeprefix("@") for value in values)
    return tuple(value for value in stripped if value)


class _MailPosition(Position):
    """The position in a folder; instants in seconds since 1970.

    ``folder_key`` identifies the folder, ``last_uid`` is the last message read. Everything was read
    up to ``read_until``. While the folder is read for the first time, or again, mails from before
    ``oldest_wanted`` are left out.
    """

    # Aliases are the keys of positions that are stored already: they must stay.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    # A number means nothing without its folder.
    all_or_nothing: ClassVar[bool] = True

    folder_key: str = Field(default="", alias="box")
    uid_validity: Instant = Field(default=0, alias="validity")
    last_uid: Instant = Field(default=0, alias="uid")
    read_until: Instant | None = Field(default=None, alias="mark")
    oldest_wanted: Instant | None = Field(default=None, alias="floor")

    @property
    def unread_since(self) -> int | None:
        """The instant from which mails may be unread; None before the first poll."""
        return self.oldest_wanted if self.read_until is None else self.read_until

    def after_renumbering(self, uid_validity: int, oldest_wanted: int) -> _MailPosition:
        """Return the position from which to read a renumbered folder.

        Mails that an earlier poll wanted, and did not get, stay wanted.
        """
        if self.unread_since is not None:
            oldest_wanted = min(oldest_wanted, self.unread_since)
        changes = {"uid_validity": uid_validity, "last_uid": 0, "oldest_wanted": oldest_wanted}
        return self.model_copy(update=changes)


class Mail(SourceListener):
    """Reads a folder of a mailbox."""

    name: ClassVar[str] = "mail"
    Options: ClassVar[type[BaseModel]] = MailOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the mails that came since ``position``; the first time, since ``since`` ago.

        Reads at most ``max_messages``; the last batch then says ``more``. Mails that no person
        wrote to us are skipped and counted in the log. Raises Transient when the server cannot be
        reached, and Permanent when it refuses the login or has no such folder.
        """
        options = read_options(MailOptions, query)
        yield from _Poll(query, options, self._meter, self._clock()).batches(position)


class _Poll:
    """One poll of the folder.

    1. A position of another folder does not count.
    2. A folder that the server renumbered is read again from ``since`` on, or from where mails are
       still unread, if that is earlier.
    3. Mails are fetched in the order of their numbers, and the position moves behind each batch.
    4. A poll that has read all reports the span as seen. A poll that stopped reports it as a gap.
    """

    def __init__(
        self, query: Query, options: MailOptions, meter: SpendMeter, now: datetime
    ) -> None:
        self._query = query
        self._options = options
        self._meter = meter
        self._now = now
        self._skipped: Counter[str] = Counter()
        folder = f"{options.host}\0{options.username}\0{options.folder}"
        self._folder_key = hashlib.sha256(folder.encode()).hexdigest()[:16]
        self._position = _MailPosition(folder_key=self._folder_key)

    def batches(self, position: str | None) -> Iterator[Batch]:
        stored = _MailPosition.load(position)
        if stored.folder_key == self._folder_key:
            self._position = stored
        password = account_secret(self._query, "PASSWORD", hint=_HINT)
        try:
            with open_mailbox(self._options.server(), password, self._meter) as mailbox:
                mailbox.examine(self._options.folder)
                self._check_numbering(mailbox.uid_validity)
                yield from self._read_folder(mailbox)
        except EdgeError as error:
            # Before the first complete poll no span counts as seen, so none can have a gap.
            if self._position.read_until is not None:
                kind = error.kind if isinstance(error, Spent) else GapKind.OUTAGE
                yield self._gap_batch(kind, gap_reason(error), has_more=False)
            raise
        finally:
            if self._skipped:
                log.info("mails passed over", query=self._query.id, **self._skipped)

    def _check_numbering(self, uid_validity: int) -> None:
        if uid_validity == self._position.uid_validity and self._position.last_uid:
            return
        oldest_wanted = times.to_epoch(self._now - self._options.since)
        self._position = self._position.after_renumbering(uid_validity, oldest_wanted)

    def _read_folder(self, mailbox: Mailbox) -> Iterator[Batch]:
        oldest = self._position.oldest_wanted
        since = None if oldest is None else (times.from_epoch(oldest) - _ZONE_MARGIN).date()
        unread_uids = mailbox.uids(self._position.last_uid, since)
        limit = self._options.max_messages
        for last_uid, mails in self._fetch(mailbox, unread_uids[:limit]):
            mentions, rejected = self._parse(mails)
            self._position = self._position.model_copy(update={"last_uid": last_uid})
            yield Batch(
                mentions=mentions, position=self._position.dump(), rejected=rejected, more=True
            )
        if len(unread_uids) > limit:
            reason = f"one poll reads {limit} mails at most"
            yield self._gap_batch(GapKind.LIMIT, reason, has_more=True)
        else:
            yield self._seen_batch()

    def _fetch(
        self, mailbox: Mailbox, uids: Sequence[int]
    ) -> Iterator[tuple[int, list[FetchedMail]]]:
        """Yield the mails in groups, each with the number up to which mails are read.

        1. Fetch a group of mails. When the server refuses it, fetch each mail by itself: one mail
           that it cannot give (a damaged file, say) must not hold back the mails behind it.
        2. A mail that is refused by itself waits, as one without bytes.
        3. When a later mail comes, the waiting ones are yielded before it and count as read.
        4. When none comes, the server may be busy: MailboxBusy is raised, and they stay unread.
        """
        groups = deque(uids[at : at + _FETCH_SIZE] for at in range(0, len(uids), _FETCH_SIZE))
        refused: list[FetchedMail] = []
        refusal: MailboxBusy | None = None
        while groups:
            group = groups.popleft()
            try:
                mails = mailbox.fetch(group, self._options.max_bytes)
            except MailboxBusy as error:
                refusal = error
                if len(group) > 1:
                    groups.extendleft([uid] for uid in reversed(group))
                else:
                    refused.append(FetchedMail(uid=group[0], arrived_at=None, data=None))
                continue
            if mails or not refused:
                yield group[-1], refused + mails
                refused = []
        if refusal is not None and refused:
            raise refusal

    def _parse(
        self, mails: Sequence[FetchedMail]
    ) -> tuple[tuple[Mention, ...], tuple[Rejected, ...]]:
        return read_items(
            mails, self._to_mention, where=lambda mail: f"mail {mail.uid}", keep_raw=False
        )

    def _to_mention(self, mail: FetchedMail) -> Mention | None:
        """Make a Mention of a mail; None when it is skipped. Raises BadItem."""
        oldest, arrived_at = self._position.oldest_wanted, mail.arrived_at
        if oldest is not None and arrived_at is not None and times.to_epoch(arrived_at) < oldest:
            return None
        if mail.data is None:
            raise BadItem("the server sent no bytes of this mail")
        parsed = parse_mail(mail.data, arrived_at.isoformat() if arrived_at else "")
        if reason := skip_reason(parsed, self._options.own_addresses()):
            self._skipped[reason.replace(" ", "_")] += 1
            return None
        return to_mention(parsed, source="mail", received_at=arrived_at, fetched_at=self._now)

    def _seen_batch(self) -> Batch:
        since = self._position.unread_since
        now = times.to_epoch(self._now)
        self._position = self._position.model_copy(
            update={"read_until": now, "oldest_wanted": None}
        )
        start = times.from_epoch(now if since is None else min(since, now))
        seen = Seen(since=start, until=self._now)
        return Batch(mentions=(), position=self._position.dump(), seen=(seen,))

    def _gap_batch(self, kind: GapKind, reason: str, *, has_more: bool) -> Batch:
        start = min(times.from_epoch(self._position.unread_since or 0), self._now)
        gap = Gap(since=start, until=self._now, reason=reason, kind=kind)
        return Batch(mentions=(), position=self._position.dump(), gaps=(gap,), more=has_more)
