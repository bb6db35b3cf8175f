"""kill -9 at random moments of every step: run again, and nothing shows of it.

A file is imported, read and judged; then its platform tells of edits, deletions, copies and gaps,
is asked about single posts, and all is read and judged again.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import NOW, check_all, rows

from storage.engine import Database, connect

WORKER = Path(__file__).with_name("crash_worker.py")
MENTIONS, UNREADABLE, AT_ONCE = 960, 10, 32
BATCHES = MENTIONS // AT_ONCE
COPIES, NOISE = len(range(0, MENTIONS, 7)), len(range(0, MENTIONS, 23))  # as crash_platform has it
KILLS = 4  # of each step
STEPS = ("import", "classify", "flag", "follow", "recheck", "classify", "flag")


@dataclass(slots=True)
class Killer:
    """Runs steps in workers and kills them; remembers how each of them ended."""

    server: subprocess.Popen[str]
    file: Path
    settings: Path
    dice: random.Random
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    batches: int = 0  # that the last step has stored

    def run(self, step: str, *, most: int | None = None) -> str:
        """Run a step, to its end or, where it may store ``most`` batches, until it is killed: after
        some of them and a moment. However quick it is, it does not end before."""
        kill_after = None if most is None else self.dice.randrange(most)
        job = {"step": step, "file": str(self.file), "settings": str(self.settings)}
        self._tell(json.dumps(job | {"at_once": AT_ONCE, "stays_after": most}))
        pid = int(self._line().removeprefix("pid "))
        done, line = 0, ""
        while kill_after is None or done < kill_after:
            line = self._line()
            if line != "+":
                break
            done += 1
        if kill_after is not None and line != "over":
            time.sleep(self.dice.uniform(0, 0.012))  # anywhere within the batches that follow
            os.kill(pid, signal.SIGKILL)
        while line != "over":
            line = self._line()
            done += line == "+"
        self._tell("nobody kills it now")
        status = int(self._line().removeprefix("end "))
        self.batches = done
        return self._how(step, status, done)

    def _how(self, step: str, status: int, done: int) -> str:
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            how = "killed in the middle" if done else "killed at the start"
        else:
            assert status == 0, f"{step} failed by itself"
            how = "done"
        self.ended[(step, how)] += 1
        return how

    def _tell(self, line: str) -> None:
        assert self.server.stdin is not None
        self.server.stdin.write(f"{line}\n")
        self.server.stdin.flush()

    def _line(self) -> str:
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line, "the worker's server is gone"
        return line.strip()

    def killed(self, how: str = "killed", step: str = "") -> int:
        """How many workers were killed alive."""
        return sum(n for (one, end), n in self.ended.items() if how in end and step in one)


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    """A server of workers with a file of mentions to import."""
    file = tmp_path / "mentions.jsonl"
    _write_mentions(file)
    with subprocess.Popen(
        [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield Killer(server, file, tmp_path / "settings.toml", random.Random(2))
        server.kill()


def _write_mentions(file: Path) -> None:
    """People of three brands, many of whom come back; fresh and old, loud and quiet."""
    dice = random.Random(1)
    lines = []
    for number in range(MENTIONS):
        words = dice.choice(("awful", "awful", "lovely", "plain", "dunno"))
        at = NOW - timedelta(minutes=(MENTIONS - number) * 4)
        who = dice.randrange(250)
        row = {
            "id": f"{number}",
            "author": f"p{who}",
            "text": f"{words} {dice.random()}",
            "published_at": at.isoformat(),
            "brand": dice.choice(("Acme Air", "Other", "Rival Jet")),
            "followers": (3, 90, 2_000_000)[who % 3],
        }
        lines.append(json.dumps(row))
    for _ in range(UNREADABLE):
        lines.insert(dice.randrange(len(lines)), '{"text": "no date"}')
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _settings(killer: Killer, url: str) -> None:
    killer.settings.write_text(
        f"""
database_url = "{url}"
[[brand]]
name = "Acme Air"
competitors = ["Rival Jet"]
[[channel]]
name = "desk"
kind = "print"
[alerts]
channels = ["desk"]
""",
        encoding="utf-8",
    )


# what people see of the data, without the numbers that a database gives its rows
_STORY = {
    "mentions": """SELECT m.source, m.external_id, a.handle, a.followers, m.text, m.published_at,
        m.feeling, m.model_id FROM mention m JOIN author a ON a.id = m.author_id""",
    "links": """SELECT m.external_id, b.brand_id, b.own, b.verdict
        FROM about b JOIN mention m ON m.id = b.mention_id""",
    "matches": """SELECT m.external_id, q.query_id
        FROM match q JOIN mention m ON m.id = q.mention_id""",
    "predictions": """SELECT m.external_id, p.model_id, p.negative, p.neutral, p.positive,
        p.could_not_tell FROM prediction p JOIN mention m ON m.id = p.mention_id""",
    "cases": """SELECT c.brand_id, a.handle, c.status, c.priority, c.complaints, c.due_at,
        c.complained_at, c.last_at, c.version FROM "case" c JOIN author a ON a.id = c.author_id""",
    "flags": """SELECT m.external_id, f.brand_id, a.handle, f.rule, f.severity, f.reason
        FROM flag f JOIN mention m ON m.id = f.mention_id
        JOIN "case" c ON c.id = f.case_id AND c.brand_id = f.brand_id
        JOIN author a ON a.id = c.author_id""",
    "events": """SELECT c.brand_id, a.handle, e.kind, e.note FROM case_event e
        JOIN "case" c ON c.id = e.case_id JOIN author a ON a.id = c.author_id""",
    "tallies": "SELECT brand_id, quarter, source, feeling, mentions FROM tally WHERE mentions <> 0",
    "pages": "SELECT channel, subject, text, state FROM delivery",
    "rejects": "SELECT query_id, item, reason FROM rejected",
    "revisions": """SELECT m.external_id, m.edition, r.text, r.feeling
        FROM revision r JOIN mention m ON m.id = r.mention_id""",
    "tombstones": "SELECT source, external_id, reason FROM tombstone",
    "asked": "SELECT external_id, noise, shares, fetched_at, checked_at FROM mention",
    "told": """SELECT m.external_id, s.mentions, s.authors, s.reach
        FROM mention m JOIN story s ON s.id = m.story_id""",
    "coverage": "SELECT query_id, part, since, until FROM coverage",
    "gaps": "SELECT query_id, part, since, until, kind, state, reason FROM gap",
    "brought": """SELECT sum(new), sum(again), sum(noise) FROM spending
        WHERE query_id = 'x/follow'""",
    "places": "SELECT position FROM query WHERE id = 'x/follow'",
    "authors": "SELECT source, external_id, handle FROM author",
}


_WHOSE = """SELECT c.id, a.handle FROM "case" c JOIN author a ON a.id = c.author_id"""
_NUMBERED = re.compile(r"(?<=for the others: case )\d+(, \d+)*")


def _story(db: Database) -> dict[str, list[Any]]:
    story = {name: sorted(map(repr, rows(db, query))) for name, query in _STORY.items()}
    # who was killed half-way takes numbers along: PostgreSQL gives none of them again
    whose = {str(number): handle for number, handle in rows(db, _WHOSE)}
    story["pages"] = sorted(
        _NUMBERED.sub(lambda found: ", ".join(whose[one] for one in found[0].split(", ")), page)
        for page in story["pages"]
    )
    return story


def _spent(db: Database) -> tuple[int, int, int]:
    found = "SELECT sum(requests), sum(reads), sum(money) FROM spending WHERE query_id = 'x/follow'"
    requests, reads, money = rows(db, found)[0]
    return int(requests), int(reads), int(money)


def _is_whole(db: Database) -> None:
    """No mention without its brand and its query, no brand's mention without its count."""
    check_all(db)
    for table, those in (("about", "NOT noise AND"), ("match", "")):
        lone = f"SELECT id FROM mention WHERE {those} id NOT IN (SELECT mention_id FROM {table})"
        assert rows(db, lone) == []
    (stored,) = rows(db, "SELECT coalesce(sum(stored), 0) FROM query")
    (there,) = rows(db, "SELECT count(*) FROM mention")
    (gone,) = rows(db, "SELECT count(*) FROM tombstone")  # only what was stored is told of as gone
    assert stored[0] == there[0] + gone[0], "mentions were kept without the place, or otherwise"


Outcome = tuple[dict[str, list[Any]], tuple[int, int, int]]


def _undisturbed(killer: Killer, url: str) -> tuple[Outcome, list[int]]:
    """What comes out, and in how many batches each step did it."""
    _settings(killer, url)
    batches = []
    for step in STEPS:
        assert killer.run(step) == "done"
        batches.append(killer.batches)
    assert min(batches) >= 2 * KILLS, batches
    db = connect(url)
    story, spent = _story(db), _spent(db)
    db.close()
    there = MENTIONS + COPIES + NOISE - len(story["tombstones"])
    assert len(story["mentions"]) == there
    assert len(story["predictions"]) == there - NOISE
    assert len(story["rejects"]) > UNREADABLE  # and what strangers told
    assert len(story["tombstones"]) > 50
    assert len(story["revisions"]) > 200
    assert any("'filled'" in one for one in story["gaps"])
    assert any("'open'" in one for one in story["gaps"])
    assert len(story["told"]) == there - NOISE
    assert sum(", 1, 1, " not in one for one in story["told"]) > COPIES
    assert spent == (BATCHES, MENTIONS - 2 * BATCHES, 5_000 * (MENTIONS - 2 * BATCHES))
    assert len(story["cases"]) > 100
    assert len(story["flags"]) > len(story["cases"])
    assert story["pages"]
    killer.ended.clear()
    return (story, spent), batches


def _disturbed(killer: Killer, url: str, batches: list[int]) -> Outcome:
    """Every step killed KILLS times, then run to its end; then all of them once more."""
    _settings(killer, url)
    db = connect(url)
    for step, number in zip(STEPS, batches, strict=True):
        # an import reads from the start, the others go on from where they were
        most = number if step == "import" else number // KILLS
        for _ in range(KILLS):
            assert killer.run(step, most=most) != "done"
            _is_whole(db)  # also before anybody has mended it
        assert killer.run(step) == "done"
    again = [killer.run(step) for step in STEPS]
    assert again == ["done"] * len(STEPS)
    _is_whole(db)
    outcome = _story(db), _spent(db)
    db.close()
    return outcome


def _same(found: Outcome, expected: Outcome) -> None:
    """All alike; what was spent may be counted too often, never too seldom."""
    for name in _STORY:
        assert found[0][name] == expected[0][name], name
    for counted, least in zip(found[1], expected[1], strict=True):
        assert least <= counted <= 2 * least


@pytest.mark.timeout(900)
def test_fifty_kills_leave_no_trace_on_sqlite(
    killer: Killer, migrated_file: Path, tmp_path: Path
) -> None:
    def fresh(name: str) -> str:
        shutil.copy(migrated_file, tmp_path / name)
        return f"sqlite:///{tmp_path / name}"

    expected, batches = _undisturbed(killer, fresh("undisturbed.db"))
    for number in range(2):
        url = fresh(f"round-{number}.db")
        _same(_disturbed(killer, url, batches), expected)
        db = connect(url)
        assert rows(db, "PRAGMA integrity_check") == [("ok",)]
        assert rows(db, "PRAGMA foreign_key_check") == []
        db.close()
    assert killer.killed() == 2 * KILLS * len(STEPS) > 50, killer.ended
    # not only before the work had begun: between its first batch and its last
    assert killer.killed("in the middle") >= 35, killer.ended
    assert all(killer.killed("in the middle", step) >= 4 for step in STEPS), killer.ended


@pytest.mark.timeout(900)
def test_kills_leave_no_trace_on_postgresql(killer: Killer, postgres: Any) -> None:
    from throwaway_postgres import TEMPLATE

    names = [postgres.fresh(TEMPLATE) for _ in range(2)]
    expected, batches = _undisturbed(killer, postgres.url(names[0]))
    _same(_disturbed(killer, postgres.url(names[1]), batches), expected)
    assert killer.killed("in the middle") >= KILLS * len(STEPS) // 2, killer.ended
