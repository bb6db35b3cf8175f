"""Recognise the accounts of a brand itself: its own posts are never complaints."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from earful.types import Brand


def is_own_account(brand: Brand, source: str, handle: str) -> bool:
    """True when ``handle`` on ``source`` is the brand itself.

    That is: one of its own accounts ("acme", "@acme", "x:acme", "acme@social.example"), or exactly
    its name, an alias or a handle, as it is or without spaces and signs. "acme" does not cover
    "acme@other.example": on a federated network anybody can take the name on another server.
    """
    account = _plain(handle)
    return bool(account) and not {account, f"{_plain(source)}:{account}"}.isdisjoint(_own(brand))


@lru_cache(maxsize=1024)  # a batch of mentions asks the same few brands thousands of times
def _own(brand: Brand) -> frozenset[str]:
    """Return the names of the brand's own accounts, "acme" or "x:acme"."""
    placed = [account.partition(":") for account in brand.own_accounts]
    return frozenset(
        {f"{_plain(place)}:{_plain(handle)}" for place, colon, handle in placed if colon}
        | {_plain(name) for name in (*brand.own_accounts, *brand.all_names)}
        | {_squeezed(name) for name in brand.all_names}
    ) - {""}


def _plain(handle: str) -> str:
    return unicodedata.normalize("NFC", handle).strip().lstrip("@").casefold()


def _squeezed(name: str) -> str:
    return "".join(char for char in _plain(name) if char.isalnum())
