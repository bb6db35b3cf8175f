"""Which mails no person wrote to us: answers of machines, bounces, lists, and our own.

By the marks that programs set: Auto-Submitted (RFC 3834 section 5), Precedence, List-Id (RFC
2919), an empty Return-Path and multipart/report for bounces (RFC 3464), X-Auto-Response-Suppress
(Microsoft's), X-Earful-Key (ours).
"""

from __future__ import annotations

import re
from email.message import Message

from listeners.mail.mime import header, headers

_BULK = {"bulk", "junk", "list", "auto_reply", "auto-reply"}
_ANSWERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From")
_LISTS = ("List-Id", "List-Post", "List-Unsubscribe", "X-Mailing-List")
_MACHINES = re.compile(
    r"(mailer-daemon|postmaster|(do[-_.]?)?(no|not)[-_.]?reply|bounces?([-+].*)?)@", re.IGNORECASE
)


def not_a_letter(mail: Message, sender: str) -> str:
    """Why this is no mail that somebody wrote to us, as a word or two to count by; "" when it is.

    ``sender`` is the address in From.
    """
    if headers(mail, "X-Earful-Key"):
        return "our own alert"
    if _bounced(mail):
        return "bounce"
    if _answered_by_itself(mail):
        return "automatic"
    if any(headers(mail, name) for name in _LISTS) or _precedence(mail) == "list":
        return "mailing list"
    return "automatic" if _MACHINES.match(sender) else ""


def _bounced(mail: Message) -> bool:
    returned = [value.strip() for value in headers(mail, "Return-Path")]
    kind = header(mail, "Content-Type").strip().lower()
    return returned[:1] == ["<>"] or kind.startswith("multipart/report")


def _answered_by_itself(mail: Message) -> bool:
    submitted = header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    suppress = header(mail, "X-Auto-Response-Suppress").strip().lower()
    return (
        submitted not in ("", "no")
        or suppress not in ("", "none")
        or _precedence(mail) in _BULK - {"list"}
        or any(headers(mail, name) for name in _ANSWERS)
    )


def _precedence(mail: Message) -> str:
    return header(mail, "Precedence").strip().lower()
