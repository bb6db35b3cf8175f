"""The blocks of settings.toml, each checked by itself; [feedback], [[form]] and [[hook]] are in
feedback_blocks.py."""

from __future__ import annotations

import re
from datetime import time, timedelta
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from earful.enums import Intent, Reason, Sentiment

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]+)?)\s*([smhd])")
_LONGEST = timedelta(days=3650)


def _duration(value: object) -> object:
    """ "90s", "15m", "72h", "14d" or a plain number of seconds."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError("is not a duration; write it as 90s, 15m, 72h or 14d")
        value = float(match[1]) * _UNITS[match[2]]
    # a bool is an int in Python, and `every = true` is no duration
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not abs(value) <= _LONGEST.total_seconds():
            raise ValueError(f"is too long; {_LONGEST.days}d is the longest")
        return timedelta(seconds=value)
    return value


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is not a time zone; write it as Europe/Athens or UTC") from error
    return value


def _hour(value: object) -> object:
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError as error:
            raise ValueError("is not a time of day; write it as 09:00") from error
    # pydantic would read a bare 9 as nine seconds after midnight
    if not isinstance(value, time):
        raise ValueError("is not a time of day; write it as 09:00")
    return value


def _proxy(value: object) -> object:
    """An address or a network of a proxy; a "*" would let every visitor choose who they are."""
    if isinstance(value, str):
        try:
            ip_network(value)
        except ValueError as error:
            raise ValueError("is no address; write it as 10.0.0.2 or 10.0.0.0/24") from error
    return value


Proxy = Annotated[str, BeforeValidator(_proxy)]
Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
Zone = Annotated[str, BeforeValidator(_zone)]
TimeOfDay = Annotated[time, BeforeValidator(_hour)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
BlockName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_-]*$",
        max_length=40,
        description="small letters, digits, - and _, with a letter first",
    ),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="three capital letters, as USD")]
Share = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
Priority = Annotated[int, Field(ge=0, le=100, strict=True)]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
UnhappyIntent = Literal[Intent.COMPLAINT, Intent.LEAVING]
Money = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=6)]


class Block(BaseModel):
    """The base of every block: refuses unknown keys, and is frozen after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CompetitorSettings(Block):
    """A competitor of a brand; a bare name in the list means just the name."""

    name: Name
    aliases: tuple[Name, ...] = ()
    handles: tuple[Name, ...] = ()


def _competitor(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class BrandSettings(Block):
    """One [[brand]]: its names, its own accounts, its competitors."""

    name: Name
    aliases: tuple[Name, ...] = ()
    handles: tuple[Name, ...] = ()
    own_accounts: tuple[Name, ...] = ()
    exclude: tuple[Name, ...] = ()
    competitors: tuple[Annotated[CompetitorSettings, BeforeValidator(_competitor)], ...] = ()
    timezone: Zone = "UTC"


class ListenSettings(Block):
    """One [[listen]]: which source, for which brand, how often."""

    source: Name
    brand: Name
    name: Name | None = None
    account: Name | None = None
    every: Duration = timedelta(minutes=15)
    any_of: tuple[Name, ...] = ()
    none_of: tuple[Name, ...] = ()
    languages: tuple[Name, ...] = ()
    enabled: bool = True
    options: dict[str, Any] = Field(default_factory=dict)


class AccountSettings(Block):
    """One [[account]]: a credential, the platform's price of a post, and its budgets."""

    name: BlockName
    source: Name
    price_per_read: Money = Decimal(0)
    currency: Currency = "USD"
    budget_day: Money | None = None
    budget_month: Money | None = None
    requests: Annotated[int, Field(ge=1, le=10**9, strict=True)] | None = None
    per: Duration = timedelta(hours=1)


class SentimentSettings(Block):
    """[sentiment]: which classifier reads the mentions."""

    backend: Literal["onnx", "transformers", "lexicon"] = "onnx"
    model: str | None = None
    labels: dict[str, Literal["negative", "neutral", "positive"]] | None = None
    threads: Annotated[int, Field(ge=1, le=256, strict=True)] | None = None


class RuleSettings(Block):
    """[rules]: when an author counts as unhappy, and how soon an answer is due.

    ``toward``, ``intents``, ``reasons`` and ``urgent_reasons`` need a model that answers them.
    """

    negative_at: Share = 0.50
    # empty lists would flag nothing, and look like a quiet day
    toward: Annotated[tuple[Sentiment, ...], Field(min_length=1)] = (Sentiment.NEGATIVE,)
    intents: Annotated[tuple[UnhappyIntent, ...], Field(min_length=1)] = (
        Intent.COMPLAINT,
        Intent.LEAVING,
    )
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)] = tuple(Reason)
    urgent_reasons: tuple[Reason, ...] = (Reason.SAFETY,)
    look_back: Duration = timedelta(days=3)
    urgent_at: Priority = 70
    reply_within: Duration = timedelta(hours=24)
    urgent_reply_within: Duration = timedelta(hours=2)


class ChannelSettings(Block):
    """One [[channel]]: where alerts and digests go. ``mail`` needs host, sender and to."""

    name: BlockName
    kind: Literal["mail", "file", "print"]
    to: tuple[str, ...] = ()
    sender: str | None = None
    host: str | None = None
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    path: Path | None = None


class DigestSettings(Block):
    """[digest]: who gets the daily digest, and when, in the first brand's time zone."""

    channels: tuple[Name, ...] = ()
    at: TimeOfDay = time(9, 0)
    when_nothing: Literal["say", "skip"] = "say"
    most: Annotated[int, Field(ge=1, le=500, strict=True)] = 20


class AlertSettings(Block):
    """[alerts]: the channels that are alerted at once when an urgent case opens."""

    channels: tuple[Name, ...] = ()
    page_within: Duration = timedelta(hours=6)


class ScheduleSettings(Block):
    """[schedule]: how often the stages after polling look for work.

    ``recheck`` is how often a platform is asked again about each stored post that was published
    within ``recheck_within``.
    """

    classify: Duration = timedelta(seconds=20)
    flag: Duration = timedelta(seconds=20)
    deliver: Duration = timedelta(seconds=20)
    recheck: Duration = timedelta(hours=24)
    recheck_within: Duration = timedelta(days=7)


class DashboardSettings(Block):
    """[dashboard]: where the command center listens, and how often it refreshes itself."""

    host: str = "127.0.0.1"
    port: Port = 8501
    refresh: Duration = timedelta(seconds=10)
    trusted_proxies: tuple[Proxy, ...] = ()
