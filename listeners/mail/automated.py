"""Recognise mails that no person wrote to us: automatic replies, bounces, lists, our own alerts.

Programs mark such mails with headers: Auto-Submitted (RFC 3834 section 5), Precedence, List-Id (RFC
2919), an empty Return-Path and multipart/report for bounces (RFC 3464), X-Auto-Response-Suppress
(Microsoft's), X-Earful-Key (ours).
"""

from __future__ import annotations

import re
from email.message import Message

from listeners.mail.mime import header, headers

_BULK_PRECEDENCES = {"bulk", "junk", "auto_reply", "auto-reply"}
_AUTOREPLY_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From")
_LIST_HEADERS = ("List-Id", "List-Post", "List-Unsubscribe", "X-Mailing-List")
_MACHINE_ADDRESS = re.compile(
    r"(mailer-daemon|postmaster|(do[-_.]?)?(no|not)[-_.]?reply|bounces?([-+].*)?)@", re.IGNORECASE
)


def automation_reason(mail: Message, sender: str) -> str:
    """Name the kind of automatic mail, or return "" for a mail that a person wrote.

    ``sender`` is the address in From. The result is a word or two to count by, in this order:
    "our own alert", "bounce", "automatic", "mailing list".
    """
    if headers(mail, "X-Earful-Key"):
        return "our own alert"
    if _is_bounce(mail):
        return "bounce"
    if _is_automatic_reply(mail):
        return "automatic"
    if any(headers(mail, name) for name in _LIST_HEADERS) or _precedence(mail) == "list":
        return "mailing list"
    return "automatic" if _MACHINE_ADDRESS.match(sender) else ""


def _is_bounce(mail: Message) -> bool:
    return_paths = [value.strip() for value in headers(mail, "Return-Path")]
    content_type = header(mail, "Content-Type").strip().lower()
    return return_paths[:1] == ["<>"] or content_type.startswith("multipart/report")


def _is_automatic_reply(mail: Message) -> bool:
    submitted = header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    suppress = header(mail, "X-Auto-Response-Suppress").strip().lower()
    return (
        submitted not in ("", "no")
        or suppress not in ("", "none")
        or _precedence(mail) in _BULK_PRECEDENCES
        or any(headers(mail, name) for name in _AUTOREPLY_HEADERS)
    )


def _precedence(mail: Message) -> str:
    return header(mail, "Precedence").strip().lower()
