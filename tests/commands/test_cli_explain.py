"""`earful explain`: why a mention was flagged or not, in a sentence and in numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli_workspace import Workspace, row
from factories import NOW, rows

from earful.enums import Sentiment
from storage.analysis import predictions
from storage.database.engine import Database

SENTENCE = (
    "The model is 95 % sure that this is negative (flagged from 50 %), it is the author's first "
    "complaint in 30 days, and 100 people follow them."
)


@pytest.fixture
def judged(workspace: Workspace) -> Workspace:
    """An unhappy customer, a content one, an old complaint and one of the brand's own posts."""
    posts = [
        row(1, author="maria", followers=100),
        row(2, "lovely", author="chi"),
        row(3, author="olga", published_at="2026-01-01T00:00:00Z"),
        row(4, author="acmehelp"),
    ]
    workspace.run("import", workspace.file("posts.jsonl", *posts), "--source", "x")
    workspace.run("classify")
    workspace.run("flag")
    return workspace


@pytest.fixture
def stored(judged: Workspace) -> Iterator[Database]:
    """The database behind ``judged``."""
    database = judged.db()
    yield database
    database.close()


def _id(db: Database, external_id: str) -> int:
    (mention,) = rows(db, f"SELECT id FROM mention WHERE external_id = '{external_id}'")
    return int(mention.id)


def test_a_flag_is_explained_by_its_sentence_and_its_numbers(
    judged: Workspace, stored: Database
) -> None:
    explained = judged.run("explain", "x:1")
    assert (explained.status, explained.err) == (0, "")
    title, sentence, source, severity, numbers, today = explained.out.splitlines()
    assert title == f"x:1 (mention:{_id(stored, '1')}) about Acme Air: flagged"
    assert sentence.strip() == SENTENCE
    assert source.startswith("  case:1, rule: the model is sure enough, model: fake-model/1, ")
    (flag,) = rows(stored, "SELECT severity FROM flag")
    assert severity.startswith(f"  severity {flag.severity} = negative 42.75 + repeat 0 + reach ")
    assert numbers.startswith("  negative 95 % (flagged from 50 %), reach 100, age 63 minutes, 0 ")
    assert today == f"  Today's settings: flagged with severity {flag.severity} (the same)."


def test_a_case_a_mentions_number_and_a_post_name_the_same(
    judged: Workspace, stored: Database
) -> None:
    explained = judged.run("explain", "x:1").out
    for name in ("case:1", "1", f"mention:{_id(stored, '1')}"):
        assert judged.run("explain", name).out == explained


def test_each_flag_of_a_case_is_explained(judged: Workspace) -> None:
    more = row(5, author="maria", published_at="2026-11-20T11:30:00Z")
    judged.run("import", judged.file("more.jsonl", more), "--source", "x")
    judged.run("classify")
    judged.run("flag")
    newer, older = judged.run("explain", "case:1").out.split("\n\n")
    assert newer.startswith("x:5 ")
    assert "1 earlier complaint" in newer
    assert older.startswith("x:1 ")


@pytest.mark.parametrize(
    ("rules", "today"),
    [
        ("negative_at = 0.96", "not flagged, because today's `negative_at` is 96 %."),
        ('look_back = "10m"', "not flagged, because it was older than today's `look_back`."),
        ("negative_at = 0.95", "flagged with severity"),
    ],
)
def test_a_flag_is_replayed_under_todays_settings(
    judged: Workspace, rules: str, today: str
) -> None:
    judged.settings(f"[rules]\n{rules}\n")
    explained = judged.run("explain", "x:1")
    assert explained.status == 0
    assert SENTENCE in explained.out, "the sentence stays as it was"
    assert f"Today's settings: {today}" in explained.out


@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        (
            "x:2",
            "not flagged (calm)",
            "The model fake-model/1 is 2 % sure that it is negative, below the threshold. "
            "Today's threshold is 50 %.",
        ),
        ("x:3", "not flagged (too_old)", "It was older than `look_back` when it was judged."),
        ("x:4", "not flagged (own_account)", "One of the brand's own accounts wrote it."),
    ],
)
def test_a_mention_that_was_not_flagged_has_its_verdict_and_reason(
    judged: Workspace, name: str, verdict: str, reason: str
) -> None:
    explained = judged.run("explain", name)
    assert explained.status == 0
    title, line = explained.out.splitlines()
    assert title.endswith(f" about Acme Air: {verdict}")
    assert line.strip().startswith(reason)


def test_a_persons_word_is_replayed_at_any_age_and_threshold(
    judged: Workspace, stored: Database
) -> None:
    mention_id = _id(stored, "3")
    predictions.save_correction(stored, mention_id, Sentiment.NEGATIVE, edition=0, by="ana", at=NOW)
    judged.run("flag")
    judged.settings("[rules]\nnegative_at = 1.0\n")
    explained = judged.run("explain", "x:3").out
    assert "A person said that this is negative" in explained
    assert "Today's settings: flagged with severity" in explained


def test_a_mention_that_waits_names_the_next_command(judged: Workspace) -> None:
    judged.run("import", judged.file("more.jsonl", row(6, author="new")), "--source", "x")
    explained = judged.run("explain", "x:6").out
    assert "about Acme Air: not judged yet\n" in explained
    assert "No model has read it. Run `earful classify`, then `earful flag`." in explained
    judged.run("classify")
    assert "The rules have not judged it. Run `earful flag`." in judged.run("explain", "x:6").out


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("x:nothing", "'x:nothing': there is no such mention"),
        ("case:99", "'case:99': there is no such case"),
        ("99", "'99': there is no such case"),
        ("mention:99", "'mention:99': there is no such mention"),
        ("maria", "'maria' names no case and no mention"),
        ("mention:one", "'mention:one' names no case and no mention"),
        ("case:9999999999999999999", "names no case and no mention"),
        ("case:²", "names no case and no mention"),
        (":1", "':1' names no case and no mention"),
        ("x:", "'x:' names no case and no mention"),
    ],
)
def test_an_unknown_name_is_an_error(judged: Workspace, name: str, error: str) -> None:
    explained = judged.run("explain", name)
    assert (explained.status, explained.out) == (1, "")
    assert error in explained.err
    assert "Write case:NUMBER, mention:NUMBER or SOURCE:ID." in explained.err


def test_evidence_of_an_earlier_version_is_read(judged: Workspace, stored: Database) -> None:
    with stored.write() as connection:
        for key in ("rating", "look_back_hours", "followers", "shares"):
            connection.exec_driver_sql(
                f"UPDATE flag SET evidence = json_remove(evidence, '$.{key}')"
            )
    assert SENTENCE in judged.run("explain", "x:1").out


def test_of_a_long_case_the_newest_are_explained_and_all_on_request(workspace: Workspace) -> None:
    posts = [
        row(at, f"awful {at * 7919}", author="maria", published_at=f"2026-11-20T10:{at:02}:00Z")
        for at in range(23)
    ]
    workspace.run("import", workspace.file("posts.jsonl", *posts), "--source", "x")
    workspace.run("classify")
    workspace.run("flag")
    explained = workspace.run("explain", "case:1").out
    assert explained.count("about Acme Air: flagged") == 20
    assert "x:22 (mention:" in explained
    assert "x:2 (mention:" not in explained
    assert explained.endswith("\n3 older mentions; `earful explain case:1 --all`\n")
    whole = workspace.run("explain", "case:1", "--all").out
    assert whole.count("about Acme Air: flagged") == 23
    assert "older mentions" not in whole
