"""Names of months in texts: English, and the words of other languages that mean one month only."""

from __future__ import annotations

from earful.folding import fold

_ENGLISH = ["january", "february", "march", "april", "may", "june", "july", "august", "september"]
_ENGLISH += ["october", "november", "december"]
# Full and short names, where the word is one month in every language. Words that are two are left
# out: listopad is October in Croatian and November in Polish.
_NAMES = {
    1: "januar january janvier enero gennaio janeiro januari ιανουαριου ιανουαριος ιαν января ocak",
    2: "februar février fevrier febrero febbraio fevereiro februari φεβρουαριου φεβρουαριος φεβ"
    " февраля şubat subat lutego",
    3: "märz maerz mars marzo março marco maart μαρτιου μαρτιος μαρ марта mart",
    4: "avril abril aprile απριλιου απριλιος απρ апреля nisan kwietnia",
    5: "mai mayo maggio maio mei maj μαιου μαιος μαι мая mayıs mayis maja",
    6: "juni juin junio giugno junho ιουνιου ιουνιος ιουν июня haziran czerwca",
    7: "juli juillet julio luglio julho ιουλιου ιουλιος ιουλ июля temmuz lipca",
    8: "août aout agosto augustus αυγουστου αυγουστος αυγ августа ağustos agustos sierpnia augusti",
    9: "septembre septiembre settembre setembro σεπτεμβριου σεπτεμβριος σεπ сентября eylül eylul"
    " września",
    10: "oktober octobre octubre ottobre outubro οκτωβριου οκτωβριος οκτ октября ekim października",
    11: "novembre noviembre novembro νοεμβριου νοεμβριος νοε ноября kasım kasim",
    12: "dezember décembre decembre diciembre dicembre dezembro δεκεμβριου δεκεμβριος δεκ декабря"
    " aralık aralik grudnia",
}
_SHORT = {
    **{1: "ene gen jän janv", 2: "fev févr", 3: "mrz mär mrt maa", 4: "abr avr", 5: "mag mei"},
    **{6: "giu", 7: "lug juil", 8: "ago", 9: "sept set", 10: "okt ott out", 12: "dez dic déc des"},
}
ENGLISH = {name[:3]: number for number, name in enumerate(_ENGLISH, 1)}
ENGLISH |= {name: number for number, name in enumerate(_ENGLISH, 1)} | {"sept": 9}
_NUMBERS = {
    fold(name): number
    for names in (_NAMES, _SHORT)
    for number, words in names.items()
    for name in words.split()
} | ENGLISH


def month_number(word: str) -> int | None:
    """Return the month that a word names in any language, from 1 to 12; None for other words."""
    return ENGLISH.get(word.lower()) or _NUMBERS.get(fold(word))
