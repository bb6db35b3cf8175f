"""A mail as a Mention: who wrote it, when, and what they wrote themselves."""

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
from listeners.common.plain_text import clean, one_line
from listeners.mail.automated import not_a_letter
from listeners.mail.mime import decoded, header, headers, parse, words
from listeners.mail.reply import own_words

_IDENTITY = re.compile(r"<\s*([!-;=?-~]{3,200})\s*>")
_IN_BRACKETS = re.compile(r"<\s*([^<>\s@]{1,200}@[^<>\s@]{1,200})\s*>")
_BARE = re.compile(r"[^\s<>@,;:\"'()\[\]]{1,200}@[^\s<>@,;:\"'()\[\]]{1,200}")
_COMMENT = re.compile(r"\(([^()]*)\)")
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail. ``text`` is its writer's own part; ``kind`` says why no person wrote it to us ("":
    one did). ``sent_at`` is what its Date says, None when that cannot be read."""

    external_id: str
    reply_to: str | None
    address: str
    name: str | None
    sent_at: datetime | None
    subject: str
    text: str
    kind: str


def letter(raw: bytes, came: str = "") -> Letter:
    """Read a mail's bytes, or the first of them. Nothing in them makes this raise.

    ``came`` is what the place where it lies says of its coming: it tells mails apart that have
    neither an id nor a time.
    """
    mail = parse(raw)
    address, name = sender(header(mail, "From"))
    kind = not_a_letter(mail, address)
    return Letter(
        external_id=_identity(header(mail, "Message-ID")) or _made_up(mail, came),
        reply_to=_identity(header(mail, "In-Reply-To")),
        address=address,
        name=name,
        sent_at=_sent_at(header(mail, "Date")),
        subject=one_line(decoded(header(mail, "Subject")), 500),
        text="" if kind else clean(own_words(clean(words(mail), 200_000))),
        kind=kind,
    )


def passed_over(found: Letter, mine: Sequence[str]) -> str:
    """Why this letter is no mention, as a word or two to count by; "" when it is one.

    ``mine`` are our own addresses and domains, in lower case: what they write is no mention.
    """
    if found.kind:
        return found.kind
    domain = found.address.rpartition("@")[2]
    own = (found.address == one or domain == one or domain.endswith("." + one) for one in mine)
    if found.address and any(own):
        return "our own"
    return "" if found.text or found.subject else "empty"


def mention(
    found: Letter, *, source: str, received_at: datetime | None, fetched_at: datetime
) -> Mention:
    """The letter as a Mention that was addressed to us. BadItem when it says no time at all.

    Its Date counts when it is sane: not before mail came into use, not after it was received.
    """
    latest = min(received_at or fetched_at, fetched_at)
    at = found.sent_at
    if at is None or not _EARLIEST <= at <= min(latest + _CLOCKS_DIFFER, fetched_at):
        if received_at is None:
            raise BadItem("Date: it cannot be read, and nothing else says when the mail came")
        at = latest
    return Mention(
        source=source,
        external_id=found.external_id,
        author=_author(found, source),
        text=clean("\n".join(part for part in (found.subject, found.text) if part)),
        published_at=at,
        fetched_at=fetched_at,
        reply_to=found.reply_to,
        direct=True,
    )


def sender(value: str) -> tuple[str, str | None]:
    """The first address in a From header, in lower case, and the name beside it.

    Python's own reader of addresses goes down a level for every bracket; a hostile one has many.
    """
    value = value[:2000]
    found = _IN_BRACKETS.search(value) or _BARE.search(value)
    if found is None:
        return "", one_line(decoded(value), 120) or None
    address = one_line(found.group(1) if found.lastindex else found.group(), 300).lower()
    before = value[: found.start()].strip().strip(",;")
    if not before and (beside := _COMMENT.search(value, found.end())):
        before = beside.group(1)
    name = one_line(decoded(before).replace('\\"', '"').strip(" \"'"), 120)
    return address, name or None


def _author(found: Letter, source: str) -> Author:
    if not found.address:
        # each one for itself: two people without an address are not one customer
        identity = f"anonymous-{found.external_id}"
        return Author(source=source, external_id=identity, handle="anonymous", name=found.name)
    return Author(source=source, external_id=found.address, handle=found.address, name=found.name)


def _identity(value: str) -> str | None:
    """The id in a Message-ID or In-Reply-To header; None when none can be stored."""
    found = _IDENTITY.search(value[:1000])
    return found.group(1) if found else None


def _made_up(mail: Message, came: str) -> str:
    """For mails without an id: what stays the same however often the mail is read."""
    names = ("From", "To", "Date", "Subject", "Received")
    parts = [value for name in names for value in headers(mail, name)]
    if _sent_at(header(mail, "Date")) is None and not headers(mail, "Received"):
        parts.append(came)
    data = "\0".join(parts).encode("utf-8", "replace")
    return "mail-" + hashlib.sha256(data).hexdigest()[:32]


def _sent_at(value: str) -> datetime | None:
    try:
        return times.parse(value, UTC)
    except BadItem:
        return None
