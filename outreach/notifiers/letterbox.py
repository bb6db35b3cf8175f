"""A Message as an Internet mail: headers safe from injection, and a stable identity."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.header import Header
from email.headerregistry import Address, AddressHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime

from earful.messages import Message
from earful.settings.load import ChannelSettings
from earful.untrusted import one_line

_LONGEST_SUBJECT = 200


class _Policy(EmailPolicy):
    """EmailPolicy folds free text with losses: a space vanishes where two encoded words meet, and
    a long plain key becomes encoded words. Subject and key are folded here instead."""

    def fold(self, name: str, value: str) -> str:
        if name not in {"Subject", "X-Earful-Key"}:
            return str(super().fold(name, value))
        if value.isascii():
            return f"{name}: {value}{self.linesep}"
        folded = Header(value, "utf-8", header_name=name).encode(linesep=self.linesep)
        return f"{name}: {folded}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii", "surrogateescape")


# 7bit: a server on the way may not take more
_POLICY = _Policy(linesep="\r\n", cte_type="7bit")


class NoAddress(ValueError):
    """A sender or recipient in settings is no mail address; the text names it and the fix."""


def compose(channel: ChannelSettings, message: Message, key: str, at: datetime) -> EmailMessage:
    """Write the mail for ``message``: its text, and its HTML beside it if it has any.

    Message-ID and X-Earful-Key follow from ``key`` alone, so a repeat is recognised. Date is
    ``at`` (aware). Raises NoAddress for a sender or recipient that is no mail address.
    """
    sender = address(channel.sender or "", "sender")
    mail = EmailMessage(policy=_POLICY)
    # a line break in a header would start another header
    mail["Subject"] = one_line(message.subject, _LONGEST_SUBJECT)
    mail["From"] = sender
    mail["To"] = tuple(address(recipient, "to") for recipient in channel.to)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id(key, sender.domain)
    mail["X-Earful-Key"] = one_line(key, _LONGEST_SUBJECT)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    mail.set_content(_encodable(message.text))
    if message.html is not None:
        mail.add_alternative(_encodable(message.html), subtype="html")
    return mail


def message_id(key: str, domain: str) -> str:
    """Build the Message-ID of a key of any characters; a repeat has the same."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"<{digest[:32]}@{domain}>"


def address(text: str, key: str) -> Address:
    """Parse "Support <help@acme.example>" or a bare address.

    Raises NoAddress with the settings key, the value and the fix.
    """
    header = HeaderRegistry()("to", text)
    # the parser repairs some addresses by itself; ours must not be guessed, nor a second one lost
    if isinstance(header, AddressHeader) and one_line(text) == text and not header.defects:
        groups = [group.display_name for group in header.groups]
        recipient = header.addresses[0] if groups == [None] else Address()
        host = _host(recipient.domain)
        if recipient.username and recipient.username.isascii() and host:
            return Address(
                display_name=recipient.display_name, username=recipient.username, domain=host
            )
    raise NoAddress(f'{key}: {text!r} is no mail address; write it as "help@acme.example"')


def _host(domain: str) -> str | None:
    """Write a domain in ASCII (xn--…), as mail carries it; None for an invalid one."""
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:  # an empty label, or one longer than DNS takes
        return None


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
