"""A case of thousands of posts, long texts and endless edits: the page draws a part of each."""

from __future__ import annotations

from dashboard_world import ACME, Visit, World
from streamlit.testing.v1 import AppTest

from earful.types import Author, Batch, Mention, Query
from storage.collecting import ingest

QUERY = Query(id="x/acme-air", brand_id="acme-air", source="x")


def open_case(visit: Visit) -> AppTest:
    page = visit().run()
    page.switch_page("views/unhappy.py")
    page.session_state["earful_visitor"] = "Maria"
    return page.run()


def shown(page: AppTest) -> str:
    assert not page.exception
    kinds = ("text", "subheader", "code")
    return "\n".join(str(each.value) for kind in kinds for each in getattr(page, kind))


def press(page: AppTest, key: str) -> AppTest:
    return page.button(key=key).click().run()


def elements(page: AppTest) -> int:
    return sum(1 for _ in page.main)


def loud(world: World, number: int) -> None:
    """One author, ``number`` complaints, the first one oldest."""
    for at in range(number):
        world.say("loud", f"awful number {at} of {at * 7919}", negative=0.95, hours=number - at)
    world.judge()


def test_a_long_case_is_drawn_in_pages(world: World, visit: Visit) -> None:
    loud(world, 45)
    page = open_case(visit)
    words = shown(page)
    assert "Mentions (45)" in words
    assert "1 to 20 of 45, newest first" in words
    assert "awful number 44 " in words
    assert "awful number 24 " not in words
    assert page.button(key="older-mentions").label == "25 more"
    assert page.button(key="newer-mentions").disabled
    words = shown(press(page, "older-mentions"))
    assert "21 to 40 of 45, newest first" in words
    assert "awful number 24 " in words
    words = shown(press(page, "older-mentions"))
    assert "41 to 45 of 45, newest first" in words
    assert "awful number 0 " in words
    assert page.button(key="older-mentions").disabled
    words = shown(press(page, "newer-mentions"))
    assert "21 to 40 of 45, newest first" in words
    words = shown(press(page, "newest-mentions"))
    assert "1 to 20 of 45, newest first" in words
    # the history: the opening and 44 complaints
    assert page.button(key="older-events").label == "25 more"
    assert "Case opened" in shown(press(press(page, "older-events"), "older-events"))


def test_a_longer_case_draws_no_more(world: World, visit: Visit) -> None:
    loud(world, 21)
    before = elements(open_case(visit))
    for at in range(100):
        world.say("loud", f"awful again {at} of {at * 7919}", negative=0.95, hours=0.5)
    world.judge()
    assert elements(open_case(visit)) <= before + 2


def test_a_short_case_has_no_pager(world: World, visit: Visit) -> None:
    loud(world, 3)
    page = open_case(visit)
    assert not [button for button in page.button if str(button.key).startswith("older-")]


def test_a_long_text_is_cut_until_it_is_asked_for(world: World, visit: Visit) -> None:
    smeared = "awful " + ("e" + "\u0301" * 9) * 1500 + " the end"
    number = world.say("loud", smeared, negative=0.95)
    world.judge()
    page = open_case(visit)
    assert "the end" not in shown(page)
    assert page.button(key=f"whole-m{number}").label == (
        f"Show the whole text ({len(smeared):,} characters)"
    )
    assert "the end" in shown(press(page, f"whole-m{number}"))


def test_a_post_edited_all_day_shows_three_texts_and_the_rest_on_request(
    world: World, visit: Visit
) -> None:
    number = world.say("loud", "awful first", negative=0.95)
    world.judge()
    for at in range(6):
        _edit(world, number, f"awful edit {at}", at)
    page = open_case(visit)
    words = shown(page)
    assert "awful edit 2" in words
    assert "awful first" not in words
    assert page.button(key=f"earlier-{number}").label == "3 more"
    assert "awful first" in shown(press(page, f"earlier-{number}"))


def test_pages_of_one_case_are_forgotten_in_another(world: World, visit: Visit) -> None:
    loud(world, 25)
    world.say("calm", "also awful", negative=0.7)
    world.judge()
    page = open_case(visit)
    press(page, "older-mentions")
    assert "also awful" in shown(press(page, "open-2"))
    assert "1 to 20 of 25, newest first" in shown(press(page, "open-1"))


def _edit(world: World, number: int, text: str, at: int) -> None:
    edited = Mention(
        source="x",
        external_id=f"m{number}",
        author=Author(source="x", external_id="loud", handle="loud"),
        text=text,
        published_at=world.now,
        fetched_at=world.now.replace(year=world.now.year + 1 + at),
    )
    batch = Batch(mentions=(edited,), position=f"e{at}")
    ingest.store(world.db, QUERY, batch, lambda _mention: [(ACME.id, False)], world.now)
