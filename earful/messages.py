"""The facts that travel to channels: a message, and its delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from earful.enums import DeliveryState
from earful.field_checks import put_into_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message for a channel: subject, plain text, and HTML for channels that show it."""

    subject: str
    text: str
    html: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on its way to a channel; ``key`` is stable, so a repeat can be recognised."""

    id: int
    key: str
    channel: str
    message: Message
    due_at: datetime
    attempts: int
    state: DeliveryState
    error: str | None = None

    def __post_init__(self) -> None:
        put_into_utc(self, "due_at")
