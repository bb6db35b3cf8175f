"""The ways in which people write a name: with a hyphen, a blank, an apostrophe, a sign, or without.

A name's *key* is its word characters alone: "cocacola" for Coca-Cola. A text holds the name where
its own characters, without blanks and signs, are the key, and where the blanks and signs between
them could stand in the name (docs/decisions/collecting.md, "A name is found in its usual
spellings").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from earful.folding import WORD, fold, is_unspaced, is_word_character, spell_out

# Blanks and signs that people leave out of a name, put in, or swap.
LIGHT = " -'\".&_!+,*/\u00b7\u2027\u30fb\u00ae\u00a9\u201c\u201d\u201e"
_LIGHT_RUN = re.compile(f"[{re.escape(LIGHT)}]+")
# One sign that may stand in the middle of a written-together name: "l'oreal", "mc-donalds".
INNER = "-'\"._*\u00b7\u2027\u30fb\u201c\u201d"
_INNER_SIGNS = frozenset(INNER)
# Between two words of a name. Not ". ", "! " and ", ", at which a sentence or a phrase ends.
_GLUE = re.compile(
    "[\u00ae\u00a9]*(?: ?[-&+] ?| ?['\"\u201c\u201d\u201e]{1,2} ?"
    "|[._!*/\u00b7\u2027\u30fb]['\"]?| )"
)
_ABBREVIATIONS = frozenset(("dr", "mr", "mrs", "ms", "st", "jr", "sr", "bros", "co", "prof"))
_LEGAL_FORMS = frozenset(("inc", "ltd", "llc", "gmbh", "corp", "co", "sa", "ag", "plc", "bv", "oy"))
# For these the name may be all letters of another word, so its signs stay: AT&T, E.ON, H&M.
_SHORT_KEY = 3
# Two words this short are other words when they are written together ("be in" and "bein").
_SHORT_PHRASE = 4
_MAX_INNER = 3  # signs in the middle of a word; more is decoration, not a name
_AND = ("and", "und", "et", "y", "e", "n", "en", "og", "och", "ve", "\u03ba\u03b1\u03b9", "\u0438")
_AND_SIGN = re.compile(r" ?[&+] ?")
_JOINING_SIGN = re.compile(r"(?<=\w)['-](?=\w)")
_AND_WORD = re.compile(rf"(?<=\w) (?:{'|'.join(_AND)}) (?=\w)")
# "LinkedIn" is not "linked in" and "OnStar" not "on star": a part that is a word of every sentence
# tells nothing.
_SMALL_WORDS = frozenset(
    "in on to go me my we be at it is as so no up us or an am he if by do of".split()  # noqa: SIM905
)


_ASCII_LIGHT = "".join(filter(str.isascii, LIGHT)).encode()
_OTHER_LIGHT = [sign.encode() for sign in LIGHT if not sign.isascii()]


def squeeze(text: str) -> bytes:
    """Return a text without blanks and without signs that people leave out of names, as UTF-8."""
    # bytes, because their translate() is five times as fast, and every post goes through here
    squeezed = text.encode("utf-8", "replace").translate(None, _ASCII_LIGHT)
    if not text.isascii():
        for sign in _OTHER_LIGHT:
            squeezed = squeezed.replace(sign, b"")
    return squeezed


@dataclass(frozen=True, slots=True)
class Break:
    """A place in a key where the name itself has a blank or a sign.

    ``required``: the signs that must stand there; "" when it may be any, or a blank.
    ``can_join``: the name may be written together here. ``more_glue``: ". " behind an abbreviation,
    ", " before a legal form.
    """

    required: str = ""
    can_join: bool = True
    more_glue: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name as a key, with the places of its breaks.

    ``humps``: places where the name has a capital letter instead of a blank (PayPal). ``searched``:
    the key as UTF-8, as ``squeeze`` writes a text.
    """

    key: str
    searched: bytes
    breaks: Mapping[int, Break]
    humps: frozenset[int]

    def fits(self, seams: Mapping[int, str], at: int) -> bool:
        """Tell whether the key at position ``at`` of a squeezed text is this name.

        ``seams`` are the blanks and signs that were squeezed out, by their position.
        """
        inner = 0
        for place in range(1, len(self.key)):
            run = seams.get(at + place)
            name_break = self.breaks.get(place)
            if name_break is None:
                if run is None or (run == " " and place in self.humps):
                    continue
                inner += 1
                if run not in _INNER_SIGNS or inner > _MAX_INNER:
                    return False
            elif run is None:
                if not name_break.can_join:
                    return False
            elif not _can_stand(run, name_break) and (
                # the last dot of "U.S. Bank"
                run != ". " or seams.get(at + place - 1) != "."
            ):
                return False
        return True

    def first_words(self) -> Iterator[str]:
        """Yield every word with which a text that holds this name can begin it."""
        for place in (*sorted({*self.breaks, *self.humps}), len(self.key)):
            word = WORD.match(self.key[:place])
            yield word.group() if word else self.key[0]


@dataclass(frozen=True, slots=True)
class Name:
    """A term of a query: ``folded`` is found as it is written, ``spellings`` as people spell it.

    ``tags`` are the hashtags of a term of several words.
    """

    written: str
    folded: tuple[str, ...]
    tags: tuple[str, ...]
    spellings: tuple[Spelling, ...]

    def first_words(self) -> Iterator[str]:
        """Yield words and signs of which a text that holds this name has at least one."""
        for form in (*self.folded, *self.tags):
            word = WORD.search(form)
            yield word.group() if word else form[0]
        for spelling in self.spellings:
            yield from spelling.first_words()


def name_of(term: str) -> Name | None:
    """Read a term of a query; None for an empty one.

    A handle, a hashtag and a term with further signs (C#, A/B) are found as they are written only.
    """
    forms = dict.fromkeys(form for form in (fold(term), fold(spell_out(term))) if form)
    if not forms:
        return None
    if term.strip()[0] in "@#\uff20\uff03":
        return Name(term.strip(), tuple(forms), _tags(forms), ())
    spellings: dict[tuple[str, ...], Spelling] = {}
    folded = list(forms)
    for form in forms:
        for variant in _variants(form):
            spelling = _spelling(variant, _humps(term, variant))
            if spelling is not None:
                breaks = sorted(spelling.breaks.items())
                spellings.setdefault((spelling.key, repr(breaks)), spelling)
        if form.endswith(" plus"):
            folded += [f"{form[:-5]}+", f"{form[:-5]} +"]
    folded = list(dict.fromkeys(folded))
    return Name(term.strip(), tuple(folded), _tags(folded), tuple(spellings.values()))


def _tags(forms: Iterable[str]) -> tuple[str, ...]:
    tags = ("#" + "".join(filter(is_word_character, form)) for form in forms if " " in form)
    return tuple(dict.fromkeys(tags))


def search_spellings(term: str) -> list[str]:
    """Return a term, and the spellings that a platform's search for it would miss.

    Platforms read a hyphen as a blank, but none finds "loreal" for "L'Oréal". Handles and hashtags
    have one spelling.
    """
    name = name_of(term)
    if name is None or not name.spellings:
        return [term]
    joined = _JOINING_SIGN.sub("", fold(term))
    with_and = _AND_SIGN.sub(" and ", term) if _AND_SIGN.search(term.strip("& +")) else term
    spellings = [term, joined if joined != fold(term) else term, with_and, spell_out(term)]
    is_long = sum(map(str.isalnum, term)) > _SHORT_KEY
    return list(dict.fromkeys(spellings if is_long else [term, with_and]))


def _variants(form: str) -> Iterator[str]:
    """Yield a folded term, and the same with "&" for "and" or the other way round."""
    yield form
    if form.endswith("+"):
        yield f"{form.rstrip('+ ')} plus"
    elif len(parts := _AND_SIGN.split(form)) > 1:
        # NUL marks the word as one that stands apart: "my hand m" is not "H and M"
        yield from (f"\0{word}\0".join(parts) for word in _AND)
    elif _AND_WORD.search(form):
        yield _AND_WORD.sub("&", form)


def _spelling(form: str, humps: frozenset[int]) -> Spelling | None:
    """Return the spelling of a folded term; None when it is found as it is written only."""
    form = form.strip(" -'\".!")
    key = ""
    runs: dict[int, str] = {}
    for part in re.split(f"({_LIGHT_RUN.pattern}|\0)", form):
        if not part:
            continue
        if part == "\0" or _LIGHT_RUN.fullmatch(part):
            runs[len(key)] = part
        elif all(map(is_word_character, part)):
            key += part
        else:
            return None
    # the key of a mere "+" or of "C++" would be found in too much
    if not key or len(key) in runs or 0 in runs:
        return None
    breaks = _breaks(key, runs)
    if len(key) <= _SHORT_KEY and not breaks:
        return None
    return Spelling(key, key.encode("utf-8", "replace"), breaks, frozenset() if breaks else humps)


def _breaks(key: str, runs: Mapping[int, str]) -> dict[int, Break]:
    breaks = {}
    is_short = len(key) <= _SHORT_KEY
    places = [0, *runs, len(key)]
    for begin, place, end in zip(places, places[1:], places[2:], strict=False):
        word, next_word, run = key[begin:place], key[place:end], runs[place]
        sign = run.strip()
        glue = [". "] if "." in run or len(word) == 1 or word in _ABBREVIATIONS else []
        glue += [", "] if next_word in _LEGAL_FORMS else []
        breaks[place] = Break(
            required=sign if is_short and sign != "\0" else "",
            can_join=not is_short and run != "\0" and (run != " " or len(key) > _SHORT_PHRASE),
            more_glue=tuple(glue),
        )
    return breaks


def _can_stand(run: str, name_break: Break) -> bool:
    if name_break.required:
        # "AT+T" for "AT&T"
        return run.strip().replace("+", "&") == name_break.required.replace("+", "&")
    return _GLUE.fullmatch(run) is not None or run in name_break.more_glue


def _humps(term: str, form: str) -> frozenset[int]:
    """Return the places in a term of one word where a capital letter begins a part: "PayPal"."""
    if not (term.isalpha() and len(term) == len(form)) or any(map(is_unspaced, form)):
        return frozenset()
    places = [
        place
        for place in range(1, len(term))
        if term[place].isupper() and term[place - 1].islower()
    ]
    parts = [form[begin:end] for begin, end in zip([0, *places], [*places, len(form)], strict=True)]
    if any(len(part) < 2 or part in _SMALL_WORDS for part in parts):
        return frozenset()
    return frozenset(places)
