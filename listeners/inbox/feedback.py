"""The source "feedback": submissions of visitors to one of our own forms.

`earful feedback serve` takes it and drops it into the form's inbox, a line each; nothing is asked
of any network here. The [[form]] block in settings makes the query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from earful.contracts import BadItem
from earful.types import Author, Batch, Mention, Query, Rating
from listeners.common import times
from listeners.common.authors import anonymous_author
from listeners.common.base import SourceListener
from listeners.common.options import ListenerOptions, read_options
from listeners.common.plain_text import clean, one_line
from listeners.common.rejects import preview
from listeners.inbox.inbox import count_waiting, read_batches

SCALES = {"nps": (0, 10), "csat": (1, 5), "stars": (1, 5)}
InboxName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class FeedbackOptions(ListenerOptions):
    """The options of a [[form]] block for its listener; see docs/sources/feedback.md."""

    form: InboxName
    inbox: Path


class Feedback(SourceListener):
    """Read the submissions in a form's inbox."""

    name: ClassVar[str] = "feedback"
    Options: ClassVar[type[BaseModel]] = FeedbackOptions
    handles_have_at: ClassVar[bool] = False

    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield the submissions behind ``position``, in batches; the last batch carries Seen.

        Permanent: the inbox may not be read. Transient: the disk fails.
        """
        options, now = read_options(FeedbackOptions, query), self._clock()
        folder = folder_of(options.inbox, options.form)

        def take(line: Mapping[str, Any]) -> Mention:
            return _mention(line, options.form, now)

        yield from read_batches(folder, position, now=now, take=take)

    def count_waiting(self, query: Query, position: str | None) -> int:
        """Return the number of submissions behind ``position``; raises as ``poll`` does."""
        options = read_options(FeedbackOptions, query)
        return count_waiting(folder_of(options.inbox, options.form), position)


def folder_of(inbox: Path, form: str) -> Path:
    """Where a form's submissions lie until they are stored."""
    return inbox / f"form-{form}"


def rating_of(value: object, kind: str) -> Rating:
    """A rating on one of SCALES. Raises BadItem when it is no whole number on the scale."""
    lowest, highest = SCALES[kind]
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise BadItem(f"rating: {preview(value)} is no whole number from {lowest} to {highest}")
    return Rating(kind=kind, value=value, lowest=lowest, highest=highest)


def _mention(line: Mapping[str, Any], form: str, now: datetime) -> Mention:
    identity = f"{form}-{_word(line, 'id', 100)}"
    if identity == f"{form}-":
        raise BadItem("id: it is missing")
    kind = line.get("kind")
    if kind not in SCALES:
        raise BadItem(f"kind: {preview(kind)} is none of {', '.join(SCALES)}")
    return Mention(
        source="feedback",
        external_id=identity,
        author=_author(line, identity),
        text=clean(words) if isinstance(words := line.get("why"), str) else "",
        published_at=times.parse(line.get("at")),
        fetched_at=now,
        direct=True,
        rating=rating_of(line.get("rating"), str(kind)),
    )


def _author(line: Mapping[str, Any], identity: str) -> Author:
    name, mail = _word(line, "name", 100), _word(line, "email", 254)
    if mail:
        # one address is one customer, however often they write
        digest_input = hashlib.sha256(mail.lower().encode("utf-8", "replace")).hexdigest()[:32]
        return Author(
            source="feedback", external_id=f"mail-{digest_input}", handle=mail, name=name or None
        )
    return anonymous_author("feedback", identity, handle=name, name=name or None)


def _word(line: Mapping[str, Any], key: str, limit: int) -> str:
    value = line.get(key)
    return one_line(value, limit) if isinstance(value, str) else ""
