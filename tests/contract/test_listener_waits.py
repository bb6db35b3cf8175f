"""A poll never sleeps and never tries again by itself: when to come back, the scheduler says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from products import two_of_each
from world import FAULTS, HttpWorld
from worlds import WORLDS

import listeners
from earful.contracts import Transient

WEB = sorted(source for source, world in WORLDS.items() if issubclass(world, HttpWorld))
LATER = sorted(name for name in FAULTS if name[0] in "45" and name[:3] not in ("401", "403", "404"))


@pytest.mark.parametrize(("source", "fault", "good"), two_of_each(WEB, LATER, 0, 1))
def test_nothing_sleeps(
    source: str,
    fault: str,
    good: int,
    make_world: Callable[[str], HttpWorld],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = make_world(source)
    world.add(1200)
    begun = len(world.site.asked)
    world.site.script = lambda asked: (
        world.serve(asked) if len(world.site.asked) - begun <= good else FAULTS[fault][0]
    )
    slept: list[float] = []
    here, sleep = threading.current_thread(), time.sleep

    def note(seconds: float) -> None:
        slept.append(seconds) if threading.current_thread() is here else sleep(seconds)

    monkeypatch.setattr(time, "sleep", note)
    listener = listeners.get(source, clock=world.clock)
    try:
        for _ in listener.poll(world.query(), None):
            pass
    except Transient:
        pass
    assert slept == []
    assert len(world.site.asked) - begun <= good + 1, "what failed was asked again"
