"""A query's terms as platforms take them: for a search that knows no OR, and as hashtags."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from earful.matching import Matcher, fold


def search_terms(any_of: tuple[str, ...]) -> list[str]:
    """What to search for: handles without their sign, no term twice, and none that a shorter one
    finds anyway ("Acme Plus" beside "Acme").

    Beyond ASCII a term is asked for as it is written: a search may know nothing of our folding.
    """
    written: dict[str, str] = {}
    for one in any_of:
        term = " ".join(one.replace('"', " ").split()).lstrip("@#").strip()
        if folded := fold(term):
            written.setdefault(folded, folded if term.isascii() else term)
    return [
        term
        for folded, term in written.items()
        if not any(
            other != folded and asked.isascii() and Matcher([other]).matches(folded)
            for other, asked in written.items()
        )
    ]


def hashtags(any_of: Sequence[str]) -> list[str]:
    """The terms as hashtags: "Kestrova Air" is #kestrovaair. A handle is none, nor is a number.

    Vowel signs stay, and capitals become small letters and nothing else: to a server #straße and
    #strasse are two tags (Mastodon, app/lib/hashtag_normalizer.rb).
    """
    found = [
        "".join(filter(_in_tag, unicodedata.normalize("NFC", one))).lower()
        for one in any_of
        if not one.startswith("@")
    ]
    return list(dict.fromkeys(one for one in found if one and not one.isdecimal()))


def _in_tag(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")
