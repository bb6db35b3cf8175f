"""Turn a mail into a Mention: its author, its time, and the author's own text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message

from earful.contracts import BadItem
from earful.types import Author, Mention
from listeners.common import times
from listeners.common.authors import anonymous_author
from listeners.common.plain_text import clean, one_line
from listeners.mail.automated import automation_reason
from listeners.mail.filing import filed_as
from listeners.mail.mime import body_text, decode_header_value, header, headers, parse
from listeners.mail.reply import extract_reply

_MESSAGE_ID = re.compile(r"<\s*([!-;=?-~]{3,200})\s*>")
_BRACKETED_ADDRESS = re.compile(r"<\s*([^<>\s@]{1,200}@[^<>\s@]{1,200})\s*>")
_BARE_ADDRESS = re.compile(r"[^\s<>@,;:\"'()\[\]]{1,200}@[^\s<>@,;:\"'()\[\]]{1,200}")
_COMMENT = re.compile(r"\(([^()]*)\)")
# Mail came into general use about then. Programs without a clock write 1 January 1970.
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
# The sender's clock, or its zone, may be wrong by that much.
_MAX_CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """The fields of a mail that a Mention needs.

    ``text`` is the writer's own part. ``automation`` names the kind of automatic mail, or is "" for
    a mail that a person wrote. ``sent_at`` is the Date header, None when it is unreadable.
    ``filed_as`` is why a mailbox file holds the mail for another than a received one, or "".
    """

    external_id: str
    reply_to: str | None
    address: str
    name: str | None
    sent_at: datetime | None
    subject: str
    text: str
    automation: str
    filed_as: str = ""


def parse_mail(raw: bytes, received: str = "") -> ParsedMail:
    """Read a mail from its bytes, or from its first bytes. Never raises.

    ``received`` is the arrival time as the mailbox writes it. It tells apart mails that have
    neither an id nor a time.
    """
    mail = parse(raw)
    address, name = parse_sender(header(mail, "From"))
    automation = automation_reason(mail, address)
    return ParsedMail(
        external_id=_message_id(header(mail, "Message-ID")) or _derived_id(mail, received),
        reply_to=_message_id(header(mail, "In-Reply-To")),
        address=address,
        name=name,
        sent_at=_sent_at(header(mail, "Date")),
        subject=one_line(decode_header_value(header(mail, "Subject")), 500),
        text="" if automation else clean(extract_reply(clean(body_text(mail), 200_000))),
        automation=automation,
        filed_as=filed_as(mail),
    )


def skip_reason(mail: ParsedMail, own_addresses: Sequence[str]) -> str:
    """Say in a word or two why a mail is no mention, or return "".

    ``own_addresses`` are our addresses and domains in lower case. Mails from them, and from domains
    below them, are no mentions.
    """
    if mail.automation:
        return mail.automation
    if mail.address and any(_is_below(mail.address, own) for own in own_addresses):
        return "our own"
    return "" if mail.text or mail.subject else "empty"


def to_mention(
    mail: ParsedMail, *, source: str, received_at: datetime | None, fetched_at: datetime
) -> Mention:
    """Make the mail a Mention that was addressed to us.

    The Date header counts when it is plausible: after 1990, and at most a day after the mail was
    received. Raises BadItem for a mail without any usable time.
    """
    latest = min(received_at or fetched_at, fetched_at)
    published_at = mail.sent_at
    newest_plausible = min(latest + _MAX_CLOCK_SKEW, fetched_at)
    if published_at is None or not _EARLIEST <= published_at <= newest_plausible:
        if received_at is None:
            raise BadItem("Date: it cannot be read, and no other field gives the time of arrival")
        published_at = latest
    return Mention(
        source=source,
        external_id=mail.external_id,
        author=_author(mail, source),
        text=clean("\n".join(part for part in (mail.subject, mail.text) if part)),
        published_at=published_at,
        fetched_at=fetched_at,
        reply_to=mail.reply_to,
        direct=True,
    )


def parse_sender(value: str) -> tuple[str, str | None]:
    """Return the first address of a From header in lower case, and its name."""
    # Python's own address parser recurses once per bracket; a hostile header has thousands.
    value = value[:2000]
    match = _BRACKETED_ADDRESS.search(value) or _BARE_ADDRESS.search(value)
    if match is None:
        return "", one_line(decode_header_value(value), 120) or None
    address = one_line(match.group(1) if match.lastindex else match.group(), 300).lower()
    display_name = value[: match.start()].strip().strip(",;")
    if not display_name and (comment := _COMMENT.search(value, match.end())):
        display_name = comment.group(1)
    name = one_line(decode_header_value(display_name).replace('\\"', '"').strip(" \"'"), 120)
    return address, name or None


def _is_below(address: str, own: str) -> bool:
    domain = address.rpartition("@")[2]
    return address == own or domain == own or domain.endswith("." + own)


def _author(mail: ParsedMail, source: str) -> Author:
    if not mail.address:
        # Two people without an address are not one customer, so each mail gets its own author.
        return anonymous_author(source, mail.external_id, name=mail.name)
    return Author(source=source, external_id=mail.address, handle=mail.address, name=mail.name)


def _message_id(value: str) -> str | None:
    """Return the id in a Message-ID or In-Reply-To header; None when none can be stored."""
    match = _MESSAGE_ID.search(value[:1000])
    return match.group(1) if match else None


def _derived_id(mail: Message, received: str) -> str:
    """Derive a stable id for a mail without Message-ID, from headers that never change."""
    names = ("From", "To", "Date", "Subject", "Received")
    parts = [value for name in names for value in headers(mail, name)]
    if _sent_at(header(mail, "Date")) is None and not headers(mail, "Received"):
        parts.append(received)
    data = "\0".join(parts).encode("utf-8", "replace")
    return "mail-" + hashlib.sha256(data).hexdigest()[:32]


def _sent_at(value: str) -> datetime | None:
    try:
        return times.parse_mail_date(value, UTC)
    except BadItem:
        return None
