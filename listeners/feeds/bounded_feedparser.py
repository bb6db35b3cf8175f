"""feedparser without what takes it hours on a hostile feed.

Three of its steps (6.0.14) take time that grows with the square of what one entry holds: it looks
for an address in an author's name with a pattern that nothing ends (16 kB: minutes, and no other
thread runs meanwhile), compares each category with all before it, and looks up attributes one by
one in a list. Here each has a bound that is far above what we keep.
"""

from __future__ import annotations

from itertools import islice
from typing import Any
from xml.sax.xmlreader import AttributesNSImpl

from feedparser import api, mixin

_LONGEST_NAME = 400
_MOST_ATTRIBUTES = 100  # of one element
_MOST_TAGS = 100  # of one entry


class _Bounded(mixin._FeedParserMixin):  # type: ignore[misc]
    """To be put before feedparser's own parsers."""

    def _sync_author_detail(self, key: str = "author") -> None:
        context = self._get_context()
        if isinstance(context.get(key), str):
            context[key] = context[key][:_LONGEST_NAME]
        super()._sync_author_detail(key)

    def _add_tag(self, term: object, scheme: object, label: object) -> None:
        if len(self._get_context().get("tags", ())) < _MOST_TAGS:
            super()._add_tag(term, scheme, label)


class _Strict(_Bounded, api.StrictFeedParser):  # type: ignore[misc]
    def startElementNS(self, name: object, qname: object, attrs: Any) -> None:
        if len(attrs) > _MOST_ATTRIBUTES:
            kept = dict(islice(attrs.items(), _MOST_ATTRIBUTES))
            attrs = AttributesNSImpl(kept, {one: attrs.getQNameByName(one) for one in kept})
        super().startElementNS(name, qname, attrs)


class _Loose(_Bounded, api.LooseFeedParser):  # type: ignore[misc]
    pass


def bind() -> None:
    """Let feedparser.parse work with these; more than once changes nothing."""
    api.StrictFeedParser, api.LooseFeedParser = _Strict, _Loose
