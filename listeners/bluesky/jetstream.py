"""Read and filter Bluesky's stream of all posts (Jetstream), a few seconds at a time.

Rules, from https://github.com/bluesky-social/jetstream: a websocket sends events as JSON in the
order of ``time_us`` (microseconds since 1970), from a ``cursor`` on. About a day of them is kept;
for an older cursor the stream begins with its oldest event. An event names the account that wrote
(its DID), but not its handle. Deletions come for the whole network and do not say which kind of
post it was. They are not followed: Bluesky.recheck asks for stored posts again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, reconnect

from earful import clock as wall
from earful.contracts import (
    TRIED_AGAIN,
    BadItem,
    EdgeError,
    Permanent,
    SpendMeter,
    Spent,
    Transient,
    gap_reason,
)
from earful.enums import GapKind
from earful.matching import Matcher
from earful.types import Batch, Gap, Mention, Query, Rejected, Seen
from listeners.bluesky import posts
from listeners.bluesky.events import POST_COLLECTION, from_micros, parse_event, to_micros
from listeners.common.json_fields import LATEST_INSTANT, string
from listeners.common.position import Position
from listeners.common.rejects import reject
from listeners.http.errors import safe_url, user_agent

PART = "jetstream"
# Microseconds read again: events of one moment may come in another order.
_REWIND = 5_000_000
# Microseconds. A stream that begins later than this after its cursor has lost events.
_MAX_START_DELAY = 60_000_000
# Seconds without an event: the stream of the whole network has no more.
_QUIET_AFTER = 2.0
_TOO_OLD = "the stream keeps its posts for about a day, and was not read in time"
_MAX_EVENTS = 5_000  # read between two batches
# A post that its lexicon allows is far smaller.
_MAX_EVENT_BYTES = 1024 * 1024
_CONNECTION_ERRORS = (WebSocketException, OSError, EOFError)


class _Position(Position):
    """The instant of the last event, in microseconds since 1970. A damaged one begins again now."""

    jetstream: Annotated[int, Field(strict=True, gt=0, lt=LATEST_INSTANT * 1_000_000)] | None = None


@dataclass(slots=True)
class _Chunk:
    """The events that were read since the last batch.

    ``views`` are the matching posts. ``first_at`` and ``last_at`` are instants of events, in
    microseconds since 1970; 0 when none came. ``received`` is in bytes. ``is_quiet``: no more
    events came. ``error`` ended the connection.
    """

    views: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    first_at: int = 0
    last_at: int = 0
    received: int = 0
    is_quiet: bool = False
    error: Exception | None = None


class _DirectConnection(reconnect):
    """Connect to the given address only."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Treat a redirect as a refusal."""
        return exc


class JetstreamPoll:
    """One poll of the stream.

    ``profiles`` looks accounts up; an account without a profile has its DID as its handle.
    ``timeout`` is in seconds for connecting, ``seconds`` is the longest time of one poll.
    """

    def __init__(
        self,
        url: str,
        *,
        query: Query,
        clock: wall.Clock,
        meter: SpendMeter,
        timeout: float,
        seconds: float,
        profiles: Callable[[Sequence[str]], list[Mapping[str, Any]]],
    ) -> None:
        self._url = url
        self._matcher = Matcher(query.any_of)
        self._clock = clock
        self._meter = meter
        self._timeout = timeout
        self._seconds = seconds
        self._profiles = profiles
        if not query.any_of:
            raise Permanent(
                f"{query.id}: any_of is empty", hint="Name the terms of the posts to keep."
            )

    def batches(self, position: str | None) -> Iterator[Batch]:
        """Yield the posts since ``position``, up to now or until the time is over.

        Without a position the stream begins now. Raises Spent, Transient, and Permanent when the
        stream refuses us.
        """
        now = to_micros(self._clock())
        cursor = min(_Position.load(position).jetstream or now, now)
        try:
            self._meter.reserve(requests=1)
            with self._connect(cursor) as socket:
                for batch in self._read_stream(socket, cursor, now):
                    cursor = _Position.load(batch.position).jetstream or cursor
                    yield batch
        except (EdgeError, *_CONNECTION_ERRORS) as failure:
            error = failure if isinstance(failure, EdgeError) else self._edge_error(failure)
            kind = error.kind if isinstance(error, Spent) else GapKind.OUTAGE
            gaps = _gap(cursor, now, kind, gap_reason(error))
            yield Batch(mentions=(), position=_Position(jetstream=cursor).dump(), gaps=gaps)
            raise error from None

    def _connect(self, cursor: int) -> _DirectConnection:
        parameters = urlencode(
            {
                "wantedCollections": POST_COLLECTION,
                "cursor": max(cursor - _REWIND, 0),
                # Without it one oversized record would break every connection at its place.
                "maxMessageSizeBytes": _MAX_EVENT_BYTES,
            }
        )
        return _DirectConnection(
            f"{self._url}{'&' if '?' in self._url else '?'}{parameters}",
            user_agent_header=user_agent(),
            open_timeout=self._timeout,
            close_timeout=1,
            max_size=_MAX_EVENT_BYTES,
        )

    def _read_stream(self, socket: ClientConnection, cursor: int, now: int) -> Iterator[Batch]:
        """Yield batches until the stream is quiet, has reached ``now``, breaks, or time is over.

        1. Read a chunk of events.
        2. A first event long after the cursor means that the stream has dropped the events between:
           that span is a lost gap.
        3. Move the cursor to the last event, but never beyond ``now``: an event that is dated ahead
           hides no later ones.
        4. When the time is over before the stream is read, the rest is a gap of kind limit.
        """
        deadline = monotonic() + self._seconds
        seen_from = cursor
        lost_gaps: tuple[Gap, ...] = ()
        has_more = True
        while has_more:
            chunk = self._read_chunk(socket, now, deadline)
            self._meter.reconcile(received=chunk.received)
            if chunk.first_at > cursor + _MAX_START_DELAY and seen_from == cursor:
                lost_gaps = _gap(cursor, chunk.first_at, GapKind.WINDOW, _TOO_OLD, lost=True)
                seen_from = chunk.first_at
            cursor = max(cursor, min(chunk.last_at, now))
            is_unfinished = cursor < now and not chunk.is_quiet and chunk.error is None
            has_more = is_unfinished and monotonic() < deadline
            is_cut = is_unfinished and not has_more
            limit_gaps = _gap(cursor, now, GapKind.LIMIT, self._limit_reason()) if is_cut else ()
            yield Batch(
                mentions=self._mentions(chunk),
                rejected=tuple(chunk.rejected),
                position=_Position(jetstream=cursor).dump(),
                seen=_seen(seen_from, cursor),
                gaps=(*lost_gaps, *limit_gaps),
                more=has_more or is_cut or chunk.error is not None,
            )
            lost_gaps = ()
            if chunk.error is not None:
                raise chunk.error

    def _read_chunk(self, socket: ClientConnection, now: int, deadline: float) -> _Chunk:
        """Read events until there are enough, or no more, or the time is over."""
        chunk = _Chunk()
        for _ in range(_MAX_EVENTS):
            seconds_left = deadline - monotonic()
            if seconds_left <= 0 or chunk.last_at >= now:
                break
            try:
                message = socket.recv(timeout=min(seconds_left, _QUIET_AFTER))
            except TimeoutError:
                chunk.is_quiet = seconds_left > _QUIET_AFTER
                break
            except _CONNECTION_ERRORS as error:
                # The events before the break are kept.
                chunk.error = error
                break
            chunk.received += len(message)
            self._add_event(message, chunk)
        return chunk

    def _add_event(self, message: str | bytes, chunk: _Chunk) -> None:
        try:
            at, view = parse_event(message)
        except BadItem as error:
            chunk.rejected.append(reject("an event of the stream", error, message))
            return
        chunk.first_at = chunk.first_at or at
        chunk.last_at = max(chunk.last_at, at)
        if view is not None and self._matcher.matches(posts.searchable_text(view["record"])):
            chunk.views.append(view)

    def _mentions(self, chunk: _Chunk) -> tuple[Mention, ...]:
        profiles = self._profiles_by_did([view["author"]["did"] for view in chunk.views])
        mentions: list[Mention] = []
        for view in chunk.views:
            profile = profiles.get(view["author"]["did"], view["author"])
            try:
                mention = posts.to_mention(view | {"author": profile}, fetched_at=self._clock())
            except BadItem as error:
                chunk.rejected.append(reject(view["uri"], error, view))
                continue
            mentions.append(mention)
        return tuple(mentions)

    def _profiles_by_did(self, dids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        unique_dids = list(dict.fromkeys(dids))
        if not unique_dids:
            return {}
        try:
            profiles = self._profiles(unique_dids)
        except EdgeError:
            # The posts are read; only their authors' names are missing.
            return {}
        return {string(profile, "did"): profile for profile in profiles}

    def _edge_error(self, error: Exception) -> Transient | Permanent:
        address = safe_url(self._url)
        if isinstance(error, InvalidStatus):
            status = error.response.status_code
            if 300 <= status < 500 and status not in (408, 425, 429):
                return Permanent(f"{address} answered {status}", hint="Check the option jetstream.")
            return Transient(f"{address} answered {status}", hint=TRIED_AGAIN)
        return Transient(
            f"{address}: the connection failed ({type(error).__name__})", hint=TRIED_AGAIN
        )

    def _limit_reason(self) -> str:
        return f"one poll reads the stream for {self._seconds:g} s at most"


def _gap(
    start: int, end: int, kind: GapKind, reason: str, *, lost: bool = False
) -> tuple[Gap, ...]:
    if start >= end:
        return ()
    since, until = from_micros(start), from_micros(end)
    return (Gap(since=since, until=until, reason=reason, kind=kind, part=PART, lost=lost),)


def _seen(start: int, end: int) -> tuple[Seen, ...]:
    if start >= end:
        return ()
    return (Seen(since=from_micros(start), until=from_micros(end), part=PART),)
