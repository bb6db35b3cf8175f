"""The names of all brands, as a text about one of them is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def rival_names(names: Sequence[str], names_of_brands: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return all names of ``names_of_brands`` that are not among a brand's ``names``, each once.

    Case does not count: an alias may belong to a brand and to its competitor.
    """
    folded = {name.casefold() for name in names}
    rivals = (name for of_brand in names_of_brands for name in of_brand)
    return tuple(dict.fromkeys(name for name in rivals if name.casefold() not in folded))
