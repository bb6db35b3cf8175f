"""Compute prints of texts, by which copies are recognised, exact or with small changes.

Exact copies share a hash of the text without links, handles, signs, case and accents. Near copies
share a MinHash band (Broder, "On the resemblance and containment of documents", 1997) and are then
compared in full. The bands are made of runs of five characters: these need no word boundaries, so
they work for every script.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

from rensa import RMinHash

from earful.folding import fold, unspaced

# Of all runs of the two texts, both must have so many. docs/decisions/unhappy.md, "Near duplicates
# are compared by runs of five characters".
SIMILAR_FROM = 0.8
# "worst service ever", said by two people, is two complaints
MIN_WORDS = 8
# In scripts written without spaces, where words cannot be counted.
CHARACTERS_A_WORD = 5
# 10 bands of 5 rows find 98 % of pairs at 0.8, all but one in a thousand at 0.85
_BANDS, _ROWS, _SEED = 10, 5, 7
_RUN = 5
# Copies of an article begin alike, and a longer print would only cost time.
_MAX_CHARACTERS = 3000
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_HANDLE = re.compile(r"(?<!\w)@[\w.@-]+")
_REPOST = re.compile(r"^\s*(?:rt|via)\b[\s:]*")
_SIGNS = re.compile(r"[\s!-/:-@\[-`{-~\u2010-\u205e\u3000-\u3003\u3008-\u3011\uff01-\uff0f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """The print of a text: ``exact`` and ``bands`` are signed 64-bit hashes.

    ``runs`` serve the comparison in full. A text too short to be a copy has ``exact`` None and
    no runs and bands.
    """

    runs: frozenset[str]
    exact: int | None
    bands: tuple[int, ...]


def print_of(text: str) -> Print:
    """Return the print of a text."""
    plain = plain_of(text)
    if not _long_enough(plain):
        return Print(runs=frozenset(), exact=None, bands=())
    runs = _runs(plain)
    exact = hash64(b"text", plain.encode("utf-8", "replace"))
    return Print(runs=runs, exact=exact, bands=_bands(runs))


def runs_of(text: str) -> frozenset[str]:
    """Return the runs of five characters in a text."""
    return _runs(plain_of(text))


def plain_of(text: str) -> str:
    """Return ``text`` without links, handles, signs, case and accents."""
    folded = _HANDLE.sub(" ", _LINK.sub(" ", fold(text)))
    return _SIGNS.sub(" ", _REPOST.sub("", folded)).strip()[:_MAX_CHARACTERS]


def hash64(kind: bytes, data: bytes) -> int:
    """Return a signed 64-bit hash that is the same in every process and version."""
    return int.from_bytes(blake2b(data, digest_size=8, person=kind).digest(), "big", signed=True)


def resemblance(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share of all runs that both texts have, 0 to 1 (the Jaccard index)."""
    shared = len(first & second)
    total = len(first) + len(second) - shared
    return shared / total if total else 0.0


def _long_enough(plain: str) -> bool:
    return max(len(plain.split()), unspaced(plain) / CHARACTERS_A_WORD) >= MIN_WORDS


def _runs(plain: str) -> frozenset[str]:
    return frozenset(plain[at : at + _RUN] for at in range(max(0, len(plain) - _RUN + 1)))


def _bands(runs: frozenset[str]) -> tuple[int, ...]:
    signature = RMinHash(num_perm=_BANDS * _ROWS, seed=_SEED)
    signature.update(list(runs))
    rows = signature.digest()
    hashes = []
    for band in range(_BANDS):
        band_rows = rows[band * _ROWS : (band + 1) * _ROWS]
        hashes.append(hash64(b"band", repr((band, band_rows)).encode()))
    return tuple(hashes)
