"""Pieces that both pages draw: people, links, priorities."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboard.safe import handle, label, one_line
from dashboard.words import format_age, format_time
from earful.languages import name_of
from earful.settings.load import Settings
from earful.untrusted import web_link
from outreach.words import count, describe_rating, describe_reach
from pipeline.brand_order import is_former
from storage.cases.mention_lists import ListedMention
from storage.views import BrandView, CaseView, FlaggedMention

QUEUE_PAGE = "views/unhappy.py"


def draw_priority(priority: int, urgent_at: int) -> None:
    """Draw the priority as a figure; urgency is also a word, never colour alone."""
    if priority >= urgent_at:
        st.badge(f"Urgent {priority}", color="orange")
    else:
        st.badge(f"Priority {priority}", color="gray")


def brand_name(brand: BrandView, settings: Settings) -> str:
    """Return the brand's name on one line, and that it is a former one."""
    name = one_line(brand.name, 60)
    return f"{name} (former)" if is_former(brand, settings) else name


def person_name(person: CaseView | ListedMention) -> str:
    """Return the person's name on one line, or the handle without one."""
    return one_line(person.name or "", 60) or handle(person.handle, person.source)


def person_details(person: CaseView) -> str:
    """Return handle, source and number of followers on one line."""
    parts = [handle(person.handle, person.source), person.source]
    if person.followers is not None:
        parts.append(count(person.followers, "follower"))
    return " · ".join(parts)


def post_facts(mention: FlaggedMention | ListedMention, zone: str, now: datetime) -> list[str]:
    """Return where and when a post was written, its reach, its rating and its language."""
    at = mention.published_at
    parts = [mention.source, f"{format_time(at, zone, now)} ({format_age(at, now)})"]
    for number, singular, plural in (
        (mention.shares, "share", "shares"),
        (mention.likes, "like", "likes"),
        (mention.replies, "reply", "replies"),
    ):
        if number:
            parts.append(count(number, singular, plural))
    if mention.rating is not None:
        parts.append(f"gave {one_line(describe_rating(mention.rating), 60)}")
    if (story := mention.story) and story.mentions > 1:
        parts.append(describe_reach(story.mentions, story.authors, story.reach))
    if language := mention.language or mention.lang:
        parts.append(f"written in {one_line(name_of(language), 20)}")
    return parts


def draw_small_print(key: str, words: str) -> None:
    """Draw a line of plain text in small print."""
    # Streamlit makes the key a CSS class, and style.css gives the class its look.
    with st.container(key=f"small-{key}"):
        st.text(words)


def draw_link(text: str, url: str | None, key: str) -> None:
    """Draw a link to the web; an unsafe address draws nothing."""
    # An address like javascript:… must end here (test_only_web_addresses_become_links).
    address = web_link(url)
    if address is not None:
        st.link_button(label(text), address, key=key)
