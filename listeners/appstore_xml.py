"""Apple's feed of customer reviews as XML, in the shape of its JSON.

https://itunes.apple.com/COUNTRY/rss/customerreviews/page=N/id=APP/sortby=mostrecent/xml: an Atom
feed (RFC 4287) whose entries also have elements of http://itunes.apple.com/rss. Its entries have
their times also while the JSON has none.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

_ATOM = "{http://www.w3.org/2005/Atom}"
_ITUNES = "{http://itunes.apple.com/rss}"
_FIELDS = {
    **{f"{_ATOM}{name}": name for name in ("id", "updated", "title")},
    **{f"{_ITUNES}{name}": f"im:{name}" for name in ("rating", "voteSum", "voteCount", "version")},
    f"{_ITUNES}name": "im:name",
}


def parse_xml(body: bytes) -> dict[str, Any]:
    """Return the feed as Apple's JSON has it: every value as {"label": value}.

    Raises ValueError for a body that is no such feed.
    """
    # Apple's feed has no DOCTYPE; with one, entities could multiply a text
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("it declares a document type")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - without declarations nothing expands
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError("it is no XML") from error
    if root.tag != f"{_ATOM}feed":
        raise ValueError("it is no Atom feed")
    links = [{"attributes": dict(link.attrib)} for link in root.iterfind(f"{_ATOM}link")]
    return {"feed": {"link": links, "entry": [_entry(e) for e in root.iterfind(f"{_ATOM}entry")]}}


def _entry(element: ElementTree.Element) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for child in element:
        if name := _FIELDS.get(child.tag):
            entry.setdefault(name, _label(child.text))
    contents = element.findall(f"{_ATOM}content")
    # the HTML form shows the stars and the app's picture around the same words
    plain = [content for content in contents if content.get("type", "text") == "text"]
    if contents:
        entry["content"] = _label((plain or contents)[0].text)
    author = element.find(f"{_ATOM}author")
    if author is not None:
        entry["author"] = {
            name: _label(author.findtext(f"{_ATOM}{name}")) for name in ("name", "uri")
        }
    return entry


def _label(text: str | None) -> dict[str, str]:
    return {"label": text or ""}
