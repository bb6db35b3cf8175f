"""Attribute mentions to brands: a platform's search is loose, so their words are matched again."""

from __future__ import annotations

from collections.abc import Iterable

from earful.matching import Matcher, Matchers, Words
from earful.settings.load import slug
from earful.types import Batch, Brand, Mention, Query
from outreach.own_accounts import is_own_account
from storage.collecting.attribution import Noise
from storage.database.engine import Database
from storage.entities import brands


class BrandAttribution:
    """Names the brands of a mention, and whether one of their own accounts wrote it.

    1. A mention that names its brands (an import with a brand column) is about those.
    2. A direct mention (a review, a form, a mail to us) is about the query's brand.
    3. In other mentions the words decide. The query's own terms stand for the query's brand. The
       names, aliases and handles of each other ``listened`` brand stand for that brand.
    4. A mention about no brand is Noise, with the reason.
    """

    def __init__(self, db: Database, query: Query, listened: Iterable[Brand] = ()) -> None:
        self._db = db
        self._query = query
        self._brands = brands.all_brands(db)
        self._matcher = Matcher(query.any_of, query.none_of)
        self._languages = {_primary(code) for code in query.languages}
        self._other_matchers = Matchers(
            {
                brand.id: Matcher(brand.all_names, brand.exclude)
                for brand in listened
                if brand.id != query.brand_id
            }
        )

    def add_named_brands(self, batch: Batch) -> None:
        """Store the brands that a batch names and that are not stored yet."""
        names = {name for mention in batch.mentions for name in mention.brands or ()}
        new = [
            Brand(id=slug(name), name=name)
            for name in sorted(names)
            if slug(name) not in self._brands
        ]
        if new:
            brands.add_missing(self._db, {brand.id: brand for brand in new}.values())
            self._brands = brands.all_brands(self._db)

    def __call__(self, mention: Mention) -> Iterable[tuple[str, bool]] | Noise:
        """Return each brand's id, with True when its own account is the author, or Noise."""
        brand_ids: Iterable[str] | Noise
        if mention.brands is not None:
            brand_ids = {slug(name) for name in mention.brands}
        elif mention.direct:
            brand_ids = (self._query.brand_id,)
        else:
            brand_ids = self._match(mention)
        if isinstance(brand_ids, Noise):
            return brand_ids
        source, handle = mention.source, mention.author.handle
        return [
            (brand_id, is_own_account(self._brands[brand_id], source, handle))
            for brand_id in brand_ids
        ]

    def _match(self, mention: Mention) -> list[str] | Noise:
        """Match the words against the brands.

        A language outside the query's counts for no brand: else competitors would be counted in
        it and our brand would not.
        """
        # docs/decisions/collecting.md, "A language outside the query's list is noise for
        # competitors too"
        lang = mention.lang
        if self._languages and lang and _primary(lang) not in self._languages:
            return Noise(f"language {lang!r} is not among {', '.join(self._query.languages)}")
        words = Words(f"{mention.text}\n{mention.context}")
        mismatch = self._matcher.why_not(words)
        other_brands = self._other_matchers.matching(words)
        if not mismatch:
            return [self._query.brand_id, *other_brands]
        return other_brands or Noise(mismatch)


def _primary(code: str) -> str:
    """Return "pt" for "pt-BR"; source: RFC 5646, section 2.1."""
    return code.replace("_", "-").partition("-")[0].lower()
