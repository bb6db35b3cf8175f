"""Write a Query as search strings of X: pure, so that tests need no X.

Rules of the search language: X API documentation, "Build a query" and "Operators"
(https://docs.x.com/x-api/posts/search/integrate/build-a-query). A phrase in double quotes matches
word for word. `@name` and `#tag` match recognised handles and hashtags. A space means AND and binds
more tightly than OR. Negated groups are not allowed, so every exclusion is negated by itself. A
query of self-serve access has at most 512 characters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from unicodedata import category

from earful.contracts import Permanent
from earful.spellings import search_spellings
from earful.types import Query

_OPERATOR = re.compile(r"@[A-Za-z0-9_]{1,15}|#(?=\w*[^\W\d_])\w{1,100}")
# straight, typographic and full-width quotes end a phrase, a backslash might escape its end
_PHRASE_ENDERS = re.compile('["“”„‟«»＂\\\\\x00-\x1f\x7f]+')
_NO_REPOSTS = "-is:retweet"
# X's codes that differ from ISO 639-1 (table in "Operators")
_LANGUAGES = {"he": ("iw",), "id": ("in",), "zh": ("zh-CN", "zh-TW")}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2,4})?", re.IGNORECASE)
_LABEL_LENGTH = 120  # characters of a search that stand in the coverage ledger


def searches(query: Query, max_length: int) -> tuple[str, ...]:
    """Return searches of at most ``max_length`` characters that together cover the query.

    Terms that do not fit into one search are spread over several. Raises Permanent when there is
    no term to search for, when a language is no code, or when the exclusions leave no room.
    """
    terms = _terms([spelling for term in query.any_of for spelling in search_spellings(term)])
    if not terms:
        raise Permanent(f"{query.id}: any_of is empty", hint="Name at least one term.")
    filters = _filters(query)
    full: list[str] = []
    group: list[str] = []
    for term in terms:
        if group and len(_search([*group, term], filters)) > max_length:
            full.append(_search(group, filters))
            group = []
        group.append(term)
        if (length := len(_search(group, filters))) > max_length:
            raise Permanent(
                f"{query.id}: the search for {term} with everything in none_of and languages has "
                f"{length:,} characters, X allows {max_length:,}",
                hint="Shorten none_of, or raise the option max_query if your access allows more.",
            )
    return (*full, _search(group, filters))


def label(search: str) -> str:
    """Return a search's name in the coverage ledger: itself, or its beginning and a hash."""
    if len(search) <= _LABEL_LENGTH:
        return search
    return f"{search[: _LABEL_LENGTH - 10]}… {hashlib.sha256(search.encode()).hexdigest()[:8]}"


def _search(group: Sequence[str], filters: str) -> str:
    return f"({' OR '.join(group)}) {filters}" if len(group) > 1 else f"{group[0]} {filters}"


def _filters(query: Query) -> str:
    excluded = [f"-{term}" for term in _terms(query.none_of)]
    return " ".join([*excluded, *_languages(query), _NO_REPOSTS])


def _languages(query: Query) -> list[str]:
    codes: dict[str, None] = {}
    for code in query.languages:
        if not _LANGUAGE.fullmatch(code):
            raise Permanent(
                f"{query.id} languages: {code!r} is no language code", hint="Write it as en."
            )
        short = code.partition("-")[0].lower()
        codes |= dict.fromkeys(_LANGUAGES.get(short, (short,)))
    filters = [f"lang:{code}" for code in codes]
    return [f"({' OR '.join(filters)})" if len(filters) > 1 else filters[0]] if filters else []


def _terms(terms: Sequence[str]) -> list[str]:
    """Return every term once: a handle, a hashtag, or a phrase without operators."""
    operands: dict[str, str] = {}
    for term in terms:
        bare = " ".join(_PHRASE_ENDERS.sub(" ", term).split())
        if _OPERATOR.fullmatch(bare):
            operands.setdefault(bare.casefold(), bare)
        elif any(char.isalnum() or category(char).startswith("S") for char in bare):
            operands.setdefault(bare.casefold(), f'"{bare}"')
    return list(operands.values())
