"""feedparser with bounds for the three steps that take hours on a hostile feed.

Their time grows with the square of an entry's size (6.0.14). It looks for an address in an author's
name with an unbounded pattern (16 kB: minutes, and no other thread runs meanwhile). It compares
each category with all before it, and it looks up attributes one by one in a list. Each bound is far
above the sizes that a mention keeps.
"""

from __future__ import annotations

from itertools import islice
from typing import Any
from xml.sax.xmlreader import AttributesNSImpl

from feedparser import api, mixin

_LONGEST_NAME = 400
_MAX_ATTRIBUTES = 100  # of one element
_MAX_TAGS = 100  # of one entry


class _Bounded(mixin._FeedParserMixin):  # type: ignore[misc]
    """Bound names and tags; a base that stands before feedparser's own parsers."""

    def _sync_author_detail(self, key: str = "author") -> None:
        context = self._get_context()
        if isinstance(context.get(key), str):
            context[key] = context[key][:_LONGEST_NAME]
        super()._sync_author_detail(key)

    def _add_tag(self, term: object, scheme: object, label: object) -> None:
        if len(self._get_context().get("tags", ())) < _MAX_TAGS:
            super()._add_tag(term, scheme, label)


class _Strict(_Bounded, api.StrictFeedParser):  # type: ignore[misc]
    def startElementNS(self, name: object, qname: object, attrs: Any) -> None:
        if len(attrs) > _MAX_ATTRIBUTES:
            bounded = dict(islice(attrs.items(), _MAX_ATTRIBUTES))
            attrs = AttributesNSImpl(
                bounded, {attribute: attrs.getQNameByName(attribute) for attribute in bounded}
            )
        super().startElementNS(name, qname, attrs)


class _Loose(_Bounded, api.LooseFeedParser):  # type: ignore[misc]
    pass


def bind() -> None:
    """Make feedparser.parse use the bounded parsers; a second call changes nothing."""
    api.StrictFeedParser, api.LooseFeedParser = _Strict, _Loose
