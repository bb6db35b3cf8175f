"""Slow down guessing of the password, without a wait that keeps the owner out.

1. Failures are counted for each address; an IPv6 visitor owns a whole /64, so that is counted.
   The /48 around it is counted too, with more room.
2. Five failures are free. Each further one doubles the wait, up to a minute.
3. A browser that has signed in before has a count of its own. Guesses from the same office or
   behind the same proxy therefore cannot lock out its owner.
4. Many failures from everywhere put all addresses under pressure: one free failure, longer waits
   and a slower answer. An address without failures still signs in at once.
5. Failures fade with time; a right password forgives none, or guesses could hide between visits.

Source: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address

from earful.web.visitors import network_of, parse_address

# Five attempts cover typing errors; a /48 may hold a whole company.
_FREE_FAILURES, _FREE_IN_NETWORK = 5, 20
_MAX_FAILURES = 40.0  # counted; more would take too long to fade
_FADES_AFTER = 300.0  # seconds until one failure is forgotten
_MAX_WAIT, _MAX_WAIT_UNDER_PRESSURE = 60.0, 600.0  # seconds
_ANSWER_AFTER, _ANSWER_UNDER_PRESSURE = 0.3, 2.0  # seconds
_PRESSURE_AT = 40  # failures of all addresses together
_PRESSURE_FADES_AFTER = 15.0  # seconds until one of these is forgotten
_MAX_RECORDS = 20_000  # addresses; bounds the memory that strangers can fill


@dataclass(frozen=True, slots=True)
class CountedKey:
    """One name that failures are counted under, and how many are free."""

    name: str
    free: int = _FREE_FAILURES
    is_known_browser: bool = False


@dataclass(slots=True)
class _Record:
    failures: float
    at: float
    until: float


def keys_of(address: str | None, browser_id: str | None) -> tuple[CountedKey, ...]:
    """Return the names under which a visitor's failures are counted.

    ``browser_id`` is that of a browser that has signed in before; it replaces the address.
    """
    if browser_id is not None:
        return (CountedKey(f"browser {browser_id}", is_known_browser=True),)
    parsed = parse_address(address or "")
    if parsed is None:
        return (CountedKey("unknown address"),)
    if isinstance(parsed, IPv6Address):
        network = CountedKey(network_of(parsed, 48), free=_FREE_IN_NETWORK)
        return CountedKey(network_of(parsed, 64)), network
    return (CountedKey(str(parsed)),)


class SignInAttempts:
    """The failed sign-ins of this server. Used from one thread, the server's event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._all = _Record(failures=0.0, at=clock(), until=0.0)

    def wait(self, keys: tuple[CountedKey, ...]) -> float:
        """Return the seconds until the visitor's next attempt is read; 0 when it may come now."""
        now = self._clock()
        records = [self._records.get(key.name) for key in keys]
        return max([0.0, *(record.until - now for record in records if record)])

    def answer_after(self, keys: tuple[CountedKey, ...]) -> float:
        """Return the seconds that every answer takes, right or wrong."""
        return _ANSWER_UNDER_PRESSURE if self._presses(keys) else _ANSWER_AFTER

    def check(self, keys: tuple[CountedKey, ...], attempt: str, password: str) -> bool:
        """Compare in constant time; an attempt during the wait is refused unread.

        Wait, comparison and count happen without a pause, so parallel attempts count one by one.
        """
        if self.wait(keys):
            return False
        # Digests have one length: the duration tells neither length nor characters
        # (https://docs.python.org/3/library/hmac.html#hmac.compare_digest).
        if hmac.compare_digest(_digest(attempt), _digest(password)):
            return True
        is_pressed = self._presses(keys)
        for key in keys:
            self._count_failure(key, is_pressed=is_pressed)
        if not any(key.is_known_browser for key in keys):
            self._all = self._faded(self._all, _PRESSURE_FADES_AFTER, limit=10.0 * _PRESSURE_AT)
        return False

    def _presses(self, keys: tuple[CountedKey, ...]) -> bool:
        if any(key.is_known_browser for key in keys):
            return False
        age = self._clock() - self._all.at
        return self._all.failures - age / _PRESSURE_FADES_AFTER >= _PRESSURE_AT

    def _count_failure(self, key: CountedKey, *, is_pressed: bool) -> None:
        now = self._clock()
        record = self._records.pop(key.name, _Record(failures=0.0, at=now, until=0.0))
        record = self._faded(record, _FADES_AFTER, limit=_MAX_FAILURES)
        extra = record.failures - (1 if is_pressed else key.free)
        if extra >= 0:
            longest = _MAX_WAIT_UNDER_PRESSURE if is_pressed else _MAX_WAIT
            record.until = now + min(2.0**extra, longest)
        self._records[key.name] = record
        while len(self._records) > _MAX_RECORDS:
            self._records.popitem(last=False)

    def _faded(self, record: _Record, fades_after: float, *, limit: float) -> _Record:
        """Return the record with its older failures faded, and one more."""
        now = self._clock()
        failures = max(0.0, record.failures - (now - record.at) / fades_after)
        return _Record(failures=min(failures + 1, limit), at=now, until=record.until)


def _digest(text: str) -> bytes:
    # a form may hold lone surrogates, which plain UTF-8 refuses
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
