"""Bluesky's stream of all posts (Jetstream), read for a few seconds at a time and filtered here.

Rules, from https://github.com/bluesky-social/jetstream: a websocket gives events as JSON in the
order of ``time_us`` (microseconds since 1970), from a ``cursor`` on. About a day of them is kept;
from an older cursor on it begins with the oldest that it has. An event says which account wrote
(its DID) and not its handle. Deletions come for the whole network, without saying of what kind of
post: they are not followed here, stored posts are asked for again instead (Bluesky.recheck).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Annotated, Any, TypeGuard
from urllib.parse import urlencode

from pydantic import Field
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, reconnect

from earful import clock as wall
from earful.contracts import BadItem, EdgeError, Permanent, SpendMeter, Spent, Transient
from earful.enums import GapKind
from earful.matching import Matcher
from earful.types import Batch, Gap, Mention, Query, Rejected, Seen
from listeners.bluesky import posts
from listeners.common import times
from listeners.common.json_fields import LATEST_INSTANT, is_instant, string
from listeners.common.position import Position
from listeners.common.rejects import rejected
from listeners.http.errors import shown, user_agent

PART = "jetstream"
_POSTS = "app.bsky.feed.post"
_REWIND = 5_000_000  # microseconds read again: events of one moment may come in another order
_LATE = (
    60_000_000  # microseconds; a stream that begins later than this after its cursor has lost some
)
_QUIET = 2.0  # seconds without an event: there is nothing more
_TOO_OLD = "the stream keeps its posts for about a day, and was not read in time"
_EVENTS = 5_000  # read between two batches
_LARGEST = 1024 * 1024  # bytes of one event; a post that its lexicon allows is far below it
_BROKEN = (WebSocketException, OSError, EOFError)


class _Position(Position):
    """The instant of the last event, in microseconds since 1970. A damaged one begins again now."""

    jetstream: Annotated[int, Field(strict=True, gt=0, lt=LATEST_INSTANT * 1_000_000)] | None = None


@dataclass(slots=True)
class _Read:
    """What was read since the last batch; ``first`` and ``last`` are instants of events.
    ``quiet``: nothing more came. ``broken``: what ended the connection."""

    views: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    first: int = 0
    last: int = 0
    received: int = 0
    quiet: bool = False
    broken: Exception | None = None


class _Straight(reconnect):
    """Connects to the address that it was given, and to no other."""

    def process_redirect(self, exc: Exception) -> Exception:
        """A redirect is a refusal."""
        return exc


class Stream:
    """One poll of the stream.

    ``profiles`` tells who accounts are; of those that it does not tell, the DID is the handle.
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
            raise Permanent(f"{query.id}: any_of is empty; name what to keep of the stream")

    def batches(self, position: str | None) -> Iterator[Batch]:
        """What came since ``position``, up to now or until the time is over; without one, from
        now on. Raises Spent, Transient, and Permanent when the stream refuses us."""
        now = _micros(self._clock())
        mark = min(_Position.load(position).jetstream or now, now)
        try:
            self._meter.reserve(requests=1)
            with self._connect(mark) as socket:
                for batch in self._walk(socket, mark, now):
                    mark = _Position.load(batch.position).jetstream or mark
                    yield batch
        except (EdgeError, *_BROKEN) as trouble:
            error = trouble if isinstance(trouble, EdgeError) else self._edge_error(trouble)
            kind = error.kind if isinstance(error, Spent) else GapKind.OUTAGE
            gaps = _gap(mark, now, kind, str(error))
            yield Batch(mentions=(), position=_Position(jetstream=mark).dump(), gaps=gaps)
            raise error from None

    def _connect(self, mark: int) -> _Straight:
        asked = urlencode(
            {
                "wantedCollections": _POSTS,
                "cursor": max(mark - _REWIND, 0),
                # else one record that somebody blew up would break every connection at its place
                "maxMessageSizeBytes": _LARGEST,
            }
        )
        return _Straight(
            f"{self._url}{'&' if '?' in self._url else '?'}{asked}",
            user_agent_header=user_agent(),
            open_timeout=self._timeout,
            close_timeout=1,
            max_size=_LARGEST,
        )

    def _walk(self, socket: ClientConnection, mark: int, now: int) -> Iterator[Batch]:
        ends = monotonic() + self._seconds
        low = mark
        lost: tuple[Gap, ...] = ()
        more = True
        while more:
            read = self._read(socket, now, ends)
            self._meter.reconcile(received=read.received)
            if read.first > mark + _LATE and low == mark:
                lost = _gap(mark, read.first, GapKind.WINDOW, _TOO_OLD, lost=True)
                low = read.first
            mark = max(mark, min(read.last, now))  # one dated ahead hides nothing to come
            waits = mark < now and not read.quiet and read.broken is None
            more = waits and monotonic() < ends
            cut = waits and not more
            rest = _gap(mark, now, GapKind.LIMIT, self._too_long()) if cut else ()
            yield Batch(
                mentions=self._mentions(read),
                rejected=tuple(read.rejected),
                position=_Position(jetstream=mark).dump(),
                seen=_seen(low, mark),
                gaps=(*lost, *rest),
                more=more or cut or read.broken is not None,
            )
            lost = ()
            if read.broken is not None:
                raise read.broken

    def _read(self, socket: ClientConnection, now: int, ends: float) -> _Read:
        """Events until there are enough of them, or no more, or the time is over."""
        read = _Read()
        for _ in range(_EVENTS):
            left = ends - monotonic()
            if left <= 0 or read.last >= now:
                break
            try:
                message = socket.recv(timeout=min(left, _QUIET))
            except TimeoutError:
                read.quiet = left > _QUIET
                break
            except _BROKEN as error:  # what came before it is kept
                read.broken = error
                break
            read.received += len(message)
            self._take(message, read)
        return read

    def _take(self, message: str | bytes, read: _Read) -> None:
        try:
            event = json.loads(message)
            at = event["time_us"]
            if not _is_instant(at):
                raise TypeError("time_us is no instant")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            why = BadItem(f"it cannot be read ({type(error).__name__})")
            read.rejected.append(rejected("an event of the stream", why, message))
            return
        read.first = read.first or at
        read.last = max(read.last, at)
        view = _view(event, at)
        if view is not None and self._matcher.matches(posts.searchable_text(view["record"])):
            read.views.append(view)

    def _mentions(self, read: _Read) -> tuple[Mention, ...]:
        who = self._who([view["author"]["did"] for view in read.views])
        found: list[Mention] = []
        for view in read.views:
            profile = who.get(view["author"]["did"], view["author"])
            try:
                made = posts.to_mention(view | {"author": profile}, fetched_at=self._clock())
            except BadItem as error:
                read.rejected.append(rejected(view["uri"], error, view))
                continue
            found.append(made)
        return tuple(found)

    def _who(self, dids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        wanted = list(dict.fromkeys(dids))
        if not wanted:
            return {}
        try:
            found = self._profiles(wanted)
        except EdgeError:
            return {}  # the posts are here; only their authors' names are not
        return {string(one, "did"): one for one in found}

    def _edge_error(self, error: Exception) -> Transient | Permanent:
        where = shown(self._url)
        if isinstance(error, InvalidStatus):
            status = error.response.status_code
            if 300 <= status < 500 and status not in (408, 425, 429):
                return Permanent(f"{where} answered {status}; check the option jetstream")
            return Transient(f"{where} answered {status}; it will be tried again")
        return Transient(
            f"{where}: the connection failed ({type(error).__name__}); it will be tried again"
        )

    def _too_long(self) -> str:
        return f"one poll reads the stream for {self._seconds:g} s at most"


def _view(event: Mapping[str, Any], at: int) -> dict[str, Any] | None:
    """A new or changed post of the stream as what the search would show of it."""
    commit = event.get("commit")
    if not isinstance(commit, Mapping) or commit.get("operation") not in ("create", "update"):
        return None
    record, did = commit.get("record"), string(event, "did")
    if commit.get("collection") != _POSTS or not isinstance(record, Mapping):
        return None
    return {
        "uri": f"at://{did}/{_POSTS}/{string(commit, 'rkey')}",
        "record": record,
        "author": {"did": did},
        "indexedAt": _instant(at).isoformat(),
    }


def _micros(instant: datetime) -> int:
    return (instant - times.EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return times.EPOCH + timedelta(microseconds=micros)


def _gap(low: int, high: int, kind: GapKind, reason: str, *, lost: bool = False) -> tuple[Gap, ...]:
    if low >= high:
        return ()
    since, until = _instant(low), _instant(high)
    return (Gap(since=since, until=until, reason=reason, kind=kind, part=PART, lost=lost),)


def _seen(low: int, high: int) -> tuple[Seen, ...]:
    return (Seen(since=_instant(low), until=_instant(high), part=PART),) if low < high else ()


def _is_instant(micros: object) -> TypeGuard[int]:
    return type(micros) is int and micros > 0 and is_instant(micros // 1_000_000)
