"""Which brands a mention is about: a platform's search is loose, so its words are read again."""

from __future__ import annotations

from collections.abc import Iterable

from earful.matching import Matcher, Matchers, Words
from earful.settings.load import slug
from earful.types import Batch, Brand, Mention, Query
from outreach.rules import own_account
from storage.collecting.attribution import Noise
from storage.database.engine import Database
from storage.entities import brands


class Aboutness:
    """Says which brands a mention is about, and whether one of their own accounts wrote it.

    Where the source itself says so (an import with a brand column, a review, a mail to us), it is
    believed. Else the words decide: the query's own terms for the query's brand, each other
    ``listened`` brand's names, aliases and handles for that brand. A mention that is about none
    is Noise, with the reason.
    """

    def __init__(self, db: Database, query: Query, listened: Iterable[Brand] = ()) -> None:
        self._db = db
        self._query = query
        self._known = brands.all_brands(db)
        self._matcher = Matcher(query.any_of, query.none_of)
        self._languages = {_primary(code) for code in query.languages}
        self._others = Matchers(
            {
                brand.id: Matcher((brand.name, *brand.aliases, *brand.handles), brand.exclude)
                for brand in listened
                if brand.id != query.brand_id
            }
        )

    def learn(self, batch: Batch) -> None:
        """Store the brands that a batch names and we do not know."""
        names = {name for mention in batch.mentions for name in mention.brands or ()}
        new = [
            Brand(id=slug(name), name=name)
            for name in sorted(names)
            if slug(name) not in self._known
        ]
        if new:
            brands.add_missing(self._db, {brand.id: brand for brand in new}.values())
            self._known = brands.all_brands(self._db)

    def __call__(self, mention: Mention) -> Iterable[tuple[str, bool]] | Noise:
        """Each brand's id with True when the author is that brand's own account, or Noise."""
        ids: Iterable[str] | Noise
        if mention.brands is not None:
            ids = {slug(name) for name in mention.brands}
        elif mention.direct:
            ids = (self._query.brand_id,)
        else:
            ids = self._named(mention)
        if isinstance(ids, Noise):
            return ids
        source, handle = mention.source, mention.author.handle
        return [(one, own_account(self._known[one], source, handle)) for one in ids]

    def _named(self, mention: Mention) -> list[str] | Noise:
        """The brands that the words name. A language that nobody asked for is heard for none: it
        would count for competitors and not for us."""
        lang = mention.lang
        if self._languages and lang and _primary(lang) not in self._languages:
            return Noise(f"language {lang!r} is not among {', '.join(self._query.languages)}")
        words = Words(f"{mention.text}\n{mention.context}")
        why_not = self._matcher.why_not(words)
        named = self._others.matching(words)
        if not why_not:
            return [self._query.brand_id, *named]
        return named or Noise(why_not)


def _primary(code: str) -> str:
    """ "pt" of "pt-BR"; source: RFC 5646, section 2.1."""
    return code.replace("_", "-").partition("-")[0].lower()
