"""Judge classified mentions by the rules; store flags, cases and alerts in one transaction."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from earful.clock import Clock
from earful.enums import Verdict
from earful.judgements import ClassifiedMention, Flag
from earful.scoring import priority_of
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

# One transaction each, in which no other process can write: large enough that its fixed cost
# does not count, small enough that polling does not wait.
_BATCH_SIZE = 500

Stop = Callable[[], bool]
Decision = tuple[ClassifiedMention, Flag | Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """The channels to alert about an urgent new case, and the maximum age of its complaint."""

    channels: tuple[str, ...] = ()
    within: timedelta = timedelta(hours=6)
    timezone: str = "UTC"


@dataclass(slots=True, kw_only=True)
class Flagged:
    """The result of a round of judging: mentions judged, flags, and cases opened and urgent."""

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
    """Judge every classified mention without a verdict; too old ones again without a look-back.

    1. Group the mentions that are in no story yet. Mentions that arrive meanwhile wait for the
       next run: they may be copies.
    2. Judge batch by batch, each in one transaction.

    Judging twice changes nothing, because a mention is flagged once for a brand.
    """
    # docs/decisions/unhappy.md, "Grouping is the first step of judging"
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
    """Judge the next batch behind ``after`` in one transaction, and return it.

    1. Decide on each mention.
    2. Store the verdicts of mentions that are not flagged.
    3. Store the flags; each opens or extends a case.
    4. Queue one alert for the cases that are newly urgent.
    """
    case_rules = CaseRules(
        priority=priority_of,
        due_at=lambda priority, at: due_at(priority, rules, at),
    )
    with db.write() as transaction:
        waiting = unjudged.list_unjudged(transaction, _BATCH_SIZE, verdict=verdict, after=after)
        decisions = decide_all(waiting, rules, now)
        verdicts = [
            (mention.mention_id, mention.brand.id, decision)
            for mention, decision in decisions
            if isinstance(decision, Verdict)
        ]
        verdict_store.save_verdicts(transaction, verdicts)
        flagged: list[tuple[ClassifiedMention, FlaggedCase]] = []
        for mention, decision in decisions:
            if isinstance(decision, Flag):
                case = verdict_store.save_flag(transaction, decision, mention, case_rules)
                if case is not None:
                    flagged.append((mention, case))
        urgent = _newly_urgent(flagged, rules)
        _queue_alert(transaction, urgent, alert_policy, now)
    total.judged += len(waiting)
    total.flags += len(flagged)
    total.opened += sum(case.opened for _, case in flagged)
    total.urgent += len({case.case_id for _, case in urgent})
    return waiting


def decide_all(waiting: Sequence[ClassifiedMention], rules: Rules, now: datetime) -> list[Decision]:
    """Decide oldest first.

    Each decision counts the earlier complaints and flagged stories of this run.
    """
    complaints: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    flagged_stories: set[tuple[int | None, str]] = set()
    decisions: list[Decision] = []
    # by time of publication, not of arrival: the author's second complaint must know the first
    for mention in sorted(waiting, key=lambda mention: (mention.published_at, mention.mention_id)):
        times = complaints[(mention.author_id, mention.brand.id)]
        until = bisect_left(times, mention.published_at)
        since = bisect_left(times, mention.published_at - REPEAT_WITHIN)
        earlier = mention.earlier_complaints + until - since
        copy = mention.copy or (mention.story_id, mention.brand.id) in flagged_stories
        decision = decide(replace(mention, earlier_complaints=earlier, copy=copy), rules, now)
        if isinstance(decision, Flag):
            insort(times, mention.published_at)
            flagged_stories.add((mention.story_id, mention.brand.id))
        decisions.append((mention, decision))
    return decisions


def _newly_urgent(
    flagged: Sequence[tuple[ClassifiedMention, FlaggedCase]], rules: Rules
) -> list[tuple[ClassifiedMention, FlaggedCase]]:
    """Return the flags that opened an urgent case or made a case urgent, one for each case."""
    case_ids: set[int] = set()
    urgent = []
    for mention, case in flagged:
        was_urgent = not case.opened and is_urgent(case.priority_before, rules)
        if is_urgent(case.priority, rules) and not was_urgent and case.case_id not in case_ids:
            case_ids.add(case.case_id)
            urgent.append((mention, case))
    return urgent


def _queue_alert(
    transaction: Transaction,
    urgent: Sequence[tuple[ClassifiedMention, FlaggedCase]],
    alert_policy: AlertPolicy,
    now: datetime,
) -> None:
    """Queue one alert for all fresh urgent cases; old complaints wait for the digest."""
    # docs/decisions/outreach.md, "Only fresh complaints send an alert"
    fresh = [case for mention, case in urgent if now - mention.published_at <= alert_policy.within]
    if not fresh or not alert_policy.channels:
        return
    cases = queue.by_ids(transaction, [case.case_id for case in fresh])
    message = digest.alert(
        [case_line(case) for case in cases], timezone=alert_policy.timezone, now=now
    )
    # the first flag's mention names the alert: a rerun cannot flag it, so it cannot alert either
    name = f"{fresh[0].flag.mention_ids[0]}-{fresh[0].flag.brand_id}"
    for channel in alert_policy.channels:
        deliveries.enqueue(
            transaction,
            key=f"alert-{name}-{channel}",
            channel=channel,
            message=message,
            due_at=now,
            planned_at=now,
            cases=[case.id for case in cases],
        )
