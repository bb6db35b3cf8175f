"""One case, opened: who it is, what they wrote, why it was flagged, what was done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from dashboard import case_actions
from dashboard.parts import link, person, person_line, priority_badge, small
from dashboard.safe import clean, label, one_line
from dashboard.words import STATUS, STATUS_COLOUR, ago, due, percent, when, zone_name
from earful.case_states import Action
from earful.enums import Sentiment
from earful.languages import name_of
from earful.settings.load import Settings
from outreach.words import count, rated, said_again
from storage import queries
from storage.database.engine import Database
from storage.views import CaseDetail, CaseEvent, CaseView, FlaggedMention

_DID = {
    "opened": "Case opened",
    Action.COMPLAIN.event: "Complained again",
    "edited": "A post was changed",
    "deleted": "A post was deleted",
    Action.TAKE.event: "took the case",
    Action.RELEASE.event: "gave the case back",
    Action.NOTE.event: "noted",
    Action.CONTACT.event: "contacted the customer",
    Action.RESOLVE.event: "resolved the case",
    Action.REOPEN.event: "opened the case again",
}
_PARTS = {
    "negative": "how sure it is",
    "repeat": "complained before",
    "reach": "how many may see it",
    "recency": "how fresh it is",
}


def draw(db: Database, settings: Settings, detail: CaseDetail, now: datetime) -> None:
    """The whole case, top to bottom in the order an agent needs it."""
    case = detail.case
    zone = _zone(db, case)
    case_actions.show_notice(case.id)
    with st.container(border=True, key="case-head"):
        _head(case, settings.rules.urgent_at, zone, now)
    with st.container(border=True, key="case-act"):
        case_actions.draw(case)
    st.subheader(f"What they wrote ({len(detail.mentions)})", anchor=False)
    for mention in detail.mentions:
        _mention(case, mention, zone, now)
    st.subheader("What was done", anchor=False)
    with st.container(border=True, key="history"):
        for at, event in enumerate(detail.events):
            _event(at, event, zone, now)
        small("zone", f"Times are {zone_name(zone)}.")


def _zone(db: Database, case: CaseView) -> str:
    zones = {brand.id: brand.timezone for brand in queries.brands(db)}
    return zones.get(case.brand_id, "UTC")


def _head(case: CaseView, urgent_at: int, zone: str, now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="person", width="stretch"):
            st.text(person(case))
        priority_badge(case.priority, urgent_at)
        st.badge(STATUS[case.status], color=STATUS_COLOUR[case.status])  # type: ignore[arg-type]
    small("person", f"{person_line(case)} · about {one_line(case.brand, 60)}")
    with st.container(key="reason"):
        st.text(clean(case.reason, 600))
    with st.container(horizontal=True, vertical_alignment="center"):
        _clock(case, zone, now)
        link("Profile", case.author_url, f"profile-{case.id}")
        link("Newest post", case.url, f"newest-{case.id}")


def _clock(case: CaseView, zone: str, now: datetime) -> None:
    """How much time there is, or was."""
    late = False
    if case.resolved_at is not None:
        words = f"Resolved {ago(case.resolved_at, now)}: {one_line(case.outcome or '', 40)}"
    elif not case.status.is_unanswered and case.first_contact_at is not None:
        words = f"First answered {when(case.first_contact_at, zone, now)}"
    else:
        late = case.due_at < now
        words = f"{due(case.due_at, now).capitalize()} (due {when(case.due_at, zone, now)})"
    with st.container(key=f"{'late' if late else 'small'}-clock", width="stretch"):
        st.text(words)


def _mention(case: CaseView, mention: FlaggedMention, zone: str, now: datetime) -> None:
    key = mention.mention_id
    with st.container(border=True, key=f"mention-{key}"):
        with st.container(key=f"words-m{key}"):
            st.text(clean(mention.text) or "(no words)")
        small(f"mention-{key}", " · ".join(_about(mention, zone, now)))
        _earlier(mention, zone, now)
        with st.container(key=f"why-m{key}"):
            st.text(f"Why it was flagged: {clean(mention.reason, 600)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.popover("The numbers"):
                st.code(_numbers(mention), language=None)
            case_actions.correction(case, mention)
            link("Open the post", mention.url, f"post-{key}")
        if mention.corrected:
            word = label(mention.sentiment)
            st.badge(
                f"A person said: {word}", color="green" if word != Sentiment.NEGATIVE else "orange"
            )


def _earlier(mention: FlaggedMention, zone: str, now: datetime) -> None:
    """What it said before it was changed: the case may have been opened for those words."""
    if not mention.earlier:
        return
    with st.popover("Changed since: what it said before"):
        for at, one in enumerate(mention.earlier):
            small(f"until-{mention.mention_id}-{at}", f"Until {when(one.until, zone, now)}")
            with st.container(key=f"words-m{mention.mention_id}-{at}"):
                st.text(clean(one.text) or "(no words)")


def _about(mention: FlaggedMention, zone: str, now: datetime) -> list[str]:
    at = mention.published_at
    parts = [mention.source, f"{when(at, zone, now)} ({ago(at, now)})"]
    for number, one, more in (
        (mention.shares, "share", "shares"),
        (mention.likes, "like", "likes"),
        (mention.replies, "reply", "replies"),
    ):
        if number:
            parts.append(count(number, one, more))
    if mention.rating is not None:
        parts.append(f"gave {one_line(rated(mention.rating), 60)}")
    if (story := mention.story) and story.mentions > 1:
        parts.append(said_again(story.mentions, story.authors, story.reach))
    if language := mention.language or mention.lang:
        parts.append(f"written in {one_line(name_of(language), 20)}")
    return parts


def _numbers(mention: FlaggedMention) -> str:
    """Everything that the flag rested on, in lines that can be copied into a report."""
    evidence = mention.evidence
    rows = [
        ("Rule", _word(evidence.get("rule"))),
        ("Negative, when flagged", _figure(evidence.get("negative"))),
        ("Threshold", _figure(evidence.get("threshold"))),
        ("Model, when flagged", _word(evidence.get("model_id"))),
        ("Negative / neutral / positive now", _three(mention)),
        ("Model now", _word(mention.model_id)),
        ("Oldest that counts, when flagged", _hours(evidence.get("look_back_hours"), "any age")),
        ("Followers / shares, when flagged", _audience(evidence)),
        ("Reach", _whole(evidence.get("reach"))),
        ("Age when flagged", _hours(evidence.get("age_hours"), "–")),
        ("Complaints before, in 30 days", _whole(evidence.get("earlier_complaints"))),
    ]
    rating = evidence.get("rating")
    if isinstance(rating, Mapping):
        rows.append(("Rating, when flagged", f"{rating['kind']}: {_out_of(rating)}"))
    parts = evidence.get("priority_parts")
    if isinstance(parts, Mapping):
        rows += [(f"Points for {_PARTS.get(k, k)}", _figure(v, 1)) for k, v in parts.items()]
    rows.append(("Severity (their sum)", str(mention.severity)))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def _three(mention: FlaggedMention) -> str:
    return " / ".join(percent(v) for v in (mention.negative, mention.neutral, mention.positive))


def _hours(value: object, without: str) -> str:
    return f"{value:,.1f} h" if isinstance(value, int | float) else without


def _audience(evidence: Mapping[str, object]) -> str:
    return f"{_whole(evidence.get('followers'))} / {_whole(evidence.get('shares'))}"


def _out_of(rating: Mapping[str, object]) -> str:
    return f"{rating['value']}, of {rating['lowest']} to {rating['highest']}"


def _figure(value: object, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "–"


def _whole(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "–"


def _word(value: object) -> str:
    return one_line(str(value), 120) if value else "–"


def _event(at: int, event: CaseEvent, zone: str, now: datetime) -> None:
    did = _DID.get(event.kind, event.kind)
    by_earful = event.by == "earful"
    head = did if by_earful else f"{one_line(event.by, 60)} {did}"
    with st.container(key=f"event-{at}", gap=None):
        small(f"event-{at}", f"{when(event.at, zone, now)} · {head}")
        if event.note:
            with st.container(key=f"words-event-{at}"):
                st.text(clean(event.note, 5000))
