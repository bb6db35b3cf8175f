"""Guessing is slow for everyone, and the owner is never kept out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.gate import attempts
from dashboard.gate.attempts import CountedKey, SignInAttempts, keys_of

SECRET = "correct horse battery"
WRONG = "wrong horse"


class Ticks:
    """A monotonic clock that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def tries(ticks: Ticks) -> SignInAttempts:
    return SignInAttempts(clock=ticks)


def _addresses(number: int) -> Iterator[tuple[CountedKey, ...]]:
    for count in range(number):
        yield keys_of(f"198.{count >> 16}.{count >> 8 & 255}.{count & 255}", None)


def test_failures_wait_longer_and_longer(tries: SignInAttempts, ticks: Ticks) -> None:
    keys = keys_of("203.0.113.7", None)
    for _ in range(4):
        assert not tries.check(keys, WRONG, SECRET)
        assert tries.wait(keys) == 0
    waits = []
    for _ in range(9):
        assert not tries.check(keys, WRONG, SECRET)
        waits.append(tries.wait(keys))
        assert not tries.check(keys, SECRET, SECRET), "read while it should wait"
        ticks.now += waits[-1]
    assert waits[0] == 1.0
    assert waits == sorted(waits)
    assert waits[-1] == 60.0
    assert tries.check(keys, SECRET, SECRET)


def test_twenty_four_seconds_are_ten_guesses_at_most(tries: SignInAttempts, ticks: Ticks) -> None:
    keys, compared = keys_of("203.0.113.7", None), 0
    for _ in range(240):
        if not tries.wait(keys):
            compared += 1
            tries.check(keys, WRONG, SECRET)
        ticks.now += 0.1
    assert compared <= 10


def test_a_right_password_forgives_no_guesses(tries: SignInAttempts) -> None:
    keys = keys_of("203.0.113.7", None)
    for _ in range(4):
        tries.check(keys, WRONG, SECRET)
    assert tries.check(keys, SECRET, SECRET)
    tries.check(keys, WRONG, SECRET)
    assert tries.wait(keys) == 1.0


def test_failures_fade(tries: SignInAttempts, ticks: Ticks) -> None:
    keys = keys_of("203.0.113.7", None)
    for _ in range(4):
        tries.check(keys, WRONG, SECRET)
    ticks.now += 3600
    for _ in range(4):
        tries.check(keys, WRONG, SECRET)
    assert tries.wait(keys) == 0


def test_an_ipv6_visitor_cannot_change_their_address(tries: SignInAttempts) -> None:
    for number in range(20):
        tries.check(keys_of(f"2001:db8:1:2::{number:x}", None), WRONG, SECRET)
    assert tries.wait(keys_of("2001:db8:1:2:ffff::1", None)) > 0
    assert tries.wait(keys_of("2001:db8:1:3::1", None)) == 0
    for number in range(40):
        tries.check(keys_of(f"2001:db8:1:{number:x}::1", None), WRONG, SECRET)
    assert tries.wait(keys_of("2001:db8:1:ffff::1", None)) > 0
    assert tries.wait(keys_of("2001:db8:2::1", None)) == 0


def test_one_address_has_one_name() -> None:
    assert keys_of("::ffff:203.0.113.7", None) == keys_of("203.0.113.7", None)
    assert keys_of("fe80::1%eth0", None) == keys_of("fe80::1", None)
    assert keys_of(None, None) == keys_of("", None) == keys_of("unix", None)


def test_guesses_from_everywhere_press_each_address(tries: SignInAttempts) -> None:
    calm = keys_of("203.0.113.7", None)
    assert tries.answer_after(calm) < 1
    for keys in _addresses(60):
        tries.check(keys, WRONG, SECRET)
    assert tries.answer_after(calm) >= 2
    tries.check(calm, WRONG, SECRET)
    assert tries.wait(calm) == 1.0, "one free failure instead of five"


def test_a_calm_address_signs_in_also_under_pressure(tries: SignInAttempts, ticks: Ticks) -> None:
    for keys in _addresses(3000):
        tries.check(keys, WRONG, SECRET)
    calm = keys_of("203.0.113.7", None)
    assert tries.wait(calm) == 0
    assert tries.check(calm, SECRET, SECRET)
    known = keys_of("198.0.0.1", "a1b2")
    assert tries.answer_after(known) < 1
    ticks.now += 7200
    assert tries.answer_after(calm) < 1, "the pressure is over"


def test_memory_is_bounded(tries: SignInAttempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_MAX_RECORDS", 100)
    for keys in _addresses(500):
        tries.check(keys, WRONG, SECRET)
    assert len(tries._records) == 100


@pytest.mark.parametrize("attempt", ["", "é" * 500, "\ud800", "x" * 100_000])
def test_any_text_may_be_tried(tries: SignInAttempts, attempt: str) -> None:
    assert not tries.check(keys_of("203.0.113.7", None), attempt, SECRET)
