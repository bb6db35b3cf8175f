"""What a model read stands on the pages as small labels, and the queue is filtered by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from dashboard_world import ACME, RIVAL, Visit, World, scores
from streamlit.testing.v1 import AppTest

from earful.enums import Intent, Reason
from earful.judgements import Reading
from earful.types import Brand
from storage import queries
from storage.cases import commands
from storage.entities import brands
from storage.views import QueueFilter

NEGATIVE, POSITIVE = scores(0.94), scores(0.02, 0.9)


def texts(page: AppTest) -> str:
    assert not page.exception
    kinds = ("title", "header", "subheader", "text", "markdown", "code", "success", "warning")
    return "\n".join(str(each.value) for kind in kinds for each in getattr(page, kind))


def marks(page: AppTest) -> list[str]:
    """The small labels on the page, without those of priority and status."""
    badges = [str(each.value) for each in page.markdown if "-badge[" in str(each.value)]
    words = [badge.split("-badge[", 1)[1].removesuffix("]") for badge in badges]
    plain = [word.replace("\\", "").replace("\u2060", "") for word in words]
    return [word for word in plain if not word.startswith(("Priority", "Urgent", "New"))]


def rows(page: AppTest) -> int:
    return len([button for button in page.button if str(button.key).startswith("open-")])


@pytest.fixture
def queue(visit: Visit) -> Any:
    """The queue, with these words in its address."""

    def come(**address: str) -> AppTest:
        page = visit().run()
        page.switch_page("views/unhappy.py")
        for name, word in address.items():
            page.query_params[name] = word
        page.session_state["earful_visitor"] = "Maria"
        return page.run()

    return come


def complain(world: World, who: str, reason: str, **intents: float) -> int:
    reading = Reading(
        scores=NEGATIVE,
        toward=NEGATIVE,
        intents={"complaint": 0.9, "leaving": 0.1, **intents},
        reasons={"late": 0.2, reason: 0.8},
    )
    return world.say(who, f"never again, says {who}", reading=reading)


def test_a_case_says_what_the_model_read(world: World, queue: Any) -> None:
    reading = Reading(
        scores=POSITIVE,
        toward=NEGATIVE,
        intents={"complaint": 0.93, "leaving": 0.71, "praise": 0.2},
        reasons={"late": 0.88, "staff": 0.61, "price": 0.1},
        irony=0.83,
        ironic=True,
        pieces=3,
    )
    world.say("sad", "thank you so much for the third delay", reading=reading)
    world.judge()
    page = queue()
    row, case = marks(page)[:4], marks(page)[4:]
    assert row == ["Leaving", "Delay", "Staff", "Meant ironically"]
    assert case == [
        *("Negative toward Acme Air, 94 %", "Complaint", "Leaving", "Delay", "Staff"),
        "Meant ironically",
    ]
    labels = {button.label for button in page.button}
    assert {"It is positive", "It is neutral"} <= labels
    assert "It is negative" not in labels, "that is what the model read"
    shown = texts(page)
    assert "The text itself is positive, 90 % · Read in 3 pieces; the angriest counts" in shown
    assert " 93 %  complaint" in shown, "all numbers are a click away"
    assert " 10 %  price or refund" in shown
    assert "Model test-reader/1" in shown
    figures = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in shown.splitlines()}
    assert figures["Toward the brand negative"] == "0.940", "compared with the threshold"
    assert figures["Text itself negative"] == "0.020"
    assert figures["Intents, when flagged"] == "complaint 0.930, leaving 0.710"
    assert figures["Reasons, when flagged"] == "delay 0.880, staff 0.610"
    assert (figures["Meant ironically"], figures["Pieces read"]) == ("yes", "3")


def test_an_urgent_reason_lifts_the_severity(world: World, queue: Any) -> None:
    complain(world, "sad", "safety")
    world.judge()
    assert "Severity (an urgent reason: at least 70)" in texts(queue())


def test_readings_of_other_models_are_a_click_away(world: World, queue: Any) -> None:
    mention_id = complain(world, "sad", "price")
    world.read(mention_id, scores(0.7), model_id="old-model/1")
    world.read(
        mention_id,
        Reading(
            scores=NEGATIVE,
            toward=NEGATIVE,
            intents={"complaint": 0.8},
            reasons={"broken": 0.9},
        ),
        model_id="new-reader/2",
    )
    world.judge()
    page = queue()
    assert "Faulty product" in marks(page)
    shown = texts(page)
    assert "Model new-reader/2" in shown
    assert "94 % negative toward Acme Air, complaint, price or refund\ntest-reader/1" in shown
    assert "70 % negative toward Acme Air\nold-model/1" in shown


def test_a_model_without_answers_shows_no_labels(world: World, queue: Any) -> None:
    world.say("sad", "never again", negative=0.97)
    world.judge()
    page = queue()
    assert marks(page) == []
    assert "Read by other models" not in texts(page)
    assert "97 %" in texts(page)


def test_a_reading_that_could_not_tell_says_so(world: World, queue: Any) -> None:
    mention_id = complain(world, "sad", "late")
    world.judge()
    dunno = scores(0.4, could_not_tell=True)
    reading = Reading(scores=dunno, toward=dunno, intents={"leaving": 0.9}, reasons={"late": 0.9})
    world.read(mention_id, reading, model_id="new-reader/2")
    assert marks(queue()) == ["The model could not tell"]


def test_the_queue_is_filtered_by_reason_and_intent(world: World, queue: Any) -> None:
    complain(world, "ann", "late", leaving=0.8)
    complain(world, "bo", "price")
    complain(world, "cy", "price", leaving=0.8)
    world.judge()
    page = queue()
    assert rows(page) == 3
    page.selectbox(key="queue_reason").set_value("Price or refund").run()
    assert rows(page) == 2
    assert page.query_params["reason"] == "price"
    page.selectbox(key="queue_intent").set_value("Leaving").run()
    assert rows(page) == 1
    assert page.query_params["intent"] == "leaving"
    page.selectbox(key="queue_reason").set_value("All reasons").run()
    assert rows(page) == 2
    assert "reason" not in page.query_params


def test_an_address_is_a_whole_filter(world: World, queue: Any) -> None:
    complain(world, "ann", "late")
    complain(world, "bo", "price")
    world.judge()
    page = queue()
    page.selectbox(key="queue_agent").set_value("Mine").run()
    assert rows(page) == 0
    page.query_params.clear()
    page.query_params["reason"] = "price"
    page.run()
    assert rows(page) == 1, "a link says everything: the agent's filter is gone"
    assert page.selectbox(key="queue_agent").value == "All agents"
    assert page.selectbox(key="queue_reason").value == "Price or refund"


def test_a_brand_in_the_address_is_chosen(world: World, visit: Visit, queue: Any) -> None:
    sister = Brand(id="sister", name="Sister <b>Air</b>", timezone="UTC")
    brands.sync(world.db, [ACME, RIVAL, sister])
    world.say("fan", "lovely", positive=0.9, brand=sister)
    complain(world, "ann", "late")
    ask(world, 1)
    world.judge()
    page = queue(brand="sister")
    assert page.selectbox(key="queue_brand").value == "Sister <b>Air</b>"
    assert rows(page) == 0
    assert rows(queue(brand="acme-air")) == 1
    page = open_list(visit, "questions")
    assert "number 1 asks" in texts(page)
    page.selectbox(key="list_brand").set_value("Sister <b>Air</b>").run()
    assert page.query_params["brand"] == "sister"
    assert "No open questions right now" in texts(page)


@pytest.mark.parametrize("word", ["nonsense", "<script>", "2026-01-01", "x--y", ""])
def test_words_without_meaning_in_the_address_filter_nothing(
    world: World, queue: Any, word: str
) -> None:
    complain(world, "ann", "late")
    world.judge()
    names = ("reason", "intent", "status", "agent", "source", "order", "late", "complained")
    page = queue(**dict.fromkeys(names, word))
    assert rows(page) == 1
    assert not page.exception
    assert not set(names) & set(page.query_params)


def test_the_command_center_says_why_people_are_unhappy(
    world: World, visit: Visit, queue: Any
) -> None:
    complain(world, "ann", "late", leaving=0.8)
    complain(world, "bo", "price")
    complain(world, "cy", "price")
    world.say("dee", "awful", negative=0.95)
    world.judge()
    page = visit().run()
    assert "4 new customers, 3 with a reason. One may have several." in texts(page)
    links = {link.proto.label: link.proto.query_string for link in page.get("page_link")}
    assert "1 says that they are leaving" in links
    opened = dict(part.split("=", 1) for part in links["Price or refund"].lstrip("?").split("&"))
    assert (opened["reason"], opened["status"]) == ("price", "all")
    since, until = opened["complained"].replace("%3A", ":").split("--")
    page = queue(reason="price", status="all", complained=f"{since}--{until}")
    assert rows(page) == 2, "the figure opens the cases that it counts"
    assert "First complained from" in texts(page)
    old = queue(complained="2020-01-01T00:00Z--2020-01-02T00:00Z")
    assert "No case passes these filters" in texts(old)
    old.button(key="any-time").click().run()
    assert rows(old) == 4


def test_without_reasons_the_command_center_says_so(world: World, visit: Visit) -> None:
    assert "Why people are unhappy" not in texts(visit().run())
    world.say("dee", "awful", negative=0.95)
    world.judge()
    assert "The model in use names no reason" in texts(visit().run())


# --- questions and wishes -------------------------------------------------------------------


def ask(world: World, number: int, intent: str = "question", **other: Any) -> int:
    calm = scores(0.1, 0.1)
    reading = Reading(scores=calm, toward=calm, intents={intent: 0.9})
    words = f"number {number} asks {number * 7919}"
    return world.say(f"asker{number}", words, reading=reading, hours=number + 1, **other)


def open_list(visit: Visit, name: str, who: str | None = "Maria") -> AppTest:
    page = visit().run()
    page.switch_page(f"views/{name}.py")
    if who is not None:
        page.session_state["earful_visitor"] = who
    return page.run()


@pytest.mark.parametrize(
    ("name", "intent", "done"),
    [("questions", "question", "Answered"), ("wishes", "suggestion", "Noted")],
)
def test_a_list_is_worked_off_and_an_action_undone(
    world: World, visit: Visit, name: str, intent: str, done: str
) -> None:
    ask(world, 1, intent, url="https://x.example/1", profile="https://x.example/me", name="Bo")
    ask(world, 2, intent)
    complain(world, "sad", "late")
    world.judge()
    page = open_list(visit, name)
    shown = texts(page)
    assert shown.index("number 1 ") < shown.index("number 2 "), "newest first"
    assert "never again" not in shown
    assert {link.proto.url for link in page.get("link_button")} == {
        *("https://x.example/1", "https://x.example/me")
    }
    next(button for button in page.button if button.label == done).click().run()
    assert "number 1 asks" not in [each.value for each in page.text]
    assert f"Marked as {done.lower()}: Bo" in texts(page).replace("\\", "").replace("\u2060", "")
    page.button(key="undo").click().run()
    assert "number 1 asks 7919" in texts(page)
    # the handled ones stay within reach, for a colleague's second thoughts
    next(button for button in page.button if button.label == done).click().run()
    page.segmented_control[0].set_value(done).run()
    assert page.query_params["show"] == "handled"
    assert f"{done} by Maria, just now" in texts(page)
    assert "number 2 asks" not in texts(page)
    next(button for button in page.button if button.label == "Back on the list").click().run()
    assert "is handled yet" in texts(page)
    page.segmented_control[0].set_value("Open").run()
    assert "number 1 asks 7919" in texts(page)


def test_a_long_list_has_pages(world: World, visit: Visit) -> None:
    for number in range(45):
        ask(world, number)
    world.judge()
    page = open_list(visit, "questions")
    assert "45 questions open" in texts(page)
    assert "1 to 20 of 45, newest first" in texts(page)
    page.button(key="older-list").click().run()
    page.button(key="older-list").click().run()
    assert "41 to 45 of 45, newest first" in texts(page)
    assert "number 44 " in texts(page)
    page.button(key="newest-list").click().run()
    assert "number 0 " in texts(page)


def test_a_colleague_was_quicker(world: World, visit: Visit) -> None:
    mention_id = ask(world, 1)
    world.judge()
    page = open_list(visit, "questions")
    commands.mark_handled(world.db, mention_id, ACME.id, edition=0, by="Juma", at=world.now)
    page.button(key=f"done-{mention_id}").click().run()
    assert "Juma has handled this post already" in page.warning[0].value.replace("\\", "")
    assert "No open questions right now" in texts(page)


def test_without_a_name_a_list_is_only_read(world: World, visit: Visit) -> None:
    ask(world, 1)
    world.judge()
    page = open_list(visit, "questions", who=None)
    assert "number 1 asks" in texts(page)
    assert not [button for button in page.button if button.label == "Answered"]
    page.text_input(key="name-act").set_value("Maria")
    page.button(key="FormSubmitter:visitor-act-Use this name").click().run()
    assert [button for button in page.button if button.label == "Answered"]


def test_an_empty_list_says_so(world: World, visit: Visit) -> None:
    assert "Nothing collected yet" in texts(open_list(visit, "wishes"))
    world.say("fan", "lovely", positive=0.9)
    world.judge()
    assert "No open wishes right now" in texts(open_list(visit, "wishes"))


def test_a_question_that_praises_has_a_label(world: World, visit: Visit) -> None:
    reading = Reading(
        scores=POSITIVE, toward=POSITIVE, intents={"question": 0.9, "praise": 0.8, "other": 0.1}
    )
    world.say("fan", "lovely, do you come in red?", reading=reading)
    world.judge()
    assert marks(open_list(visit, "questions")) == ["Positive toward Acme Air, 90 %", "Praise"]


def test_labels_match_the_filter_of_the_queue(world: World, queue: Any) -> None:
    """A label on a row means that the filter by it finds the row."""
    complain(world, "ann", "late", leaving=0.8, question=0.7)
    world.judge()
    selection = {"reason": Reason.LATE, "intent": Intent.QUESTION}
    assert len(queries.queue(world.db, QueueFilter(**selection))) == 1
    assert "Delay" in marks(queue())
    later = world.now + timedelta(hours=1)
    assert queries.count_queue(world.db, later).open == 1
