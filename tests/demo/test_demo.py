"""The demo's story holds what it promises, and plays through the real path."""

from __future__ import annotations

import re
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from commands import demo
from commands.demo import answers, story, summary
from earful.clock import Window
from earful.settings.errors import SettingsError
from earful.types import Brand
from storage import queries
from storage.collecting import polling
from storage.database.engine import connect
from storage.database.leader import LeaderLock
from storage.database.migrate import upgrade
from storage.entities import brands
from storage.views import QueueFilter

LANGUAGES = {"en", "el", "sw", "es", "fr", "de", "it", "pt", "ar", "hi"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    return story.rows()


def test_the_story_is_large_and_multilingual(rows: list[dict[str, object]]) -> None:
    languages = Counter(row["lang"] for row in rows)
    assert len(rows) >= 600
    assert set(languages) >= LANGUAGES
    assert min(languages[lang] for lang in LANGUAGES) >= 30
    assert len({row["id"] for row in rows}) == len(rows)


def test_the_story_has_all_that_happens_to_a_brand(rows: list[dict[str, object]]) -> None:
    kinds = Counter(row["kind"] for row in rows)
    for kind in ("complaint", "praise", "question", "sarcasm", "repost", "spam", "own", "news"):
        assert kinds[kind] >= 5, kind
    days = Counter(row["at"].days for row in rows)  # type: ignore[attr-defined]
    assert set(days) == set(range(14))
    ordinary = sorted(days.values())[7]
    assert days[9] >= 3 * ordinary  # the day on which the service fails
    regular = [row for row in rows if row["handle"] == "dave_k_returns"]
    assert len(regular) >= 6
    assert any(int(str(row["followers"])) > 100_000 for row in rows if row["kind"] == "complaint")


def test_no_row_leads_out_of_the_story(rows: list[dict[str, object]]) -> None:
    ids = {row["id"] for row in rows}
    for row in rows:
        for link in ("reply_to", "repost_of"):
            assert not row[link] or row[link] in ids
        for host in re.findall(r"https?://([^/\s]+)", str(row["text"])):
            assert host.endswith(("example.com", ".example", "kestrova.example")), host


def test_it_ends_now_and_its_last_part_is_yet_to_come(tmp_path: Path) -> None:
    now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    file = tmp_path / "story.jsonl"
    times = re.compile(r'"published_at": "([^"]+)"')

    story.write(file, now, live=False)
    past = [datetime.fromisoformat(at) for at in times.findall(file.read_text("utf-8"))]
    assert max(past) <= now
    assert now - max(past) < timedelta(minutes=5)
    assert now - min(past) > timedelta(days=13)

    story.write(file, now, live=True)
    found = [datetime.fromisoformat(at) for at in times.findall(file.read_text("utf-8"))]
    coming = [at for at in found if at > now]
    assert len(coming) >= 20
    assert max(coming) - now < timedelta(minutes=15)
    assert found == sorted(found)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EARFUL_DATABASE_URL", raising=False)
        app = demo.prepare(tmp_path_factory.mktemp("demo"), live=False)
        demo.play(app)
        yield app
        app.db.close()


def test_every_mention_is_read_and_the_failure_shows(played: object) -> None:
    db = played.db  # type: ignore[attr-defined]
    now = played.clock()  # type: ignore[attr-defined]
    window = Window.last(timedelta(days=14), now)
    voices = queries.share_of_voice(db, "kestrova", window)
    assert {voice.brand for voice in voices} == {"Kestrova", "Pellwick", "Ondaro"}
    assert sum(voice.counts.pending for voice in voices) == 0
    worst = max(
        (
            queries.counts(db, "kestrova", Window(since=at, until=at + timedelta(days=1))).negative,
            day,
        )
        for day in range(14)
        for at in [now - timedelta(days=14 - day)]
    )
    assert worst[1] in (9, 10)


def test_the_angry_regular_is_one_person_with_many_complaints(played: object) -> None:
    which = QueueFilter(brand_id="kestrova")
    found = queries.queue(played.db, which, limit=500)  # type: ignore[attr-defined]
    people = [(case.source, case.handle) for case in found]
    assert len(people) == len(set(people))
    dave = next(case for case in found if case.handle == "dave_k_returns")
    assert dave.complaints >= 2
    assert not {"kestrova", "pellwick", "ondaro"} & {case.handle for case in found}


def test_a_complaint_on_three_platforms_is_one_case(played: object) -> None:
    found = queries.queue(played.db, QueueFilter(brand_id="kestrova"), limit=500)  # type: ignore[attr-defined]
    (case,) = (case for case in found if "insulin cooler" in case.text)
    assert case.story is not None
    assert (case.story.mentions, case.story.authors) == (3, 3)


def test_stars_and_recommendations_are_evidence_and_a_review_is_rewritten(played: object) -> None:
    app = played
    found = queries.queue(app.db, QueueFilter(brand_id="kestrova"), limit=500)  # type: ignore[attr-defined]
    reasons = {case.handle: case.reason for case in found if case.source in ("feedback", "webhook")}
    assert "gave 1 of 10" in reasons["ines@post.example"]
    assert "gave 1 of 5 stars" in reasons["camp_bea"]
    answers.rewrite(app.settings.feedback.inbox, app.clock)  # type: ignore[attr-defined]
    polling.make_due(app.db, [query.id for query in app.queries])  # type: ignore[attr-defined]
    demo.play(app)  # type: ignore[arg-type]
    (number,) = (case.id for case in found if case.handle == "camp_bea")
    detail = queries.case(app.db, number)  # type: ignore[attr-defined]
    assert detail is not None
    (review,) = detail.mentions
    assert "postage" in review.text
    assert ["twelve days" in one.text for one in review.earlier] == [True]


def test_the_summary_says_who_to_call_first(played: object) -> None:
    console = Console(record=True, width=120)
    summary.show(played, console, seconds=1.0)  # type: ignore[arg-type]
    printed = console.export_text()
    assert "Kestrova" in printed
    assert "Whom to call first" in printed


def test_it_does_not_touch_a_database_with_other_mentions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'real.db'}"
    db = connect(url)
    upgrade(db)
    brands.add_missing(db, [Brand(id="acme", name="Acme")])
    db.close()
    monkeypatch.setenv("EARFUL_DATABASE_URL", url)
    with pytest.raises(SettingsError, match="more than the demo"):
        demo.prepare(tmp_path / "demo", live=False)


def test_a_demo_does_not_replace_the_database_of_a_running_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("data/demo")
    with demo.only_one_in(folder):
        folder.mkdir()
        (folder / "earful.db").write_text("of the first")
        with pytest.raises(SettingsError, match="a demo runs here already"):
            demo.run(browser=False)
        assert (folder / "earful.db").read_text() == "of the first"


def test_a_demo_does_not_replace_a_database_that_is_listened_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`EARFUL_SETTINGS=data/demo/settings.toml ./run up` keeps on using it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("data/demo")
    folder.mkdir(parents=True)
    db = connect(f"sqlite:///{folder / 'earful.db'}")
    upgrade(db)
    leader = LeaderLock(db)
    assert leader.acquire()
    with pytest.raises(SettingsError, match="a demo runs here already"):
        demo.run(browser=False)
    leader.release()
    db.close()
    assert (folder / "earful.db").is_file()


def test_a_taken_port_leaves_the_former_demo_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("data/demo")
    folder.mkdir(parents=True)
    (folder / "kept.txt").write_text("of the last run")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="another program already listens"):
            demo.run(port=taken.getsockname()[1], browser=False)
    assert (folder / "kept.txt").is_file()


def test_it_does_not_play_into_a_database_that_another_process_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    db = connect(url)
    upgrade(db)
    leader = LeaderLock(db)
    assert leader.acquire()
    monkeypatch.setenv("EARFUL_DATABASE_URL", url)
    with pytest.raises(SettingsError, match="another process works with that database"):
        demo.prepare(tmp_path / "demo", live=False)
    leader.release()
    db.close()
