"""Suggest the encoding of a file that is not UTF-8, for a person to decide."""

from __future__ import annotations

from earful.contracts import Permanent
from listeners.files.lines import Line

_SAMPLE = 64 * 1024  # bytes
_SHOWN = 3
# beyond the best guess of charset-normalizer, whose order says little about short texts
_CHAOS = 0.1
_LATIN_BELOW = 0x250
# those of Windows first: spreadsheets write them
_COMMON = (
    *("cp1252", "cp1253", "cp1251", "cp1250", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("cp932", "gb18030", "big5", "cp949", "koi8_r", "cp874", "euc_jp", "euc_kr"),
    *("iso8859_2", "iso8859_7", "iso8859_5", "mac_roman", "mac_greek"),
)
# each of these reads nearly every text of the others, so a short text cannot tell them apart
_EAST_ASIAN = ("cp932", "gb18030", "big5", "cp949")
_EAST_ASIAN_NAMES = (*_EAST_ASIAN, "gb", "hz", "euc_", "shift_jis", "johab", "iso2022")
# letters beyond ASCII that are frequent in the languages of these encodings
_FREQUENT = frozenset(
    "αοιετσνηυρπκμλςάέήίόύώγδθχφωβΤΚΑΗΔΠΟ"
    "оеаинтсрвлкмдпуяьыгзбчйхжшюцщПНВСОКДМЯ"
    "אבגדהוזחטיךכלםמןנסעפצקרשתابتثجحدرسشعفقكلمنهويةىأإ"
    "ėįųūģķļņĖĪŲŪéèàùâêîôûçëïœäöüßÄÖÜÉáíóúñ¿¡ãõåæøÅØčšžřěýůćđłąęśżźńőűğışİÇ€£’‘“”–…°«»"
)


def refuse_encoding(head: bytes, line: Line) -> Permanent:
    """Return the error for a file that is not UTF-8, with its likely encodings.

    ``head``: the first bytes of the file; ``line``: the first line that is not UTF-8.
    """
    names = _likely_encodings(head[:_SAMPLE], line.data)
    if not names:
        return Permanent(
            f"line {line.number} is not UTF-8, and the encoding cannot be told",
            hint='Save the file as UTF-8, or name its encoding by the option encoding = "NAME".',
        )
    *others, last = [f"{name}: {_excerpt(line, name)}" for name in names]
    readings = f"{', '.join(others)} or {last}" if others else last
    return Permanent(
        f"line {line.number} is not UTF-8; this looks like {readings}",
        hint=f'Name the one that reads right, as in encoding = "{names[0]}".',
    )


def _excerpt(line: Line, encoding: str) -> str:
    text = line.data.decode(encoding, "replace").strip()
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _likely_encodings(head: bytes, line: bytes) -> list[str]:
    """Return the likeliest encodings that read the sample differently, the best first."""
    # a lazy import: it takes 50 ms, and nearly all files are UTF-8
    from charset_normalizer import from_bytes

    # lines of ASCII are the same in every encoding
    beyond_ascii = [data for data in head.split(b"\n") if not data.isascii()][:200]
    sample = b"\n".join(dict.fromkeys([*beyond_ascii, line.rstrip(b"\n")]))[:_SAMPLE]
    matches = list(from_bytes(sample))
    best = min((match.chaos for match in matches), default=0.0)
    # a match also stands for the encodings that read the sample in the same way
    guesses = [
        name
        for match in matches
        if match.chaos <= best + _CHAOS
        for name in match.could_be_from_charset
    ]
    if any(name.startswith(_EAST_ASIAN_NAMES) for name in guesses):
        guesses += _EAST_ASIAN
    readings: dict[str, str] = {}
    for name in sorted({*guesses, "cp1252"} if guesses else (), key=_rarity):
        try:
            readings.setdefault(sample.decode(name), name)
        except UnicodeDecodeError:
            # an encoding that cannot read the sample is no candidate
            continue
    ranked = sorted(readings, key=lambda text: (-_plausibility(text), _rarity(readings[text])))
    return [readings[text] for text in ranked if not readings[text].startswith("utf")][:_SHOWN]


def _rarity(name: str) -> int:
    return _COMMON.index(name) if name in _COMMON else len(_COMMON)


def _plausibility(text: str) -> float:
    """Return how many of the letters beyond ASCII are frequent ones; 0 to 1, rounded."""
    beyond = [char for char in text if not char.isascii()]
    score = sum(
        1.0 if char in _FREQUENT or ord(char) > 0x3000 else 0.4 if char.isalpha() else 0.0
        for char in beyond
    )
    score -= sum(map(_is_odd, text, text[1:]))
    return round(score / max(1, len(beyond)), 1)


def _is_odd(before: str, after: str) -> bool:
    """Return whether two neighbours are no part of a word: a capital, a sign or another script."""
    if before.islower() and after.isupper():
        return True
    if before.isascii() and after.isascii():
        return False
    if before.isalpha() and after.isalpha():
        return (ord(before) > _LATIN_BELOW) != (ord(after) > _LATIN_BELOW)
    is_sign = "\x80" <= after < "\u3000" and not after.isspace() and after not in "’”»…–"
    return before.isalpha() and is_sign
