"""The fixed vocabularies: the allowed values of each kind."""

from __future__ import annotations

from enum import StrEnum


class Sentiment(StrEnum):
    """The sentiment of a mention by the model or a person."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class Intent(StrEnum):
    """What the author of a mention wants from the brand; several may hold."""

    COMPLAINT = "complaint"
    QUESTION = "question"
    PRAISE = "praise"
    SUGGESTION = "suggestion"
    # goes to a rival, cancels, or says so
    LEAVING = "leaving"
    # a problem is solved, money is back, thanks for help
    RESOLVED = "resolved"
    # news, an advert, spam, a job: not a customer's experience
    OTHER = "other"


class Reason(StrEnum):
    """Why the author of a mention is unhappy with the brand; several may hold."""

    LATE = "late"
    # lost, or never came
    MISSING = "missing"
    # rude, or no help
    STAFF = "staff"
    # a charge, a refund, a fee
    PRICE = "price"
    # the quality of a product
    BROKEN = "broken"
    # an app, a website, a login, a payment page
    DIGITAL = "digital"
    # a booking that was cancelled or changed, or nothing in stock
    CANCELLED = "cancelled"
    # waiting on the line, or no answer
    UNREACHABLE = "unreachable"
    SAFETY = "safety"
    OTHER = "other"


class DeliveryState(StrEnum):
    """Where a message stands on its way out; all that a DROPPED one told of was deleted."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


class Verdict(StrEnum):
    """The rules' verdict on a mention about a brand; all but FLAGGED name the reason against it."""

    FLAGGED = "flagged"
    CALM = "calm"
    COULD_NOT_TELL = "could_not_tell"
    CORRECTED = "corrected"
    OWN_ACCOUNT = "own_account"
    REPOST = "repost"
    COMPETITOR = "competitor"
    TOO_OLD = "too_old"
    COPY = "copy"
    # asks something, and is no complaint
    QUESTION = "question"
    # suggests something, and is no complaint
    WISH = "wish"
    # a problem is solved
    RESOLVED = "resolved"
    # negative words, but not toward the brand
    NOT_TOWARD_US = "not_toward_us"
    # negative toward the brand, but no customer complains: news, a joke, an opinion
    NO_COMPLAINT = "no_complaint"
    # a complaint with an intent or reason that the settings do not flag
    LEFT_OUT = "left_out"


class GapKind(StrEnum):
    """The reason for a gap in the time that was seen."""

    # of requests: the platform's, or ours for one poll
    LIMIT = "limit"
    # of money or units
    BUDGET = "budget"
    # the platform or the network failed
    OUTAGE = "outage"
    # the platform shows only so many posts of a search
    CEILING = "ceiling"
    TOKEN = "token"  # the platform repeated a page token  # noqa: S105
    # the entries had left the feed before the poll
    WINDOW = "window"
