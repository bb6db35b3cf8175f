"""The queue and the open case, drawn over a real database and acted upon."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dashboard_world import Visit, World
from streamlit.testing.v1 import AppTest

from earful.case_states import CaseStatus
from earful.enums import Sentiment
from earful.types import Rating
from storage import queries
from storage.cases import commands
from storage.views import CaseDetail, QueueFilter

EVERY = QueueFilter(statuses=tuple(CaseStatus))
Open = Callable[..., AppTest]


@pytest.fixture
def queue(visit: Visit) -> Open:
    """The page, as somebody called Maria sees it, or as nobody in particular."""

    def come(case: int | None = None, who: str | None = "Maria") -> AppTest:
        page = visit().run()
        page.switch_page("views/unhappy.py")
        if case is not None:
            page.query_params["case"] = str(case)
        if who is not None:
            page.session_state["earful_visitor"] = who
        return page.run()

    return come


def texts(page: AppTest) -> str:
    kinds = ("title", "header", "subheader", "text", "markdown", "code", "info", "error")
    more = ("warning", "success")
    return "\n".join(str(one.value) for kind in kinds + more for one in getattr(page, kind))


def press(page: AppTest, name: str) -> AppTest:
    """Click the button that is called so."""
    return next(button for button in page.button if button.label == name).click().run()


def complain(world: World) -> CaseDetail:
    """One unhappy customer; gives the case."""
    world.say("sad", "never again", negative=0.97, name="Juma", followers=5000)
    world.judge()
    return the_case(world)


def the_case(world: World) -> CaseDetail:
    (case,) = queries.queue(world.db, EVERY)
    found = queries.case(world.db, case.id)
    assert found is not None
    return found


def test_the_most_urgent_case_is_open_first(world: World, queue: Open) -> None:
    world.say("mild", "not good", negative=0.62, hours=70)
    world.say("loud", "outrageous", negative=0.99, followers=900_000)
    world.judge()
    page = queue()
    assert not page.exception
    shown = [element.value for element in page.text]
    assert shown.index("@loud") < shown.index("@mild")
    assert any("outrageous" in one for one in shown)


@pytest.mark.parametrize(
    ("said", "found", "shown"),
    [
        ("en", "el", "written in Greek"),
        ("sw", None, "written in Swahili"),
        ("xx", None, "written in xx"),
        (None, None, None),
    ],
)
def test_a_mention_says_what_it_is_written_in(
    world: World, queue: Open, said: str | None, found: str | None, shown: str | None
) -> None:
    world.say("sad", "never again", negative=0.97, lang=said, language=found)
    world.judge()
    page = texts(queue())
    assert ("written in" in page) == (shown is not None)
    assert shown is None or shown in page


def test_a_case_shows_person_words_reason_and_numbers(world: World, queue: Open) -> None:
    complain(world)
    shown = texts(queue())
    for expected in ("Juma", "@sad · x · 5,000 followers", "never again", "97 %", "Case opened"):
        assert expected in shown
    assert "Threshold" in shown
    assert "0.600" in shown
    assert "test-model/1" in shown


def test_a_case_shows_what_was_given_and_how_often_the_same_was_said(
    world: World, queue: Open
) -> None:
    words = "three weeks and four calls later my suitcase is still somewhere in Athens"
    given = Rating(kind="stars", value=1, lowest=1, highest=5)
    world.say("sad", words, negative=0.97, rating=given)
    world.say("friend", words, negative=0.97, hours=0.5)
    world.judge()
    assert len(queries.queue(world.db, EVERY)) == 1
    shown = texts(queue())
    assert "gave 1 of 5 stars" in shown
    assert "said twice by 2 accounts, reach about 300" in shown
    assert "They gave 1 of 5 stars (the model is 97 % sure" in shown
    assert "stars: 1, of 1 to 5" in shown


def test_take_note_contacted_resolved_reopened(world: World, queue: Open) -> None:
    case = complain(world).case
    page = queue()
    press(page, "Take it")
    assert the_case(world).case.assignee == "Maria"
    assert "You have this case." in texts(page)
    page.text_area[0].set_value("rang twice")
    press(page, "Add note")
    assert page.text_area[0].value == "", "the box is empty once its words are kept"
    page.text_area[0].set_value("spoke to them")
    press(page, "I contacted them")
    found = the_case(world).case
    assert found.status is CaseStatus.CONTACTED
    assert found.first_contact_at is not None
    page.selectbox(key=f"outcome-case_draft-{case.id}-2").set_value("answered")
    page.text_area[0].set_value("refunded")
    press(page, "Resolve")
    found = the_case(world).case
    assert (found.status, found.outcome) == (CaseStatus.RESOLVED, "answered")
    assert "This case is resolved." in texts(page)
    press(page, "Open it again")
    done = the_case(world)
    assert done.case.status is CaseStatus.OPEN
    assert done.case.due_at > found.due_at, "its answer gets a new due time"
    assert "answer within 2 h" in texts(page)
    assert [event.kind for event in done.events] == [
        *("reopened", "resolved", "contacted", "note", "taken", "opened")
    ]
    assert [event.note for event in done.events][1:4] == [
        *("answered: refunded", "spoke to them", "rang twice")
    ]
    assert {event.by for event in done.events} == {"Maria", "earful"}


def test_give_back(world: World, queue: Open) -> None:
    complain(world)
    page = queue()
    press(page, "Take it")
    press(page, "Give it back")
    assert the_case(world).case.assignee is None
    assert "No one has this case." in texts(page)


def test_whoever_was_overtaken_is_told_and_sees_the_case_as_it_is(
    world: World, queue: Open
) -> None:
    case = complain(world).case
    page = queue()
    commands.take(world.db, case.id, version=case.version, by="Juma", at=world.now)
    press(page, "Take it")
    assert the_case(world).case.assignee == "Juma"
    assert "Not done" in page.warning[0].value
    assert "Juma has this case." in texts(page)


def test_words_are_kept_when_the_step_was_overtaken(world: World, queue: Open) -> None:
    case = complain(world).case
    page = queue()
    commands.take(world.db, case.id, version=case.version, by="Juma", at=world.now)
    page.text_area[0].set_value("a long story")
    press(page, "I contacted them")
    assert page.warning
    assert page.text_area[0].value == "a long story"


def test_an_empty_note_is_refused_in_words(world: World, queue: Open) -> None:
    complain(world)
    page = queue()
    press(page, "Add note")
    assert "the note is empty" in page.error[0].value.replace("\\", "")


def test_a_person_overrules_the_model(world: World, queue: Open) -> None:
    complain(world)
    page = queue()
    press(page, "It is neutral")
    assert the_case(world).mentions[0].corrected
    assert the_case(world).mentions[0].sentiment == Sentiment.NEUTRAL
    assert "Corrected by a person" in texts(page)


def test_without_a_name_one_can_read_but_not_act(world: World, queue: Open) -> None:
    complain(world)
    page = queue(who=None)
    assert "never again" in texts(page)
    assert not [button for button in page.button if button.label in ("Take it", "Resolve")]
    page.text_input(key="name-act").set_value("  Maria  ")
    next(
        button
        for button in page.button
        if button.label == "Use this name" and "act" in str(button.form_id)
    )
    page.button(key="FormSubmitter:visitor-act-Use this name").click().run()
    assert [button for button in page.button if button.label == "Take it"]


def test_a_link_opens_its_case_and_a_wrong_one_says_so(world: World, queue: Open) -> None:
    world.say("one", "first words", negative=0.99)
    world.say("two", "second words", negative=0.7, hours=50)
    world.judge()
    last = queries.queue(world.db, EVERY)[-1]
    assert f"@{last.handle} · x" in texts(queue(case=last.id))
    assert "There is no case 99999" in texts(queue(case=99999))
    page = queue()
    page.query_params["case"] = "<script>"
    assert not page.run().exception


def test_filters_narrow_the_queue(world: World, queue: Open) -> None:
    world.say("one", "on x", negative=0.99)
    world.say("two", "on reddit", negative=0.9, source="reddit")
    world.judge()
    case = next(one for one in queries.queue(world.db, EVERY) if one.source == "x")
    commands.take(world.db, case.id, version=case.version, by="Maria", at=world.now)
    page = queue()

    def rows() -> set[str]:
        return {button.key for button in page.button if str(button.key).startswith("open-")}

    assert len(rows()) == 2
    page.selectbox(key="queue_source").set_value("reddit").run()
    assert len(rows()) == 1
    page.selectbox(key="queue_source").set_value("All sources")
    page.selectbox(key="queue_agent").set_value("Mine").run()
    assert rows() == {f"open-{case.id}"}
    page.selectbox(key="queue_agent").set_value("Unassigned").run()
    assert rows() and f"open-{case.id}" not in rows()
    page.selectbox(key="queue_agent").set_value("All agents")
    page.selectbox(key="queue_status").set_value("Resolved").run()
    assert "No case passes these filters" in texts(page)
    press(page, "Show all open cases")
    assert len(rows()) == 2
    page.toggle(key="queue_late").set_value(True).run()
    assert not rows()


def test_people_are_found_by_where_they_wrote_whatever_brought_it(
    world: World, queue: Open
) -> None:
    world.say("one", "out of a file", negative=0.99, source="bluesky", by="replay")
    world.say("two", "sent by a hook", negative=0.9, source="reviews", by="webhook")
    world.judge()
    page = queue()
    assert page.selectbox(key="queue_source").options == ["All sources", "bluesky", "reviews"]
    page.selectbox(key="queue_source").set_value("bluesky").run()
    assert len([button for button in page.button if str(button.key).startswith("open-")]) == 1
    assert "out of a file" in texts(page)


def test_a_long_queue_has_pages(world: World, queue: Open) -> None:
    for number in range(45):
        world.say(f"sad{number}", "awful", negative=0.9)
    world.judge()
    page = queue()
    assert "1 to 20 of 45" in texts(page)
    press(page, "Next")
    press(page, "Next")
    assert "41 to 45 of 45" in texts(page)
    page.selectbox(key="queue_order").set_value("Newest").run()
    assert "1 to 20 of 45" in texts(page)


def test_nobody_unhappy_is_good_news(world: World, queue: Open) -> None:
    world.say("fan", "lovely", positive=0.9)
    world.judge()
    assert "No unhappy customers right now" in texts(queue())


def test_nothing_heard_says_what_to_run(world: World, queue: Open) -> None:
    assert "Nothing collected yet" in texts(queue())


def test_only_web_addresses_become_links(world: World, queue: Open) -> None:
    world.say(
        "sad", "bad", negative=0.99, url="https://x.example/1", profile="https://x.example/me"
    )
    world.judge()
    page = queue()
    links = page.get("link_button")
    assert {link.proto.url for link in links} == {"https://x.example/1", "https://x.example/me"}
