"""Write Markdown tables, and the names of sets and languages in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quality_judging import DEFAULT

from earful.languages import NAMES
from sentiment.evaluation import Flagged
from sentiment.training.rows import OWN_SET

TITLES = {
    "tweeteval_sentiment": "TweetEval",
    "umsab": "UMSAB",
    "afrisenti": "AfriSenti",
    "greek_bank_tweets": "Greek bank tweets",
    "spanish_tass2019": "TASS 2019",
    "indonesian_smsa": "SmSA",
    "nollysenti": "NollySenti, two labels",
    "romanian_red_weak": "REDv2, labels from emotions",
    "goemotions_sentiment": "GoEmotions, labels from emotions",
    "nusax": "NusaX",
    OWN_SET: "posts for Earful",
    "own_readings": "posts with readings for Earful",
    "target_semeval2016_topics": "SemEval-2016, topics",
    "target_mams": "MAMS",
    "target_mabsa6": "M-ABSA",
    "target_newsmtsc": "NewsMTSC",
    "irony_isarcasmeval": "iSarcasmEval",
    "irony_arsarcasm": "ArSarcasm",
    "reason_mabsa6": "M-ABSA, mapped",
    "intent_banking77": "Banking77, mapped",
    "intent_bitext_customer": "Bitext, mapped",
    "intent_clinc150": "CLINC150, mapped",
}

LANGUAGES = NAMES | {
    "ace": "Acehnese",
    "ban": "Balinese",
    "bbc": "Toba Batak",
    "bjn": "Banjarese",
    "bug": "Buginese",
    "jv": "Javanese",
    "mad": "Madurese",
    "min": "Minangkabau",
    "nij": "Ngaju",
    "pcm": "Nigerian Pidgin",
    "su": "Sundanese",
}


def folded(summary: str, text: str) -> str:
    """Return text that opens with a click on its summary."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def percent(share: float | None) -> str:
    """Return percent with one digit; a dash where there is none."""
    return "–" if share is None else f"{share:.1f}"


def flagged_line(row: Sequence[Flagged]) -> list[str]:
    """Return a threshold, and what it flags in each column of ``row``; the default is bold."""
    cells = [f"{row[0].threshold:.2f}"]
    for flagged in row:
        cells += [percent(flagged.precision), percent(flagged.recall), percent(flagged.share)]
    return [f"**{cell}**" for cell in cells] if row[0].threshold == DEFAULT else cells


def title(name: str) -> str:
    """Return the name of a set for people."""
    return TITLES.get(name, name)


def language(code: str) -> str:
    """Return the name of a language for people."""
    return LANGUAGES.get(code, code)
