"""The words of fixed vocabularies: what a value of each kind may be."""

from __future__ import annotations

from enum import StrEnum


class Sentiment(StrEnum):
    """What a mention feels like, as the model or a person says it."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class DeliveryState(StrEnum):
    """Where a message stands on its way out; all that a DROPPED one told of was deleted."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


class Verdict(StrEnum):
    """What the rules said of one mention about one brand; every one but FLAGGED says why not."""

    FLAGGED = "flagged"
    CALM = "calm"
    COULD_NOT_TELL = "could_not_tell"
    CORRECTED = "corrected"
    OWN_ACCOUNT = "own_account"
    REPOST = "repost"
    COMPETITOR = "competitor"
    TOO_OLD = "too_old"
    COPY = "copy"


class GapKind(StrEnum):
    """Why a stretch of time was not shown to us."""

    LIMIT = "limit"  # of requests: the platform's, or ours for one poll
    BUDGET = "budget"  # of money or units
    OUTAGE = "outage"  # the platform, or the way to it, was away
    CEILING = "ceiling"  # the platform shows no more of a search than so many posts
    TOKEN = "token"  # the platform gave the same page token again  # noqa: S105
    WINDOW = "window"  # what a feed shows had moved on
