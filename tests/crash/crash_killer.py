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
    """Runs steps in workers and kills them; remembers how each of them ended."""

    workers: Workers
    directory: Path
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    batches: int = 0  # that the last step has stored

    def run(self, step: str, *, most: int | None = None, dies_before: int | None = None) -> str:
        """Run a step, to its end or, where it may store ``most`` batches, until it is killed: after
        some of them and a moment. However quick it is, it does not end before. Or it kills itself
        before its commit number ``dies_before``, from 1 on."""
        kill_after = None if most is None else self.workers.dice.randrange(most)
        job = {"step": step, "file": str(self._file), "settings": str(self._settings)}
        limits = {"at_once": AT_ONCE, "stays_after": most, "dies_before": dies_before}
        how, self.batches = self.workers.do(job | limits, kill_after=kill_after, within=0.012)
        self.ended[(step, how)] += 1
        return how

    def killed(self, how: str = "killed", step: str = "") -> int:
        """How many workers were killed alive."""
        return sum(n for (one, end), n in self.ended.items() if how in end and step in one)

    def works_on(self, url: str) -> None:
        """Write the settings of all steps that follow."""
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
        """Write the file: people of three brands, many of whom come back; fresh and old, loud and
        quiet; some lines cannot be read."""
        dice = random.Random(1)
        lines = []
        for one in range(number):
            words = dice.choice(("awful", "awful", "lovely", "plain", "dunno"))
            at = NOW - timedelta(minutes=(number - one) * 4)
            who = dice.randrange(250)
            row = {
                "id": f"{one}",
                "author": f"p{who}",
                "text": f"{words} {dice.random()}",
                "published_at": at.isoformat(),
                "brand": dice.choice(("Acme Air", "Other", "Rival Jet")),
                "followers": (3, 90, 2_000_000)[who % 3],
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
    """A killer with a file of so many mentions to import."""
    with workers(WORKER, dice=random.Random(2)) as these:
        killer = Killer(these, directory)
        killer.write_mentions(mentions)
        yield killer
