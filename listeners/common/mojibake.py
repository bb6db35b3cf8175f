"""Repair text that was UTF-8 and was read as another encoding, as Facebook's downloads are.

Only a whole text is repaired, by ftfy, which knows the letters that real words never put side by
side. Nothing else of the text changes.
"""

from __future__ import annotations

import re

from earful.contracts import BadItem

# the encodings of one byte that programs take UTF-8 for
_ENCODINGS = ("latin-1", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254")


def _letters(first: int, last: int) -> str:
    """Return a pattern for the letters that these bytes are in any of the encodings."""
    letters = {
        bytes([byte]).decode(encoding, "ignore")
        for byte in range(first, last + 1)
        for encoding in _ENCODINGS
    }
    return "[" + "".join(re.escape(letter) for letter in sorted(letters) if letter) + "]"


# a character of UTF-8 beyond ASCII is a first byte from C2 to F4 and one or more from 80 to BF
_SUSPECT = re.compile(_letters(0xC2, 0xF4) + _letters(0x80, 0xBF))
# the controls of C1 stand behind such a letter in no text of people
_CERTAIN = re.compile("[\u00c2-\u00f4][\u0080-\u0084\u0086-\u009f]")


def repaired(text: str) -> str:
    """Return the text as its author wrote it; the same text when it is not damaged.

    Raises BadItem when it is damaged beyond repair: some of its bytes are gone.
    """
    if text.isascii() or not _SUSPECT.search(text):
        return text
    # ftfy takes 50 ms to load, and most files are never damaged
    from ftfy import TextFixerConfig, fix_encoding

    config = TextFixerConfig(
        restore_byte_a0=False,
        replace_lossy_sequences=False,
        decode_inconsistent_utf8=False,
        fix_c1_controls=False,
        normalization=None,
    )
    fixed = fix_encoding(text, config)
    if _CERTAIN.search(fixed):
        raise BadItem(
            "its letters were read in a wrong encoding and cannot be put right",
            hint="Export it again as UTF-8.",
        )
    return fixed
