"""Killed in the middle of a burst: all that was answered with 201 is there, once."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from uuid import uuid4

import requests
from factories import FrozenClock
from front_world import PATIENCE, Front, inbox_lines, process, settings_in

import listeners
from earful.types import Batch
from listeners.inbox.sqlite_file import FILE


def submit(front: Front, ids: list[str], kept: set[str], enough: threading.Event) -> None:
    """Send each, and note those that the service says are kept; end when it is gone."""
    with requests.Session() as session:
        mine = Front(front.settings, session=session)
        for one in ids:
            try:
                answer = mine.send(id=one, why=f"burst {one}")
            except requests.RequestException:
                enough.set()
                return
            if answer.status_code == 201:
                kept.add(one)
                if len(kept) >= 120:
                    enough.set()


def poll(front: Front, position: str | None) -> list[Batch]:
    (query,) = (one for one in front.settings.queries() if one.id == "feedback/kestrova/shop")
    return list(listeners.get("feedback", clock=FrozenClock()).poll(query, position))


def known(batches: list[Batch]) -> list[str]:
    return [one.external_id.removeprefix("shop-") for batch in batches for one in batch.mentions]


def test_what_was_answered_is_kept(tmp_path: Path) -> None:
    many = {"per_minute": 100_000, "per_hour": 100_000, "form_per_hour": 100_000}
    front = Front(settings_in(tmp_path, **many))
    ids = [str(uuid4()) for _ in range(4000)]
    kept: set[str] = set()
    enough = threading.Event()
    with process(front, tmp_path) as running:
        clients = [
            threading.Thread(target=submit, args=(front, ids[at::6], kept, enough))
            for at in range(6)
        ]
        for client in clients:
            client.start()
        assert enough.wait(PATIENCE)
        running.send_signal(signal.SIGKILL)
        for client in clients:
            client.join(PATIENCE)
        running.wait(PATIENCE)
    assert 120 <= len(kept) < len(ids)  # it was in the middle
    batches = poll(front, None)
    found = known(batches)
    assert len(found) == len(set(found))
    assert kept <= set(found) <= set(ids)
    assert len(found) - len(kept) <= len(clients)  # on the disk, and killed before the answer
    position = batches[-1].position
    with process(front, tmp_path):  # those who got no answer press the button again
        for one in ids[:200]:
            assert front.send(id=one, why=f"burst {one}").status_code == 201
        again = poll(front, position)
    assert set(ids[:200]) | kept <= set(found) | set(known(again))
    poll(front, again[-1].position)
    folder = front.settings.feedback.inbox / "form-shop"
    assert inbox_lines(folder) == []
    assert [path.name for path in folder.iterdir()] == [FILE]
