"""A list of posts that are no complaints but wait for a person: questions, or wishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import access, address, case_actions, case_pages, data, health, reading_view, states
from dashboard.case_pages import MentionPages
from dashboard.parts import draw_link, draw_small_print, person_name, post_facts
from dashboard.safe import handle, one_line
from dashboard.silence import explain_silence
from earful import clock
from earful.enums import Intent
from earful.settings.load import Settings
from outreach.words import count
from pipeline.brand_order import order_brands
from storage import queries
from storage.cases import commands
from storage.cases.mention_lists import PAGE_SIZE, ListedMention, MentionPage
from storage.database.engine import Database
from storage.views import BrandView

_BRAND = "list_brand"


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionList:
    """A list's queries and words. ``unit`` and ``units`` are nouns for its posts.

    ``next_step`` tells an agent what to do. ``button`` takes a post off the list, and ``is_done``
    says so.
    """

    title: str
    intent: Intent
    unit: str
    units: str
    next_step: str
    button: str
    is_done: str
    read: Callable[..., MentionPage]
    count: Callable[..., int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """The result of the last action, and the mention that a click puts back on the list."""

    kind: str
    words: str
    mention_id: int
    brand_id: str
    can_undo: bool


def draw_page(kind: MentionList) -> None:
    """Draw the list, newest first, with what an agent can do about each post."""
    db, settings = data.database(), data.settings()
    brands = [brand for brand in order_brands(db, settings) if brand.competitor_of is None]
    if not brands and not settings.brand:
        states.draw_no_brand()
        return
    listening = queries.health(db)
    if not brands or listening.newest_mention_at is None:
        states.draw_nothing_collected(
            explain_silence(listening, settings, clock.now()),
            lambda: queries.health(db).newest_mention_at is not None,
            settings.dashboard.refresh,
        )
        return
    heading = st.container(horizontal=True, vertical_alignment="center")
    brand = _choose_brand(kind, brands)
    pages = _pages(kind, brand)
    total, page = _read(db, kind, brand, pages)
    with heading:
        st.title(kind.title, anchor=False, width="content")
        with st.container(key="tally", width="stretch"):
            st.fragment(_draw_tally, run_every=settings.dashboard.refresh)(db, kind, brand, total)
        access.draw_visitor()
    draw_small_print("next-step", kind.next_step)
    _draw_result(kind)
    if not page.mentions:
        _draw_empty(kind, settings)
        return
    if access.visitor_name() is None:
        with st.container(border=True, key="list-act"):
            access.draw_name_form("act", "who has handled a post")
    now = clock.now()
    for mention in page.mentions:
        _draw_mention(kind, brand, mention, pages, now)
    first = len(pages.mentions) * PAGE_SIZE
    older = max(total - first - len(page.mentions), 1) if page.has_older else 0
    place = f"{first + 1:,} to {first + len(page.mentions):,} of {total:,}, newest first"
    case_pages.draw_pager("list", pages.mentions, page.mentions[-1].key, older, place)


def _choose_brand(kind: MentionList, brands: list[BrandView]) -> BrandView:
    """Draw the choice of a brand where there are several; the address keeps it."""
    if len(brands) == 1:
        return brands[0]
    by_name = {one_line(brand.name, 60): brand for brand in brands}
    further = {brand.id: name for name, brand in by_name.items() if brand != brands[0]}
    address.synchronize([address.Choice(name="brand", key=_BRAND, values=further)])
    chosen = st.selectbox(
        "Brand",
        list(by_name),
        key=_BRAND,
        width=240,
        on_change=address.note_change,
        persist_state="session",
    )
    return by_name.get(chosen or "", brands[0])


def _pages(kind: MentionList, brand: BrandView) -> MentionPages:
    """Return the visitor's pages of this brand's list; those of another brand are forgotten."""
    key = f"{kind.unit}_pages"
    brand_id, pages = st.session_state.get(key, (None, None))
    if brand_id != brand.id or not isinstance(pages, MentionPages):
        pages = MentionPages()
        st.session_state[key] = (brand.id, pages)
    return pages


def _read(
    db: Database, kind: MentionList, brand: BrandView, pages: MentionPages
) -> tuple[int, MentionPage]:
    """Return the length of the list, and the page that its reader has turned to."""
    page = kind.read(db, brand.id, after=pages.mentions[-1] if pages.mentions else None)
    if pages.mentions and not page.mentions:
        # colleagues have worked that page off
        pages.mentions.clear()
        return _read(db, kind, brand, pages)
    return kind.count(db, brand.id), page


def _draw_tally(db: Database, kind: MentionList, brand: BrandView, drawn_total: int) -> None:
    """Draw the length of the list, which refreshes by itself; the list does not move."""

    def draw() -> None:
        total = kind.count(db, brand.id)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{count(total, kind.unit, kind.units)} open")
            if total and not drawn_total:
                st.rerun(scope="app")  # an empty list has no reader who would lose their place
            if total != drawn_total and st.button("The list has changed: show it"):
                st.rerun(scope="app")

    states.draw_guarded(draw)


def _draw_mention(
    kind: MentionList, brand: BrandView, mention: ListedMention, pages: MentionPages, now: datetime
) -> None:
    key = mention.mention_id
    with st.container(border=True, key=f"mention-{key}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(key=f"who-{key}", width="content"):
                st.text(person_name(mention))
            with st.container(key=f"small-person-{key}", width="content"):
                st.text(_details(mention))
        case_pages.draw_text(f"m{key}", mention.text, pages)
        reading_view.draw_marks(
            f"m{key}", reading_view.list_marks(mention.reading, kind.intent, brand.name)
        )
        draw_small_print(f"facts-{key}", " · ".join(post_facts(mention, brand.timezone, now)))
        with st.container(horizontal=True, vertical_alignment="center"):
            draw_link("Open the post", mention.url, f"post-{key}")
            if access.visitor_name() is not None:
                st.button(
                    kind.button, key=f"done-{key}", on_click=_mark_handled, args=(kind, mention)
                )
            draw_link("Profile", mention.author_url, f"profile-{key}")


def _details(mention: ListedMention) -> str:
    """Return the handle beside a name, and the number of followers."""
    parts = [handle(mention.handle, mention.source)] if one_line(mention.name or "") else []
    if mention.followers is not None:
        parts.append(count(mention.followers, "follower"))
    return " · ".join(parts)


def _draw_result(kind: MentionList) -> None:
    """Draw the result of the last action, with the way back."""
    # taken out: it is about this list and the last click alone
    result = st.session_state.pop(_result_key(kind), None)
    if not isinstance(result, _Result):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="list-result"):
        case_actions.draw_result(result.kind, result.words)
        if result.can_undo:
            place = (kind, result.mention_id, result.brand_id)
            st.button("Undo", key="undo", on_click=_undo, args=place)


def _mark_handled(kind: MentionList, mention: ListedMention) -> None:
    def step(name: str) -> str:
        commands.mark_handled(
            data.database(),
            mention.mention_id,
            mention.brand_id,
            edition=mention.edition,
            by=name,
            at=clock.now(),
        )
        return f"{kind.is_done}: {person_name(mention)}, “{one_line(mention.text, 60)}”"

    _act(kind, mention.mention_id, mention.brand_id, step, can_undo=True)


def _undo(kind: MentionList, mention_id: int, brand_id: str) -> None:
    def step(name: str) -> str:
        commands.undo_handled(data.database(), mention_id, brand_id)
        return f"The {kind.unit} is on the list again."

    _act(kind, mention_id, brand_id, step, can_undo=False)


def _act(
    kind: MentionList, mention_id: int, brand_id: str, step: case_actions.Step, *, can_undo: bool
) -> None:
    """Run a step in the visitor's name, and store its result for the next draw."""
    name = access.visitor_name()
    if name is None:
        return
    outcome, words = case_actions.attempt(step, name)
    st.session_state[_result_key(kind)] = _Result(
        kind=outcome,
        words=words,
        mention_id=mention_id,
        brand_id=brand_id,
        can_undo=can_undo and outcome == "done",
    )


def _result_key(kind: MentionList) -> str:
    return f"{kind.unit}_result"


def _draw_empty(kind: MentionList, settings: Settings) -> None:
    listening, now = queries.health(data.database()), clock.now()
    health.draw_problems(listening, settings, now)
    with st.container(border=True, key="state-card"):
        st.header(f"No open {kind.units} right now", anchor=False)
        st.text(
            "New ones appear here by themselves, newest first.\n"
            "A model that only tells how a text sounds finds none."
        )
        if listening.pending:
            waiting = count(listening.pending, "mention is", "mentions are")
            st.text(f"{waiting} not classified yet: {kind.units} among them are still missing.")
