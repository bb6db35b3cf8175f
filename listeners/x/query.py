"""A Query as search strings of X: pure, so that it can be tested without asking X.

Rules of the search language: X API documentation, "Build a query" and "Operators"
(https://docs.x.com/x-api/posts/search/integrate/build-a-query). A phrase in double quotes is
matched word for word; `@name` and `#tag` match recognised handles and hashtags; a space means AND
and binds more tightly than OR; negated groups are not allowed, so every exclusion is negated by
itself; a query of self-serve access has at most 512 characters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from unicodedata import category

from earful.contracts import Permanent
from earful.types import Query

_OPERATOR = re.compile(r"@[A-Za-z0-9_]{1,15}|#(?=\w*[^\W\d_])\w{1,100}")
# straight, typographic and full-width quotes end a phrase, a backslash might escape its end
_BREAKS_OUT = re.compile('["“”„‟«»＂\\\\\x00-\x1f\x7f]+')
_NO_REPOSTS = "-is:retweet"
# what X calls a language where it is not ISO 639-1 (table in "Operators")
_LANGUAGES = {"he": ("iw",), "id": ("in",), "zh": ("zh-CN", "zh-TW")}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2,4})?", re.IGNORECASE)
_LABEL = 120  # characters of a search that stand in the coverage ledger


def searches(query: Query, most: int) -> tuple[str, ...]:
    """The searches, of at most ``most`` characters each, that together find what ``query`` wants.

    Terms that do not fit into one search are spread over several. Raises Permanent when there is
    no term to search for, when a language is no code, or when the exclusions leave no room.
    """
    terms = _terms(query.any_of)
    if not terms:
        raise Permanent(f"{query.id}: any_of is empty; name at least one term to search for")
    rest = _rest(query)
    found: list[str] = []
    group: list[str] = []
    for term in terms:
        if group and len(_search([*group, term], rest)) > most:
            found.append(_search(group, rest))
            group = []
        group.append(term)
        if len(_search(group, rest)) > most:
            raise Permanent(
                f"{query.id}: the search for {term} with everything in none_of and languages has "
                f"{len(_search(group, rest)):,} characters, X allows {most:,}; shorten none_of, or "
                "raise the option max_query if your access allows more"
            )
    return (*found, _search(group, rest))


def label(search: str) -> str:
    """How the coverage ledger calls a search: itself, or its beginning and a fingerprint."""
    if len(search) <= _LABEL:
        return search
    return f"{search[: _LABEL - 10]}… {hashlib.sha256(search.encode()).hexdigest()[:8]}"


def _search(group: Sequence[str], rest: str) -> str:
    return f"({' OR '.join(group)}) {rest}" if len(group) > 1 else f"{group[0]} {rest}"


def _rest(query: Query) -> str:
    excluded = [f"-{term}" for term in _terms(query.none_of)]
    return " ".join([*excluded, *_languages(query), _NO_REPOSTS])


def _languages(query: Query) -> list[str]:
    codes: dict[str, None] = {}
    for one in query.languages:
        if not _LANGUAGE.fullmatch(one):
            raise Permanent(f"{query.id} languages: {one!r} is no language code; write it as en")
        short = one.partition("-")[0].lower()
        codes |= dict.fromkeys(_LANGUAGES.get(short, (short,)))
    wanted = [f"lang:{code}" for code in codes]
    return [f"({' OR '.join(wanted)})" if len(wanted) > 1 else wanted[0]] if wanted else []


def _terms(terms: Sequence[str]) -> list[str]:
    """Every term once, as a handle, a hashtag, or a phrase in which nothing is an operator."""
    found: dict[str, str] = {}
    for one in terms:
        bare = " ".join(_BREAKS_OUT.sub(" ", one).split())
        if _OPERATOR.fullmatch(bare):
            found.setdefault(bare.casefold(), bare)
        elif any(char.isalnum() or category(char).startswith("S") for char in bare):
            found.setdefault(bare.casefold(), f'"{bare}"')
    return list(found.values())
