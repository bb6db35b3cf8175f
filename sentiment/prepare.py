"""Prepare a stranger's text for the model.

The same function runs in training and in production. Any change to its results must raise
``PREPARATION_VERSION``, which is part of every ``model_id``, so that a stored prediction can be
replayed exactly.
"""

from __future__ import annotations

import html
import re
import unicodedata

from sentiment.symbols import spell

PREPARATION_VERSION = 2

# Longer texts are cut here, before any other work, so that the cost is bounded.
MAX_CHARACTERS = 10_000

LINK = "http"
HANDLE = "@user"

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@])@\w{1,64}(?:@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4})?")
_SPACE = re.compile(r"\s+")
_ELONGATION = re.compile(r"([^\d\s])\1{3,}")
_EMOTICON = re.compile(
    r"(?<!\w)[:;=]['’]?-?[)(\]\[/\\|DPpOo3*]|[)(]-?[:;=](?!\w)|<3|\^_*\^|[-T]_+[-T]|(?<!\w)[xX]D"
)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_DROPPED = frozenset("\u200b\u200e\u200f\u2060\ufe0e\ufe0f\ufeff\u00ad") | {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def prepare(text: str) -> str:
    """Return ``text`` as the model reads it. Any ``str`` is accepted and raises no error.

    Entities are decoded. Links become ``http``, handles ``@user``, control characters a space.
    Lone surrogates, direction marks, zero-width marks and skin tones are removed. Stars become a
    number and unknown emoji known ones (``sentiment.symbols``). Runs of one character are cut to
    three, and white space becomes one space. At most 10,000 characters are read.
    """
    text = html.unescape(html.unescape(text[:MAX_CHARACTERS]))[:MAX_CHARACTERS]
    text = spell("".join(map(_clean, text))) if not text.isascii() else text
    text = "".join(c if c >= " " and c != "\x7f" else " " for c in text)
    text = _LINK.sub(LINK, text)
    text = _HANDLE.sub(HANDLE, text)
    text = _ELONGATION.sub(r"\1\1\1", text)
    return _SPACE.sub(" ", text).strip()


def has_content(prepared: str) -> bool:
    """Return whether a text holds more than links, handles, digits and punctuation.

    ``prepared`` is a result of ``prepare``. Letters, emoji and emoticons are content.
    """
    words = (word for word in prepared.split(" ") if word not in (LINK, HANDLE))
    content = " ".join(words).replace(HANDLE, " ")
    if any(unicodedata.category(c) in _CONTENT_CATEGORIES for c in content):
        return True
    return _EMOTICON.search(content) is not None


_CONTENT_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "So"})


def _clean(c: str) -> str:
    """Return one character above ASCII as the model reads it: itself, a space, or ""."""
    code = ord(c)
    if 0xD800 <= code <= 0xDFFF or c in _DROPPED or code in _SKIN_TONES:
        return ""
    return " " if 0x80 <= code <= 0x9F else c
