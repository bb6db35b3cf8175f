"""A list of posts that are no complaints but wait for a person: questions, or wishes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import (
    access,
    address,
    case_pages,
    data,
    health,
    mention_actions,
    own_brands,
    reading_view,
    states,
)
from dashboard.case_pages import MentionPages
from dashboard.mention_actions import MentionList
from dashboard.parts import draw_link, draw_small_print, person_name, post_facts
from dashboard.safe import handle, one_line
from dashboard.words import format_age
from earful import clock
from earful.settings.load import Settings
from outreach.words import count
from storage import queries
from storage.cases.mention_lists import PAGE_SIZE, ListedMention, MentionPage
from storage.database.engine import Database
from storage.views import BrandView

_BRAND = "list_brand"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The visitor's choice: the brand, and its open posts or the handled ones."""

    brand: BrandView
    is_handled: bool


def draw_page(kind: MentionList) -> None:
    """Draw the list, newest first, with what an agent can do about each post."""
    db, settings = data.database(), data.settings()
    brands = own_brands.list_own(db, settings)
    if own_brands.draw_missing(db, settings, brands) is None:
        return
    heading = st.container(horizontal=True, vertical_alignment="center")
    # before the choices: they come after the words that explain the list
    explanation = st.container()
    choice = _choose(kind, brands)
    pages = _pages(kind, choice)
    total, page = _read(db, kind, choice, pages)
    with heading:
        st.title(kind.title, anchor=False, width="content")
        with st.container(key="tally", width="stretch"):
            drawn = None if choice.is_handled else total
            st.fragment(_draw_tally, run_every=settings.dashboard.refresh)(
                db, kind, choice.brand, drawn
            )
        access.draw_visitor()
    with explanation:
        draw_small_print("next-step", kind.next_step)
    mention_actions.draw_result(kind)
    if not page.mentions:
        _draw_empty(kind, settings, choice)
        return
    if access.visitor_name() is None:
        with st.container(border=True, key="list-act"):
            access.draw_name_form("act", "who has handled a post")
    now = clock.now()
    for mention in page.mentions:
        _draw_mention(kind, choice.brand, mention, pages, now)
    first = len(pages.mentions) * PAGE_SIZE
    older = max(total - first - len(page.mentions), 1) if page.has_older else 0
    place = f"{first + 1:,} to {first + len(page.mentions):,} of {total:,}, newest first"
    case_pages.draw_pager("list", pages.mentions, page.mentions[-1].key, older, place)


def _choose(kind: MentionList, brands: list[BrandView]) -> _Choice:
    """Draw the choices of a brand and of open or handled posts; the address keeps both."""
    by_name = {one_line(brand.name, 60): brand for brand in brands}
    further = {brand.id: name for name, brand in by_name.items() if brand != brands[0]}
    key = f"{kind.unit}_show"
    address.synchronize(
        [
            address.Choice(name="brand", key=_BRAND, values=further),
            address.Choice(name="show", key=key, values={"handled": kind.button}),
        ]
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters", gap="small"):
        brand = brands[0]
        if len(brands) > 1:
            name = st.selectbox(
                "Brand",
                list(by_name),
                key=_BRAND,
                width=240,
                on_change=address.note_change,
                persist_state="session",
            )
            brand = by_name.get(name or "", brand)
        shown = st.segmented_control(
            "Show",
            ["Open", kind.button],
            key=key,
            required=True,
            default=None if key in st.session_state else "Open",
            label_visibility="collapsed",
            on_change=address.note_change,
        )
    return _Choice(brand=brand, is_handled=shown == kind.button)


def _pages(kind: MentionList, choice: _Choice) -> MentionPages:
    """Return the visitor's pages of this choice; those of another one are forgotten."""
    key = f"{kind.unit}_pages"
    of_choice, pages = st.session_state.get(key, (None, None))
    if of_choice != choice or not isinstance(pages, MentionPages):
        pages = MentionPages()
        st.session_state[key] = (choice, pages)
    return pages


def _read(
    db: Database, kind: MentionList, choice: _Choice, pages: MentionPages
) -> tuple[int, MentionPage]:
    """Return the length of the list, and the page that its reader has turned to."""
    after = pages.mentions[-1] if pages.mentions else None
    brand_id = choice.brand.id
    if choice.is_handled:
        page = queries.list_handled(db, brand_id, kind.verdict, after=after)
    else:
        page = kind.read(db, brand_id, after=after)
    if pages.mentions and not page.mentions:
        # colleagues have worked that page off
        pages.mentions.clear()
        return _read(db, kind, choice, pages)
    if choice.is_handled:
        return queries.count_handled(db, brand_id, kind.verdict), page
    return kind.count(db, brand_id), page


def _draw_tally(db: Database, kind: MentionList, brand: BrandView, drawn_total: int | None) -> None:
    """Draw the length of the open list, which refreshes by itself; the list does not move.

    ``drawn_total`` is its length when it was drawn, None when another list is drawn.
    """

    def draw() -> None:
        total = kind.count(db, brand.id)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{count(total, kind.unit, kind.units)} open")
            if drawn_total is None:
                return
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
        if mention.handled_at is not None:
            agent = one_line(mention.handled_by or "", 60)
            words = f"{kind.button} by {agent}, {format_age(mention.handled_at, now)}"
            draw_small_print(f"handled-{key}", words)
        with st.container(horizontal=True, vertical_alignment="center"):
            draw_link("Open the post", mention.url, f"post-{key}")
            if access.visitor_name() is not None:
                mention_actions.draw_action(kind, mention)
            draw_link("Profile", mention.author_url, f"profile-{key}")


def _details(mention: ListedMention) -> str:
    """Return the handle beside a name, and the number of followers."""
    parts = [handle(mention.handle, mention.source)] if one_line(mention.name or "") else []
    if mention.followers is not None:
        parts.append(count(mention.followers, "follower"))
    return " · ".join(parts)


def _draw_empty(kind: MentionList, settings: Settings, choice: _Choice) -> None:
    if choice.is_handled:
        draw_small_print("none", f"No {kind.unit} is handled yet.")
        return
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
