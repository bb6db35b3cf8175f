"""A query's terms as platforms take them: for a search that knows no OR, and as hashtags."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from earful.folding import fold
from earful.matching import holds_words
from earful.spellings import search_spellings


def search_terms(any_of: tuple[str, ...]) -> list[str]:
    """Return the terms to search for, in each spelling once and without the sign of a handle.

    A term that a shorter one finds anyway is left out ("Acme Plus" beside "Acme"). Terms beyond
    ASCII stay as they are written, because a platform's search may fold letters differently.
    """
    terms: dict[str, str] = {}  # folded form -> the form that is searched for
    for written_term in (spelling for term in any_of for spelling in search_spellings(term)):
        term = " ".join(written_term.replace('"', " ").split()).lstrip("@#").strip()
        if folded := fold(term):
            terms.setdefault(folded, folded if term.isascii() else term)
    return [
        term
        for folded, term in terms.items()
        if not any(
            shorter != folded and sent.isascii() and holds_words(folded, shorter)
            for shorter, sent in terms.items()
        )
    ]


def hashtags(any_of: Sequence[str]) -> list[str]:
    """Return the terms as hashtags: "Kestrova Air" is #kestrovaair.

    Handles and numbers are left out.
    Vowel signs stay, and capitals become small letters and nothing else: to a server #straße and
    #strasse are two tags (Mastodon, app/lib/hashtag_normalizer.rb).
    """
    tags = [
        "".join(filter(_is_tag_character, unicodedata.normalize("NFC", term))).lower()
        for term in any_of
        if not term.startswith("@")
    ]
    return list(dict.fromkeys(tag for tag in tags if tag and not tag.isdecimal()))


def _is_tag_character(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")
