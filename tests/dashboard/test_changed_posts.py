"""The case page says that a post was changed or deleted since it was flagged."""

from __future__ import annotations

from datetime import timedelta

from dashboard_world import ACME, Visit, World
from streamlit.testing.v1 import AppTest

from earful.case_states import CaseStatus
from earful.types import Author, Batch, Gone, Mention, Query
from storage import queries
from storage.collecting import ingest
from storage.views import QueueFilter

QUERY = Query(id="x/acme", brand_id=ACME.id, source="x")


def _the_case(world: World, visit: Visit) -> AppTest:
    (case,) = queries.queue(world.db, QueueFilter(statuses=tuple(CaseStatus)))
    page = visit().run()
    page.switch_page("views/unhappy.py")
    page.query_params["case"] = str(case.id)
    page.session_state["earful_visitor"] = "Maria"
    return page.run()


def _texts(page: AppTest) -> list[str]:
    return [element.value for element in page.text]


def _complain(world: World) -> None:
    world.say("sad", "never again", negative=0.97)
    world.judge()


def _edit(world: World) -> None:
    later = world.now + timedelta(minutes=5)
    edited = Mention(
        source="x",
        external_id="m1",
        author=Author(source="x", external_id="sad", handle="sad"),
        text="they made it good",
        published_at=world.now,
        fetched_at=later,
    )
    batch = Batch(mentions=(edited,), position="2")
    ingest.store(world.db, QUERY, batch, lambda _one: [(ACME.id, False)], later)


def test_a_changed_post_shows_both_texts(world: World, visit: Visit) -> None:
    _complain(world)
    _edit(world)
    page = _the_case(world, visit)
    assert not page.exception
    shown = _texts(page)
    assert "they made it good" in shown
    assert "never again" in shown
    assert any("A post was edited" in text for text in shown)


def test_a_word_on_the_old_text_is_not_kept_for_the_new_one(world: World, visit: Visit) -> None:
    _complain(world)
    page = _the_case(world, visit)
    _edit(world)
    (wrong,) = (button for button in page.button if button.label == "It is positive")
    wrong.click().run()
    assert any("changed since you opened it" in one.value for one in page.warning)
    assert "they made it good" in _texts(page)
    (case,) = queries.queue(world.db, QueueFilter())
    detail = queries.case(world.db, case.id)
    assert detail is not None
    assert not detail.mentions[0].corrected


def test_a_deleted_post_leaves_a_case_that_names_nobody(world: World, visit: Visit) -> None:
    _complain(world)
    gone = Batch(mentions=(), position="2", gone=(Gone(source="x", external_id="m1"),))
    ingest.store(world.db, QUERY, gone, lambda _one: [], world.now)
    page = _the_case(world, visit)
    assert not page.exception
    shown = "\n".join(_texts(page))
    assert "never again" not in shown
    assert "sad" not in shown
    for expected in (
        "(deleted author)",
        "A post was deleted",
        "post deleted",
        "words were removed",
    ):
        assert expected in shown
    assert "Open it again" not in [button.label for button in page.button]
