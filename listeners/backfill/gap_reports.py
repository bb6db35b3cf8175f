"""Report the windows that a backfill leaves open, and those that it gives up, as gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from earful.contracts import EdgeError, Spent, gap_reason
from earful.enums import GapKind
from earful.types import Gap
from listeners.backfill.page_request import BackfillRules
from listeners.backfill.windows import OpenWindow, PartProgress
from listeners.common import times

_MAX_STALLED_POLLS = 3  # polls without progress, after which a window is reported as lost


def build_gap(
    part: str, span: tuple[int, int], kind: GapKind, reason: str, *, is_lost: bool
) -> Gap:
    """Build the gap of a span in whole seconds since 1970."""
    since, until = span
    return Gap(
        since=times.from_epoch(since),
        until=times.from_epoch(until),
        reason=reason,
        kind=kind,
        part=part,
        lost=is_lost,
    )


def report_dropped_parts(parts: Mapping[str, PartProgress]) -> Iterator[Gap]:
    """Report as lost the open windows of parts that the settings no longer request."""
    reason = "the settings no longer request it"
    for name, progress in parts.items():
        for window in progress.windows:
            if span := window.unread_span():
                yield build_gap(name, span, window.kind, reason, is_lost=True)


def report_expired(name: str, progress: PartProgress, cutoff: int) -> Iterator[Gap]:
    """Report as lost the unread time before ``cutoff``, where the platform's retention ends.

    This covers the open windows, and the time in which no poll ran.
    """
    reason = "the platform no longer keeps posts this old, and no earlier poll read them"
    for span in progress.drop_before(cutoff):
        yield build_gap(name, span, GapKind.WINDOW, reason, is_lost=True)
    if progress.opened_until < cutoff:
        span = progress.opened_until, cutoff
        yield build_gap(name, span, GapKind.WINDOW, reason, is_lost=True)
        progress.opened_until = cutoff


def report_open_windows(
    parts: Mapping[str, PartProgress], rules: BackfillRules, error: EdgeError | None
) -> list[Gap]:
    """Report the windows that stay open after a poll, and give up those without progress.

    ``error`` ended the poll, or is None. Windows that the next poll need not read are removed.
    """
    gaps: list[Gap] = []
    for name, progress in parts.items():
        for window in list(progress.windows):
            _explain_window(window, rules, error)
            if window.stalled_polls >= _MAX_STALLED_POLLS:
                gaps += _give_up_window(name, progress, window, rules)
        for window in progress.windows:
            if span := window.unread_span():
                gaps.append(build_gap(name, span, window.kind, window.reason, is_lost=False))
        # without seeking, the next poll reads from the top again and reaches no deeper
        if not rules.can_seek and error is None:
            progress.windows = [window for window in progress.windows if _is_owed(window)]
        progress.join_windows()
    return gaps


def _is_owed(window: OpenWindow) -> bool:
    """Return False for the end of an overlap that our own limit of requests cut off."""
    return window.kind is not GapKind.LIMIT or window.unread_span() is not None


def _explain_window(window: OpenWindow, rules: BackfillRules, error: EdgeError | None) -> None:
    """Record why the window is open, and count the poll if it made no progress."""
    if isinstance(error, Spent):
        window.set_reason(error.kind, gap_reason(error))
    elif error is not None:
        window.set_reason(GapKind.OUTAGE, gap_reason(error))
    elif window.kind is not GapKind.TOKEN:
        window.set_reason(GapKind.LIMIT, f"one poll makes {rules.max_requests} requests at most")
    if window.high < window.start_high:
        window.stalled_polls = 0
    elif error is None and _has_had_requests(window, rules):
        window.stalled_polls += 1


def _has_had_requests(window: OpenWindow, rules: BackfillRules) -> bool:
    """Return False if other windows used the poll's requests before this one could progress."""
    is_repeated = window.kind is GapKind.TOKEN and window.requests > 0
    return is_repeated or not rules.can_seek or window.requests > rules.max_requests // 4


def _give_up_window(
    name: str, progress: PartProgress, window: OpenWindow, rules: BackfillRules
) -> list[Gap]:
    """Close a window that several polls could not advance, and report it as lost.

    Only its top second is given up if the time below can be requested without it.
    """
    reason = f"{window.reason}; {_MAX_STALLED_POLLS} polls made no progress"
    high = window.high
    if window.kind is GapKind.TOKEN or not rules.can_seek:
        low = window.low
        spans = progress.unread_spans(low, high)
    else:
        low = high - 1
        spans = [(low, high)]
    progress.close(low, high)
    window.stalled_polls = 0
    return [build_gap(name, span, window.kind, reason, is_lost=True) for span in spans]
