"""feedparser with a budget, and with bounds for the steps that take hours on a hostile feed.

1. A budget for each feed: elements, characters and seconds of processor time, checked while the
   parser runs. Above it, ``CostlyFeed`` ends the reading.
2. Bounds for steps whose time grows with the square of a feed's size (6.0.14). feedparser looks for
   an address in an author's name with an unbounded pattern (16 kB: minutes, and no other thread
   runs meanwhile). It compares each category with all before it, and looks up attributes one by one
   in a list. For each element it walks through all namespaces (32,000: 68 s).
3. Its patterns for the head of a document, in a form that reads each byte once: line ends in front
   of a feed took 15 minutes.

Each bound is far above the sizes of real feeds.
"""

from __future__ import annotations

import re
import time
from itertools import islice
from typing import Any
from xml.sax.xmlreader import AttributesNSImpl

from feedparser import api, encodings, mixin, sanitizer

MAX_ELEMENTS = 250_000  # of a feed: 50 for each of 5,000 entries
MAX_CHARACTERS = 40_000_000  # of its text, entities included; a response has 10 MiB
MAX_SECONDS = 10.0  # of processor time
_LONGEST_NAME = 400
_MAX_ATTRIBUTES = 100  # of one element
_MAX_TAGS = 100  # of one entry
_MAX_NAMESPACES = 200
_CHECK_EVERY = 64  # events between two looks at the clock


class CostlyFeed(Exception):
    """Reading a feed costs more than its budget; the text says which."""


class _Bounded(mixin._FeedParserMixin):  # type: ignore[misc]
    """Count the cost of a feed; a base that stands before feedparser's own parsers."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self._elements = self._characters = self._events = 0
        self._started_at = time.thread_time()
        super().__init__(*args, **keywords)

    def unknown_starttag(self, tag: Any, attrs: Any) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise CostlyFeed(f"it has more than {MAX_ELEMENTS:,} elements")
        self._count_event()
        super().unknown_starttag(tag, attrs)

    def unknown_endtag(self, tag: Any) -> None:
        self._count_event()
        super().unknown_endtag(tag)

    def handle_data(self, text: Any, escape: int = 1) -> None:
        self._count_event(len(text))
        super().handle_data(text, escape)

    def handle_charref(self, ref: Any) -> None:
        self._count_event(1)
        super().handle_charref(ref)

    def handle_entityref(self, ref: Any) -> None:
        # feedparser puts the entity's value in without handle_data
        self._count_event(_LONGEST_ENTITY)
        super().handle_entityref(ref)

    def track_namespace(self, prefix: Any, uri: Any) -> None:
        if len(self.namespaces_in_use) < _MAX_NAMESPACES:
            super().track_namespace(prefix, uri)

    def _count_event(self, characters: int = 0) -> None:
        self._characters += characters
        self._events += 1
        if self._characters > MAX_CHARACTERS:
            raise CostlyFeed(f"its text has more than {MAX_CHARACTERS:,} characters")
        is_checked = self._events % _CHECK_EVERY == 0
        if is_checked and time.thread_time() - self._started_at > MAX_SECONDS:
            raise CostlyFeed(f"reading it takes over {MAX_SECONDS:g} s of processor time")

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


_FIRST_ELEMENT = re.compile(rb"<\w")
_MAX_HEAD = 64 * 1024  # bytes in front of it
_LONGEST_ENTITY = 40  # characters of its value; "(C)" and "&#169;" are real ones
# the modules' own names of the patterns, which their functions look up when they run
_PATTERNS = {
    (encodings, "RE_XML_PI_ENCODING"): re.compile(
        rb"^<\?[^>\n]{0,200}?encoding=['\"]([^'\"\n]{1,100})['\"][^>\n]{0,200}\?>"
    ),
    (sanitizer, "RE_ENTITY_PATTERN"): re.compile(
        rb"^[ \t]{0,200}<!ENTITY([^>]{0,2000}?)>", re.MULTILINE
    ),
    (sanitizer, "RE_DOCTYPE_PATTERN"): re.compile(
        rb"^[ \t]{0,200}<!DOCTYPE([^>]{0,2000}?)>", re.MULTILINE
    ),
    (sanitizer, "RE_SAFE_ENTITY_PATTERN"): re.compile(
        rb'\s{1,20}(\w{1,64})\s{1,20}"(&#\w{1,10};|[^&"]{0,%d})"' % _LONGEST_ENTITY
    ),
}


def _replace_doctype(data: bytes) -> Any:
    """Replace the DOCTYPE as feedparser does, unless the head is too large to search."""
    first_element = _FIRST_ELEMENT.search(data)
    if first_element and first_element.start() > _MAX_HEAD:
        raise CostlyFeed(f"its first element is behind more than {_MAX_HEAD:,} bytes")
    return sanitizer.replace_doctype(data)


def bind() -> None:
    """Make feedparser.parse use the bounded parsers; a second call changes nothing."""
    api.StrictFeedParser, api.LooseFeedParser = _Strict, _Loose
    api.replace_doctype = _replace_doctype
    for (module, name), pattern in _PATTERNS.items():
        setattr(module, name, pattern)
