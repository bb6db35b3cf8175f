"""What people see of a database after steps were killed, to be held against an undisturbed one."""

from __future__ import annotations

import re
from typing import Any

from factories import check_all, rows

from storage.database.engine import Database

Tables = dict[str, list[Any]]
Spent = tuple[int, int, int]  # requests, reads, money
Outcome = tuple[Tables, Spent]

# everything that people see of the data, without row ids: a killed step may use some up
_STORY = {
    "mentions": """SELECT m.source, m.external_id, a.handle, a.followers, m.text, m.published_at,
        m.sentiment, m.model_id FROM mention m JOIN author a ON a.id = m.author_id""",
    "links": """SELECT m.external_id, b.brand_id, b.own, b.verdict, b.toward, b.intent, b.reason
        FROM mention_brand b JOIN mention m ON m.id = b.mention_id""",
    "matches": """SELECT m.external_id, q.query_id
        FROM match q JOIN mention m ON m.id = q.mention_id""",
    "predictions": """SELECT m.external_id, p.model_id, p.negative, p.neutral, p.positive,
        p.could_not_tell FROM prediction p JOIN mention m ON m.id = p.mention_id""",
    "readings": """SELECT m.external_id, r.brand_id, r.model_id, r.toward_negative, r.intents
        FROM reading r JOIN mention m ON m.id = r.mention_id""",
    "cases": """SELECT c.brand_id, a.handle, c.status, c.priority, c.complaints, c.due_at,
        c.complained_at, c.last_at, c.version FROM "case" c JOIN author a ON a.id = c.author_id""",
    "flags": """SELECT m.external_id, f.brand_id, a.handle, f.rule, f.severity, f.reason
        FROM flag f JOIN mention m ON m.id = f.mention_id
        JOIN "case" c ON c.id = f.case_id AND c.brand_id = f.brand_id
        JOIN author a ON a.id = c.author_id""",
    "events": """SELECT c.brand_id, a.handle, e.kind, e.note FROM case_event e
        JOIN "case" c ON c.id = e.case_id JOIN author a ON a.id = c.author_id""",
    "tallies": """SELECT brand_id, quarter, source, sentiment, mentions FROM tally
        WHERE mentions <> 0""",
    "pages": "SELECT channel, subject, text, state FROM delivery",
    "rejects": "SELECT query_id, location, reason FROM rejected",
    "revisions": """SELECT m.external_id, m.edition, r.text, r.sentiment
        FROM revision r JOIN mention m ON m.id = r.mention_id""",
    "tombstones": "SELECT source, external_id, reason FROM tombstone",
    "asked": "SELECT external_id, noise, shares, fetched_at, checked_at FROM mention",
    "told": """SELECT m.external_id, s.mentions, s.authors, s.reach
        FROM mention m JOIN story s ON s.id = m.story_id""",
    "coverage": "SELECT query_id, part, since, until FROM coverage",
    "gaps": "SELECT query_id, part, since, until, kind, state, reason FROM gap",
    "brought": """SELECT sum(new), sum(already_stored), sum(noise) FROM spending
        WHERE query_id = 'x/follow'""",
    "places": "SELECT position FROM query WHERE id = 'x/follow'",
    "authors": "SELECT source, external_id, handle FROM author",
}


_HANDLE_BY_CASE = """SELECT c.id, a.handle FROM "case" c JOIN author a ON a.id = c.author_id"""
_CASE_NUMBERS = re.compile(r"(?<=for the others: case )\d+(, \d+)*")


def _visible_data(db: Database) -> Tables:
    story = {name: sorted(map(repr, rows(db, query))) for name, query in _STORY.items()}
    # a killed step uses up case numbers, which PostgreSQL never gives again: compare by handle
    handles = {str(number): handle for number, handle in rows(db, _HANDLE_BY_CASE)}
    story["pages"] = sorted(
        _CASE_NUMBERS.sub(
            lambda match: ", ".join(handles[case_id] for case_id in match[0].split(", ")), page
        )
        for page in story["pages"]
    )
    return story


def _spent(db: Database) -> Spent:
    query = "SELECT sum(requests), sum(reads), sum(money) FROM spending WHERE query_id = 'x/follow'"
    requests, reads, money = (int(number or 0) for number in rows(db, query)[0])
    return requests, reads, money


def outcome(db: Database) -> Outcome:
    """Return everything that a run with kills must have in common with a run without."""
    return _visible_data(db), _spent(db)


def is_whole(db: Database) -> None:
    """Check that each mention has its brand, its query and its count."""
    check_all(db)
    for table, condition in (("mention_brand", "NOT noise AND"), ("match", "")):
        lone = (
            f"SELECT id FROM mention WHERE {condition} id NOT IN (SELECT mention_id FROM {table})"
        )
        assert rows(db, lone) == []
    (stored,) = rows(db, "SELECT coalesce(sum(stored), 0) FROM query")
    (mentions,) = rows(db, "SELECT count(*) FROM mention")
    # the platform of this test reports only stored posts as gone
    (removed,) = rows(db, "SELECT count(*) FROM tombstone")
    assert stored[0] == mentions[0] + removed[0], "mentions and position were stored apart"


def same(actual: Outcome, expected: Outcome) -> None:
    """Compare two outcomes; spending may be counted too often, never too seldom."""
    for name in _STORY:
        assert actual[0][name] == expected[0][name], name
    for counted, least in zip(actual[1], expected[1], strict=True):
        assert least <= counted <= 2 * least
