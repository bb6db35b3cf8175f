"""kill -9 at random moments of every step: run again, and nothing shows of it.

A file is imported, read and judged; then its platform tells of edits, deletions, copies and gaps,
is asked about single posts, and all is read and judged again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_killer import AT_ONCE, STEPS, UNREADABLE, Killer, started
from crash_story import Outcome, is_whole, outcome, same
from factories import rows

from storage.database.engine import connect

MENTIONS = 960
BATCHES = MENTIONS // AT_ONCE
COPIES, NOISE = len(range(0, MENTIONS, 7)), len(range(0, MENTIONS, 23))  # as crash_platform has it
KILLS = 4  # of each step


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    with started(tmp_path, mentions=MENTIONS) as killer:
        yield killer


def _undisturbed(killer: Killer, url: str) -> tuple[Outcome, list[int]]:
    """What comes out, and in how many batches each step did it."""
    killer.works_on(url)
    batches = []
    for step in STEPS:
        assert killer.run(step) == "done"
        batches.append(killer.batches)
    assert min(batches) >= 2 * KILLS, batches
    db = connect(url)
    story, spent = outcome(db)
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
    killer.works_on(url)
    db = connect(url)
    for step, number in zip(STEPS, batches, strict=True):
        # an import reads from the start, the others go on from where they were
        most = number if step == "import" else number // KILLS
        for _ in range(KILLS):
            assert killer.run(step, most=most) != "done"
            is_whole(db)  # also before anybody has mended it
        assert killer.run(step) == "done"
    again = [killer.run(step) for step in STEPS]
    assert again == ["done"] * len(STEPS)
    is_whole(db)
    found = outcome(db)
    db.close()
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("rounds", "least_of_a_step"), [(1, 1), pytest.param(2, 4, marks=pytest.mark.slow)]
)
def test_kills_leave_no_trace_on_sqlite(
    killer: Killer, migrated_file: Path, tmp_path: Path, rounds: int, least_of_a_step: int
) -> None:
    def fresh(name: str) -> str:
        shutil.copy(migrated_file, tmp_path / name)
        return f"sqlite:///{tmp_path / name}"

    expected, batches = _undisturbed(killer, fresh("undisturbed.db"))
    for number in range(rounds):
        url = fresh(f"round-{number}.db")
        same(_disturbed(killer, url, batches), expected)
        db = connect(url)
        assert rows(db, "PRAGMA integrity_check") == [("ok",)]
        assert rows(db, "PRAGMA foreign_key_check") == []
        db.close()
    assert killer.killed() == rounds * KILLS * len(STEPS), killer.ended
    # not only before the work had begun: between its first batch and its last
    assert killer.killed("in the middle") >= 35 * rounds // 2, killer.ended
    counts = {step: killer.killed("in the middle", step) for step in STEPS}
    assert min(counts.values()) >= least_of_a_step, killer.ended


@pytest.mark.timeout(900)
def test_kills_leave_no_trace_on_postgresql(killer: Killer, postgres: Any) -> None:
    from throwaway_postgres import TEMPLATE

    names = [postgres.fresh(TEMPLATE) for _ in range(2)]
    expected, batches = _undisturbed(killer, postgres.url(names[0]))
    same(_disturbed(killer, postgres.url(names[1]), batches), expected)
    assert killer.killed("in the middle") >= KILLS * len(STEPS) // 2, killer.ended
