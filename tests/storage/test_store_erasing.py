"""What is gone upstream is gone here, whoever asks to be forgotten is, and counts equal rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from factories import (
    ACME,
    HOUR,
    NOW,
    OTHER,
    QUERY,
    RIVAL,
    RULES,
    FrozenClock,
    about,
    author,
    batch,
    check_all,
    keep,
    loud,
    mention,
    number,
    read_all,
    rows,
    tallies,
)

from earful.case_states import CaseStatus
from earful.enums import Sentiment
from earful.judgements import Prediction
from earful.messages import Message
from earful.types import Gone, Mention, Rejected
from outreach.rules import Rules
from pipeline import digest as digests
from pipeline.flag import AlertPolicy, flag
from storage import export_log, queries
from storage.analysis import predictions
from storage.cases import commands, deliveries
from storage.cases.commands import Conflict
from storage.collecting import ingest
from storage.database.engine import Database, sqlite_path
from storage.entities import brands
from storage.export_log import LoggedExport
from storage.removal import erasing
from storage.views import QueueFilter

ALERT_POLICY = AlertPolicy(channels=("desk",))
ANYTHING = QueueFilter(statuses=tuple(CaseStatus))


def _gone(number_: int, reason: str = "deleted by its author") -> Gone:
    return Gone(source="fake", external_id=f"m-{number_}", reason=reason)


def _store(
    db: Database, *mentions: Mention, gone: Sequence[Gone] = (), at: timedelta = HOUR
) -> ingest.IngestCounts:
    brands.sync(db, [ACME, RIVAL, OTHER])
    found = batch(*mentions, gone=tuple(gone))
    return ingest.store(db, QUERY, found, about("acme-air"), NOW + at)


def _judged(db: Database, rules: Rules = RULES) -> None:
    read_all(db)
    flag(db, rules, clock=FrozenClock(), alert_policy=ALERT_POLICY)


def _traces(db: Database, *words: str) -> set[str]:
    """The tables in which one of these words is still to be read."""
    from sqlmodel import SQLModel

    found = set()
    for table in SQLModel.metadata.sorted_tables:
        for row in rows(db, f'SELECT * FROM "{table.name}"'):
            if any(word in str(value) for word in words for value in row):
                found.add(table.name)
    return found


def _events(db: Database, case_id: int) -> list[str]:
    found = queries.case(db, case_id)
    assert found is not None
    return [one.kind for one in reversed(found.events)]


# --- gone upstream --------------------------------------------------------------------------


def test_a_deleted_post_leaves_a_tombstone_and_nothing_else(db: Database) -> None:
    keep(db, mention(1, "lovely secret"), mention(2, by="bo"))
    read_all(db)
    keep(db, replace(mention(1), text="edited secret", fetched_at=NOW + HOUR))
    commands.correct_sentiment(db, 1, Sentiment.NEGATIVE, edition=1, by="Ana", at=NOW)
    assert _store(db, gone=[_gone(1)]).gone == 1
    assert _traces(db, "secret", "maria") == set()
    assert rows(db, "SELECT source, external_id, reason FROM tombstone") == [
        ("fake", "m-1", "deleted by its author")
    ]
    for table in ("mention_brand", "match", "prediction", "reading"):
        assert [row.mention_id for row in rows(db, f"SELECT mention_id FROM {table}")] == [2], table
    for table in ("revision", "correction"):
        assert number(db, table) == 0, table
    assert [row.handle for row in rows(db, "SELECT handle FROM author")] == ["bo"]
    assert sum(tallies(db).values()) == 1
    check_all(db)


def test_it_does_not_come_back_and_saying_so_twice_changes_nothing(db: Database) -> None:
    keep(db, mention(1))
    _store(db, gone=[_gone(1)])
    assert _store(db, gone=[_gone(1)]).gone == 0
    again = _store(db, mention(1))
    assert (again.seen, again.new) == (1, 0)
    assert [number(db, table) for table in ("mention", "author", "tombstone")] == [0, 0, 1]


def test_a_post_that_was_never_seen_leaves_its_tombstone_too(db: Database) -> None:
    assert _store(db, gone=[_gone(1)]).gone == 0
    assert _store(db, mention(1)).new == 0
    assert number(db, "mention") == 0


def test_told_and_gone_in_one_batch_is_gone(db: Database) -> None:
    assert _store(db, mention(1), mention(2), gone=[_gone(1)]).new == 1
    assert [row.external_id for row in rows(db, "SELECT external_id FROM mention")] == ["m-2"]


def test_plain_reposts_hold_the_same_words_and_go_with_it(db: Database) -> None:
    repost = mention(2, "awful", by="bo", repost_of="m-1")
    unnamed = mention(3, "awful", by="chi", repost_of="")
    keep(db, mention(1), repost, unnamed)
    _store(db, gone=[_gone(1)])
    assert [row.external_id for row in rows(db, "SELECT external_id FROM mention")] == ["m-3"]
    late = mention(4, "awful", by="dee", repost_of="m-1")
    assert _store(db, repost, late).new == 0
    check_all(db)


def test_an_author_stays_while_another_post_of_theirs_does(db: Database) -> None:
    keep(db, mention(1), mention(2))
    _store(db, gone=[_gone(1)])
    assert number(db, "author") == 1
    _store(db, gone=[_gone(2)])
    assert number(db, "author") == 0


def test_a_case_that_loses_its_last_post_is_resolved_and_names_nobody(db: Database) -> None:
    keep(db, mention(1))
    _judged(db)
    _store(db, gone=[_gone(1)])
    (case,) = queries.queue(db, ANYTHING)
    assert (case.status, case.outcome, case.complaints) == (
        CaseStatus.RESOLVED,
        "post deleted",
        0,
    )
    assert (case.text, case.handle, case.url) == ("", "(deleted author)", None)
    assert _events(db, case.id) == ["opened", "deleted", "resolved"]
    assert _traces(db, "maria", "awful") == set()
    assert queries.newest_flagged(db, "acme-air") == ()
    with pytest.raises(Conflict, match="all its posts are deleted"):
        commands.reopen(db, case.id, version=case.version, by="Ana", at=NOW, due_at=NOW)
    check_all(db)


def test_their_next_complaint_opens_a_case_of_its_own(db: Database) -> None:
    keep(db, mention(1))
    _judged(db)
    _store(db, gone=[_gone(1)])
    keep(db, mention(2))
    _judged(db)
    assert len(queries.queue(db, QueueFilter())) == 1
    assert number(db, "case") == 2
    check_all(db)


def test_a_case_with_another_post_goes_on(db: Database) -> None:
    keep(db, mention(1, published_at=NOW - 3 * HOUR), mention(2))
    _judged(db)
    _store(db, gone=[_gone(1)])
    (case,) = queries.queue(db, QueueFilter())
    assert (case.complaints, case.status, case.handle) == (1, CaseStatus.OPEN, "maria")
    assert case.complained_at == case.last_at == NOW - HOUR
    assert _events(db, case.id) == ["opened", "complaint", "deleted"]
    check_all(db)


def test_a_case_is_as_urgent_as_the_posts_that_it_has_left(db: Database) -> None:
    keep(db, loud(1, published_at=NOW - 3 * HOUR), mention(2, "meh"), mention(3, "meh"))
    _judged(db)
    (before,) = queries.queue(db, QueueFilter())
    assert before.priority >= RULES.urgent_at
    _store(db, gone=[_gone(1)])
    (case,) = queries.queue(db, QueueFilter())
    left = [row.severity for row in rows(db, "SELECT severity FROM flag")]
    assert case.priority == max(left) + 2 < RULES.urgent_at
    assert case.due_at == before.due_at  # an answer by then was promised
    check_all(db)


def test_a_resolved_case_keeps_how_it_ended(db: Database) -> None:
    keep(db, mention(1))
    _judged(db)
    commands.resolve(db, 1, version=1, by="Ana", at=NOW, outcome="won back")
    _store(db, gone=[_gone(1)])
    (case,) = queries.queue(db, ANYTHING)
    assert case.outcome == "won back"
    assert _events(db, case.id) == ["opened", "resolved", "deleted"]


def test_the_digest_tells_of_nobody_whose_posts_are_gone(db: Database) -> None:
    keep(db, mention(1))
    _judged(db)
    window = digests.window_for(db, None, NOW + HOUR)
    assert digests.facts(db, window, queries=[], rules=RULES, limit=9).new_total == 1
    _store(db, gone=[_gone(1)])
    found = digests.facts(db, window, queries=[], rules=RULES, limit=9)
    assert (found.new_total, found.new_cases) == (0, ())


def test_a_number_is_not_given_again(db: Database) -> None:
    """SQLite would; the next urgent complaint would pass for one that was told before."""
    keep(db, loud(1))
    _judged(db)
    (first,) = rows(db, "SELECT id FROM mention")
    _store(db, gone=[_gone(1)])
    keep(db, loud(2), loud(3, by="bo"))
    assert min(row.id for row in rows(db, "SELECT id FROM mention")) > first.id
    _judged(db)
    keys = [row.key for row in rows(db, "SELECT key FROM delivery ORDER BY id")]
    assert len(keys) == 2
    assert len(set(keys)) == 2
    check_all(db)


def test_a_late_answer_of_the_model_finds_nobody(db: Database) -> None:
    keep(db, mention(1))
    (waiting,) = predictions.list_unclassified(db, "m/1", 9)
    _store(db, gone=[_gone(1)])
    keep(db, mention(2, "lovely"))
    from factories import scores_of

    late = Prediction(
        mention_id=waiting.mention_id, model_id="m/1", scores=scores_of("awful"), at=NOW
    )
    assert predictions.save(db, [late]) == 0


# --- messages -------------------------------------------------------------------------------


def _messages(db: Database) -> list[tuple[str, str]]:
    return [tuple(r) for r in rows(db, "SELECT state, text FROM delivery ORDER BY id")]


def test_a_page_that_waits_is_dropped_with_the_only_post_it_told_of(db: Database) -> None:
    keep(db, loud(1))
    _judged(db)
    assert "awful (1)" in _messages(db)[0][1]
    _store(db, gone=[_gone(1)])
    assert _messages(db) == [("dropped", "(removed)")]
    assert deliveries.lease_next(db, now=NOW + HOUR, length=HOUR) is None


def test_a_page_about_others_too_goes_out_without_their_words(db: Database) -> None:
    keep(db, loud(1), loud(2, by="bo"))
    _judged(db)
    _store(db, gone=[_gone(1)])
    ((state, text),) = _messages(db)
    (bo,) = queries.queue(db, QueueFilter())
    assert state == "queued"
    assert f"case {bo.id}." in text
    assert "awful" not in text


def test_a_sent_page_keeps_nothing_of_what_was_written(db: Database) -> None:
    keep(db, loud(1))
    _judged(db)
    sent = deliveries.lease_next(db, now=NOW, length=HOUR)
    assert sent is not None
    deliveries.mark_sent(db, sent, NOW)
    _store(db, gone=[_gone(1)])
    (row,) = rows(db, "SELECT state, subject, text, html FROM delivery")
    assert tuple(row) == ("sent", "(removed)", "(removed)", None)


def test_a_digest_that_waits_loses_the_words_and_still_goes_out(db: Database) -> None:
    keep(db, mention(1))
    _judged(db)
    from earful.settings.load import DigestSettings

    settings = DigestSettings(channels=("desk",))
    assert digests.queue(db, "desk", settings, RULES, [], NOW + HOUR) == 1
    assert "awful (1)" in _messages(db)[0][1]
    _store(db, gone=[_gone(1)])
    ((state, text),) = _messages(db)
    assert state == "queued"
    assert "not sent as it was written" in text
    assert "maria" not in text


def test_a_digest_drawn_before_a_deletion_is_not_queued(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The post vanishes between drawing the digest and queueing it; the next minute draws anew."""
    keep(db, mention(1))
    _judged(db)
    from earful.settings.load import DigestSettings

    settings, drawn = DigestSettings(channels=("desk",)), digests.facts

    def slowly(*told: object, **more: object) -> object:
        found = drawn(*told, **more)  # type: ignore[arg-type]
        _store(db, gone=[_gone(1)])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(digests, "facts", slowly)
        assert digests.queue(db, "desk", settings, RULES, [], NOW + HOUR) == 0
    assert number(db, "delivery") == 0
    assert digests.queue(db, "desk", settings, RULES, [], NOW + HOUR) == 1
    assert "maria" not in _messages(db)[0][1]


def test_messages_of_other_cases_stay_as_they_are(db: Database) -> None:
    keep(db, loud(1))
    _judged(db)
    keep(db, loud(2, by="bo"))
    _judged(db)
    before = _messages(db)
    _store(db, gone=[_gone(1)])
    assert _messages(db)[1] == before[1]


def test_old_messages_that_name_the_author_are_emptied_too(db: Database) -> None:
    """From before it was written down which cases a message tells of."""
    keep(db, mention(1))
    _judged(db)
    for key, text in (("alert-1", "Call @maria"), ("alert-2", "Call @bo")):
        with db.write() as connection:
            message = Message(subject="s", text=text)
            deliveries.enqueue(connection, key=key, channel="desk", message=message, due_at=NOW)
        delivery = deliveries.lease_next(db, now=NOW, length=HOUR)
        assert delivery is not None
        deliveries.mark_sent(db, delivery, NOW)
    _store(db, gone=[_gone(1)])
    assert _messages(db) == [("sent", "(removed)"), ("sent", "Call @bo")]


# --- erased ---------------------------------------------------------------------------------


def _person(db: Database, who: str = "maria") -> erasing.StoredAuthor:
    (found,) = erasing.find_authors(db, "fake", who)
    return found


def _noted(db: Database) -> None:
    keep(db, loud(1), mention(2, "lovely"), mention(3, by="bo"))
    _judged(db)
    commands.add_note(db, 1, by="Ana", at=NOW, text="maria called, number 555")
    bad = Rejected(where="line 7", reason="no date", raw='{"author": "id-maria", "text": "awful"}')
    ingest.store(db, QUERY, batch(rejected=[bad]), about("acme-air"), NOW)


def test_an_erased_author_leaves_no_trace_in_any_table(db: Database) -> None:
    _noted(db)
    keep(db, replace(mention(2), text="edited by maria", fetched_at=NOW + HOUR))
    person = _person(db)
    assert (person.mentions, person.cases, person.entries) == (2, 1, 2)
    done = erasing.erase_author(db, person, NOW + HOUR)
    assert (done.mentions, done.revisions, done.cases, done.entries, done.messages) == (
        *(2, 1, 1, 2),
        1,
    )
    assert _traces(db, "maria", "id-maria", "awful (1)", "m-1", "m-2", "555") == set()
    assert [row.handle for row in rows(db, "SELECT handle FROM author")] == ["bo"]
    check_all(db)


def test_nothing_of_an_erased_author_is_stored_again(db: Database) -> None:
    keep(db, mention(1), mention(2, by="bo"))
    erasing.erase_author(db, _person(db), NOW)
    assert keep(db, mention(1), mention(9), mention(3, by="bo")).new == 1
    # the same post under another name, as an import may have it
    assert keep(db, mention(1, by="somebody")).new == 0
    assert {row.handle for row in rows(db, "SELECT handle FROM author")} == {"bo"}
    assert erasing.is_author_erased(db, "fake", "id-maria")
    assert not erasing.is_author_erased(db, "fake", "id-bo")
    assert not erasing.is_author_erased(db, "other", "id-maria")


def test_a_person_is_found_by_id_or_handle(db: Database) -> None:
    keep(
        db,
        mention(1, by=author("maria", external_id="7")),
        mention(2, by=author("Maria", external_id="8")),
        mention(3, by=author("7", external_id="9")),
    )
    assert {one.external_id for one in erasing.find_authors(db, "fake", "@MARIA")} == {"7", "8"}
    assert [one.external_id for one in erasing.find_authors(db, "fake", "7")] == ["7"]
    assert erasing.find_authors(db, "fake", "nobody") == ()
    assert erasing.find_authors(db, "other", "maria") == ()


def test_the_number_of_an_erased_case_is_not_given_again(db: Database) -> None:
    """Somebody may still have the page of the old one open, and note in it."""
    keep(db, mention(1))
    _judged(db)
    (old,) = queries.queue(db, ANYTHING)
    erasing.erase_author(db, _person(db), NOW)
    keep(db, mention(2, by="bo"))
    _judged(db)
    (new,) = queries.queue(db, ANYTHING)
    assert new.id > old.id
    with pytest.raises(Conflict, match="not there any more"):
        commands.add_note(db, old.id, by="Ana", at=NOW, text="spoke to maria")


def test_erasing_twice_says_that_they_are_gone(db: Database) -> None:
    keep(db, mention(1))
    person = _person(db)
    erasing.erase_author(db, person, NOW)
    with pytest.raises(KeyError, match="not there any more"):
        erasing.erase_author(db, person, NOW)


def test_one_post_is_erased_and_its_author_stays(db: Database) -> None:
    keep(db, mention(1, "secret"), mention(2))
    assert erasing.erase_mention(db, "fake", "m-1", NOW).mentions == 1
    assert _traces(db, "secret", "m-1") == set()
    assert number(db, "author") == 1
    assert keep(db, mention(1)).new == 0
    assert erasing.erase_mention(db, "fake", "m-1", NOW) == erasing.ErasureCounts(names=("m-1",))
    check_all(db)


def test_a_post_that_is_not_stored_is_kept_away(db: Database) -> None:
    assert erasing.erase_mention(db, "fake", "m-1", NOW) == erasing.ErasureCounts(names=("m-1",))
    assert keep(db, mention(1)).new == 0


def test_exports_since_their_first_post_are_named(db: Database) -> None:
    for hours, path in ((-9, "before.csv"), (1, "after.csv")):
        export_log.log_export(
            db,
            LoggedExport(
                at=NOW + hours * HOUR, by="me@desk", path=path, format="csv", rows=3, filter=""
            ),
        )
    keep(db, mention(1))
    done = erasing.erase_author(db, _person(db), NOW)
    assert [(one.path, one.rows) for one in done.exports] == [("after.csv", 3)]


def test_erased_words_are_in_no_byte_of_the_sqlite_files(sqlite: Database) -> None:
    words = "unmistakable zebra"
    keep(sqlite, *(mention(n, f"{words} {n}") for n in range(400)), mention("x", by="bo"))
    read_all(sqlite)
    file = sqlite_path(sqlite)
    assert file is not None
    assert _found_in_files(file, words)
    erasing.erase_author(sqlite, _person(sqlite), NOW)
    assert sqlite.overwrite_deleted() == ""
    assert not _found_in_files(file, words)
    assert number(sqlite, "mention") == 1


def _found_in_files(file: Path, words: str) -> bool:
    files = [file, Path(f"{file}-wal"), Path(f"{file}-shm"), Path(f"{file}-journal")]
    return any(words.encode() in one.read_bytes() for one in files if one.exists())


def test_a_reader_in_the_way_is_named(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(sqlite, mention(1))
    from storage.database import engine

    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0.1)
    waiting = engine.connect(f"sqlite:///{sqlite_path(sqlite)}")
    with sqlite.read() as reading:
        reading.exec_driver_sql("SELECT count(*) FROM mention").all()
        assert waiting.overwrite_deleted() != ""
    assert waiting.overwrite_deleted() == ""
    waiting.close()
