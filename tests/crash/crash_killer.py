"""Steps in workers that are killed, and the file and the settings that they work on."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from factories import NOW
from killed_workers import Workers, workers

WORKER = Path(__file__).with_name("crash_worker.py")
STEPS = ("import", "classify", "flag", "follow", "recheck", "classify", "flag")
UNREADABLE, AT_ONCE = 10, 32


@dataclass(slots=True)
class Killer:
    """Run steps in workers and kill them; ``ended`` counts how each of them ended."""

    workers: Workers
    directory: Path
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    batches: int = 0  # stored by the last step

    def run(self, step: str, *, most: int | None = None, dies_before: int | None = None) -> str:
        """Run a step to its end, or until it is killed; return how it ended.

        With ``most``, it is killed a moment after a random number of batches below ``most``; a
        quick step waits for it. With ``dies_before``, it kills itself before that commit (from 1).
        """
        kill_after = None if most is None else self.workers.dice.randrange(most)
        job = {"step": step, "file": str(self._file), "settings": str(self._settings)}
        limits = {"at_once": AT_ONCE, "stays_after": most, "dies_before": dies_before}
        how, self.batches = self.workers.do(job | limits, kill_after=kill_after, within=0.012)
        self.ended[(step, how)] += 1
        return how

    def killed(self, how: str = "killed", step: str = "") -> int:
        """Count the workers that ended in this way, in all steps or in one."""
        return sum(n for (name, end), n in self.ended.items() if how in end and step in name)

    def works_on(self, url: str) -> None:
        """Write the settings of all later steps, with this database."""
        self._settings.write_text(
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

    def write_mentions(self, number: int) -> None:
        """Write the file: mentions of three brands by 250 authors, and some unreadable lines.

        Mentions are fresh and old, of authors with few and with many followers.
        """
        dice = random.Random(1)
        lines = []
        for index in range(number):
            words = dice.choice(("awful", "awful", "lovely", "plain", "dunno"))
            at = NOW - timedelta(minutes=(number - index) * 4)
            author = dice.randrange(250)
            row = {
                "id": f"{index}",
                "author": f"p{author}",
                "text": f"{words} {dice.random()}",
                "published_at": at.isoformat(),
                "brand": dice.choice(("Acme Air", "Other", "Rival Jet")),
                "followers": (3, 90, 2_000_000)[author % 3],
            }
            lines.append(json.dumps(row))
        for _ in range(UNREADABLE):
            lines.insert(dice.randrange(len(lines)), '{"text": "no date"}')
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def _file(self) -> Path:
        return self.directory / "mentions.jsonl"

    @property
    def _settings(self) -> Path:
        return self.directory / "settings.toml"


@contextmanager
def started(directory: Path, *, mentions: int) -> Iterator[Killer]:
    """Start a killer with a file of this many mentions to import."""
    with workers(WORKER, dice=random.Random(2)) as running:
        killer = Killer(running, directory)
        killer.write_mentions(mentions)
        yield killer
