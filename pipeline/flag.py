"""Let the rules judge what was classified; keep flags, cases and pages in one transaction."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from earful.clock import Clock
from earful.enums import Verdict
from earful.judgements import ClassifiedMention, Flag
from earful.scoring import case_priority
from outreach import digest
from outreach.rules import Rules, decide, due_at, is_urgent
from outreach.words import count
from pipeline.case_line import case_line
from pipeline.group import group
from storage.cases import deliveries, queue, unjudged
from storage.cases import verdicts as verdict_store
from storage.cases.unjudged import REPEAT_WITHIN
from storage.cases.verdicts import CaseRules, FlaggedCase
from storage.database.engine import Database, Transaction

_BATCH_SIZE = 500

Stop = Callable[[], bool]
Decision = tuple[ClassifiedMention, Flag | Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """Whom to page about an urgent new case, and how fresh its complaint must be for that."""

    channels: tuple[str, ...] = ()
    within: timedelta = timedelta(hours=6)
    timezone: str = "UTC"


@dataclass(slots=True, kw_only=True)
class Flagged:
    """What a round of judging came to."""

    judged: int = 0
    flags: int = 0
    opened: int = 0
    urgent: int = 0

    @property
    def is_idle(self) -> bool:
        """True when no mention was waiting."""
        return not self.judged

    def __str__(self) -> str:
        return (
            f"{self.judged} judged, {self.flags} flagged, {count(self.opened, 'case')} opened "
            f"({self.urgent} urgent)"
        )


def flag(
    db: Database,
    rules: Rules,
    *,
    clock: Clock,
    alert_policy: AlertPolicy | None = None,
    stop: Stop = lambda: False,
    progress: Callable[[int], None] = lambda _number: None,
) -> Flagged:
    """Judge every classified mention that has no verdict, and old ones again without a look-back.

    Judging anything twice changes nothing: a mention is flagged once for a brand. What is in no
    story yet is grouped first; what comes while this runs waits, since nobody knows yet whether it
    was said before.
    """
    group(db, clock=clock, stop=stop)
    total = Flagged()
    alert_policy = alert_policy or AlertPolicy()
    verdicts = ("",) if rules.look_back is not None else ("", Verdict.TOO_OLD.value)
    for verdict in verdicts:
        after = unjudged.START
        while not stop():
            waiting = _judge(db, verdict, after, rules, alert_policy, clock(), total)
            if not waiting:
                break
            after = (waiting[-1].mention_id, waiting[-1].brand.id)
            progress(len(waiting))
    return total


def _judge(
    db: Database,
    verdict: str,
    after: unjudged.Cursor,
    rules: Rules,
    alert_policy: AlertPolicy,
    now: datetime,
    total: Flagged,
) -> Sequence[ClassifiedMention]:
    """Judge the next few behind ``after``, in one transaction; gives them."""
    case_rules = CaseRules(
        priority=case_priority,
        due_at=lambda priority, at: due_at(priority, rules, at),
    )
    with db.write() as transaction:
        waiting = unjudged.list_unjudged(transaction, _BATCH_SIZE, verdict=verdict, after=after)
        decisions = decide_all(waiting, rules, now)
        calm = [
            (heard.mention_id, heard.brand.id, decision)
            for heard, decision in decisions
            if isinstance(decision, Verdict)
        ]
        verdict_store.save_verdicts(transaction, calm)
        kept: list[tuple[ClassifiedMention, FlaggedCase]] = []
        for heard, decision in decisions:
            if isinstance(decision, Flag):
                one = verdict_store.save_flag(transaction, decision, heard, case_rules)
                if one is not None:
                    kept.append((heard, one))
        urgent = _newly_urgent(kept, rules)
        _page(transaction, urgent, alert_policy, now)
    total.judged += len(waiting)
    total.flags += len(kept)
    total.opened += sum(one.opened for _, one in kept)
    total.urgent += len({one.case_id for _, one in urgent})
    return waiting


def decide_all(waiting: Sequence[ClassifiedMention], rules: Rules, now: datetime) -> list[Decision]:
    """Decide oldest first, each knowing the complaints decided before it in this run."""
    complaints: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    told: set[tuple[int | None, str]] = set()
    decisions: list[Decision] = []
    for heard in sorted(waiting, key=lambda one: (one.published_at, one.mention_id)):
        times = complaints[(heard.author_id, heard.brand.id)]
        until = bisect_left(times, heard.published_at)
        since = bisect_left(times, heard.published_at - REPEAT_WITHIN)
        earlier = heard.earlier_complaints + until - since
        copy = heard.copy or (heard.story_id, heard.brand.id) in told
        decision = decide(replace(heard, earlier_complaints=earlier, copy=copy), rules, now)
        if isinstance(decision, Flag):
            insort(times, heard.published_at)
            told.add((heard.story_id, heard.brand.id))
        decisions.append((heard, decision))
    return decisions


def _newly_urgent(
    kept: Sequence[tuple[ClassifiedMention, FlaggedCase]], rules: Rules
) -> list[tuple[ClassifiedMention, FlaggedCase]]:
    """Flags that opened an urgent case, or made a case urgent that was not."""
    before: dict[int, int] = {}
    urgent = []
    for heard, one in kept:
        was_urgent = not one.opened and is_urgent(one.priority_before, rules)
        if is_urgent(one.priority, rules) and not was_urgent and one.case_id not in before:
            before[one.case_id] = one.priority
            urgent.append((heard, one))
    return urgent


def _page(
    transaction: Transaction,
    urgent: Sequence[tuple[ClassifiedMention, FlaggedCase]],
    alert_policy: AlertPolicy,
    now: datetime,
) -> None:
    """Queue one page for all fresh urgent cases; old complaints wait for the digest."""
    fresh = [one for heard, one in urgent if now - heard.published_at <= alert_policy.within]
    if not fresh or not alert_policy.channels:
        return
    cases = queue.by_ids(transaction, [one.case_id for one in fresh])
    message = digest.alert(
        [case_line(case) for case in cases], timezone=alert_policy.timezone, now=now
    )
    # the first flag's mention names this page: a rerun cannot flag it again, nor page again
    name = f"{fresh[0].flag.mention_ids[0]}-{fresh[0].flag.brand_id}"
    for channel in alert_policy.channels:
        deliveries.enqueue(
            transaction,
            key=f"alert-{name}-{channel}",
            channel=channel,
            message=message,
            due_at=now,
            cases=[case.id for case in cases],
        )
