"""Find names in text, as words of their own, at a cost that does not grow with their number."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable

_RUN = re.compile(r"\w+")


class NameFinder:
    """Finds which of ``names`` stand in a text as words of their own: "al" is not in "also".

    Capitals do not matter. Names are also found as JSON spells them (``\\u00e9``).

    A person may have thousands of posts, so their ids are looked up by their first run of letters
    and digits; one pattern of all ids would be tried at every character.
    """

    def __init__(self, names: Iterable[str]) -> None:
        spellings = {name for name in names if name}
        spellings |= {json.dumps(name)[1:-1] for name in spellings}
        self._by_run: dict[str, list[tuple[int, str, re.Pattern[str]]]] = defaultdict(list)
        for name in sorted(spellings):
            run = _RUN.search(name)
            if run is not None:
                pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
                self._by_run[run.group().lower()].append((run.start(), name, pattern))

    def find(self, text: str) -> set[str]:
        """Return the names in ``text``, in the spelling that was found."""
        if not self._by_run:
            return set()
        names = set()
        for run in _RUN.finditer(text):
            for offset, name, pattern in self._by_run.get(run.group().lower(), ()):
                start = run.start() - offset
                if start >= 0 and pattern.match(text, start):
                    names.add(name)
        return names
