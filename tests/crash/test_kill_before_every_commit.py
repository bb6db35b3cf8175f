"""kill -9 before each single commit of every step, one after the other: nothing is left to luck.

What is done in two transactions shows here: the first of them is kept, the second is not.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_killer import AT_ONCE, STEPS, Killer, started
from crash_story import Outcome, is_whole, outcome, same

from storage.database.engine import connect


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    with started(tmp_path, mentions=3 * AT_ONCE) as killer:
        yield killer


def _outcome(file: Path) -> Outcome:
    db = connect(f"sqlite:///{file}")
    is_whole(db)
    found = outcome(db)
    db.close()
    return found


def _killed_before_each(killer: Killer, step: str, before: Path, expected: Outcome) -> int:
    """Do a step with each of its commits killed in turn; gives how many there are."""
    for commit in itertools.count(1):
        file = shutil.copy(before, before.with_suffix(f".{commit}"))
        killer.works_on(f"sqlite:///{file}")
        if killer.run(step, dies_before=commit) == "done":
            return commit - 1
        _outcome(file)  # whole also before anybody has mended it
        assert killer.run(step) == "done"
        same(_outcome(file), expected)
    raise AssertionError("never reached")


@pytest.mark.timeout(900)
def test_killed_before_any_commit_nothing_shows_of_it(
    killer: Killer, migrated_file: Path, tmp_path: Path
) -> None:
    file = shutil.copy(migrated_file, tmp_path / "0.db")
    commits = []
    for number, step in enumerate(STEPS, start=1):
        before, file = file, shutil.copy(file, tmp_path / f"{number}.db")
        killer.works_on(f"sqlite:///{file}")
        assert killer.run(step) == "done"
        commits.append(_killed_before_each(killer, step, before, _outcome(file)))
    assert min(commits) >= 2, commits
    assert killer.killed() == sum(commits) > 30, commits
