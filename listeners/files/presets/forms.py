"""Answers to forms and surveys: every row is a person, every question a column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from listeners.files.presets.cells import is_nothing, joined, text_of, with_fields
from listeners.files.presets.headers import fold
from listeners.files.presets.types import LeftOut, Preset, Row

_SECOND_HEADER = LeftOut("the second line of the header")
_SCALE = re.compile(
    r"recommend|satisf|rating|rate |stars|score|nps|empfehl|zufried|bewert|recomend|recommand|note"
    r"|calific|valor|consigl|soddisf|aanbevel|tevreden|ικανοπο|συστήν|βαθμολογ",
    re.IGNORECASE,
)
_RECOMMEND = re.compile(r"recommend|nps|empfehl|recomend|recommand|consigl|aanbevel|συστήν", re.I)
# of Latin, Greek, Chinese and Arabic
_QUESTION_MARKS = ("?", ";", "\u037e", "\uff1f", "\u061f")
# words of an answer in a person's own words; a choice of a list has fewer
_OWN_WORDS = 4
_NOT_QUESTIONS = {
    fold(name)
    for name in (
        *("Timestamp", "Zeitstempel", "Horodateur", "Marca temporal", "Informazioni cronologiche"),
        *("Carimbo de data/hora", "Tijdstempel", "Χρονική σήμανση", "Marca de tiempo"),
        *("Email Address", "Email", "E-Mail-Adresse", "Adresse e-mail", "Username", "Score"),
        *("Dirección de correo electrónico", "Indirizzo email", "Endereço de e-mail"),
        *("E-mailadres", "Διεύθυνση ηλεκτρονικού ταχυδρομείου", "Name", "Full name", "Your name"),
        *("Respondent ID", "Collector ID", "Start Date", "End Date", "IP Address", "First Name"),
        *("Last Name", "Custom Data 1", "Date Created", "Date Modified", "Response ID", "Language"),
        *("RespondentID", "CollectorID", "StartDate", "EndDate"),
    )
}

# SurveyMonkey's second header names the parts of each question, in the language of the account
_OPEN_ENDED = re.compile(
    r"open[- ]ended|please specify|offene |freitext|bitte angeben|réponses? ouverte|précise"
    r"|respuestas? abierta|especifi|risposte? apert|specificare|respostas? aberta|open antwoord"
    r"|toelicht|ανοι[κχ]τ|διευκριν",
    re.IGNORECASE,
)
# columns of posts, which no form has
_OF_POSTS = {"author", "user", "id", "url", "link", "from", "handle", "source", "postid", "tweetid"}


def question_map(columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns of ``text`` and ``rating`` among a survey's questions.

    Text are all questions that people answered in their own words, joined in one mention. The
    rating is the one question on a scale.
    """
    questions = [column for column in columns if column and fold(column) not in _NOT_QUESTIONS]
    named = _open_ended(columns, questions, sample)
    own_words = [
        column for column in questions if column in named or _has_own_words(column, sample)
    ]
    scales = [column for column in questions if _is_scale(column, sample)]
    chosen: dict[str, str] = {}
    if own_words:
        chosen["text"] = "+".join(own_words)
    if len(scales) == 1:
        chosen["rating"] = scales[0]
    return chosen


def _open_ended(
    columns: Sequence[str], questions: Sequence[str], sample: Sequence[Mapping[str, Any]]
) -> set[str]:
    """Return the questions that a second line of the header calls open-ended."""
    others = [column for column in columns if column and column not in questions]
    first = sample[0] if sample else {}
    if not others or not all(is_nothing(first.get(column)) for column in others):
        return set()
    return {column for column in questions if _OPEN_ENDED.search(text_of(first.get(column)))}


def google_forms_fit(columns: Sequence[str]) -> bool:
    """Return whether the columns are a form's: first the time stamp, then questions.

    The header has no other mark, so a name such as "author" or "id" speaks against it.
    """
    folded = [fold(column) for column in columns]
    if len(folded) < 2 or folded[0] not in map(fold, GOOGLE_FORMS.columns["published_at"]):
        return False
    if _OF_POSTS.intersection(folded):
        return False
    questions = [column for column in columns if fold(column) not in _NOT_QUESTIONS]
    return any(
        len(column.split()) >= 4 or column.rstrip().endswith(_QUESTION_MARKS)
        for column in questions
    )


def scale_of(column: str, sample: Sequence[Mapping[str, Any]]) -> str:
    """Return the scale of a question: 0-10 when it asks for a recommendation, or goes above 5."""
    highest = max(
        (int(text_of(row.get(column)) or 0) for row in sample if _number(row, column)), default=0
    )
    return "0-10" if _RECOMMEND.search(column) or highest > 5 else "1-5"


def _number(row: Mapping[str, Any], column: str) -> bool:
    return text_of(row.get(column)).isdigit()


def _has_own_words(column: str, sample: Sequence[Mapping[str, Any]]) -> bool:
    answers = [text for row in sample if (text := text_of(row.get(column)))]
    # the choices of a list can be long, but people repeat them
    is_list = len(answers) >= 5 and 2 * len(set(answers)) <= len(answers)
    return not is_list and any(len(answer.split()) >= _OWN_WORDS for answer in answers)


def _is_scale(column: str, sample: Sequence[Mapping[str, Any]]) -> bool:
    answers = [text_of(row.get(column)) for row in sample if not is_nothing(row.get(column))]
    numbers = [int(answer) for answer in answers if answer.isdigit()]
    return (
        bool(_SCALE.search(column))
        and bool(numbers)
        and len(numbers) >= len(answers) - 1
        and max(numbers) <= 10
    )


def _answers(row: Row, columns: tuple[str, ...]) -> str:
    """Join the answers in a person's own words, where the plan named no column for the text."""
    fields = {"text", "author", "name", "id", "published_at", "started", "email", *columns}
    answers = (
        value
        for column, value in row.items()
        if column not in fields and fold(column) not in _NOT_QUESTIONS
    )
    return joined(*(answer for answer in answers if len(text_of(answer).split()) >= _OWN_WORDS))


def _google_forms(row: Row) -> Iterator[Row | LeftOut]:
    yield with_fields(
        text=_answers(row, ("rating",)),
        author=row.get("author"),
        name=row.get("name"),
        published_at=row.get("published_at"),
        rating=row.get("rating"),
    )


GOOGLE_FORMS = Preset(
    name="google-forms",
    title="Google Forms, answers in a spreadsheet or CSV",
    source="survey",
    columns={
        "published_at": (
            *("Timestamp", "Zeitstempel", "Horodateur", "Marca temporal", "Marca de tiempo"),
            *("Informazioni cronologiche", "Carimbo de data/hora", "Tijdstempel"),
            "Χρονική σήμανση",
        ),
        "author": (
            *("Email Address", "Username", "E-Mail-Adresse", "Adresse e-mail", "Email"),
            *("Dirección de correo electrónico", "Indirizzo email", "Endereço de e-mail"),
            *("E-mailadres", "Διεύθυνση ηλεκτρονικού ταχυδρομείου"),
        ),
        "name": ("Your name", "Full name", "Name", "Ihr Name", "Votre nom", "Nombre", "Nome"),
    },
    signature=(),
    assumptions=("The text is every answer in a person's own words, joined.",),
    adapt=_google_forms,
)


def _surveymonkey(row: Row) -> Iterator[Row | LeftOut]:
    if is_nothing(row.get("id")):
        # the second line names the parts of each question: Response, Open-Ended Response
        yield _SECOND_HEADER
        return
    name = " ".join(filter(None, (text_of(row.get("first")), text_of(row.get("last")))))
    yield with_fields(
        text=_answers(row, ("rating", "first", "last", "collector")),
        id=row.get("id"),
        author=row.get("author") or name,
        name=name,
        published_at=row.get("published_at") or row.get("started"),
        rating=row.get("rating"),
    )


SURVEYMONKEY = Preset(
    name="surveymonkey",
    title="SurveyMonkey, exported responses",
    source="survey",
    columns={
        "id": ("Respondent ID", "RespondentID", "Response ID"),
        "collector": ("Collector ID", "CollectorID"),
        "published_at": ("End Date", "EndDate", "Date Modified", "Enddatum", "Date de fin"),
        "started": ("Start Date", "StartDate", "Date Created", "Startdatum", "Date de début"),
        "author": ("Email Address", "Email", "E-Mail-Adresse", "Adresse e-mail"),
        "first": ("First Name", "Vorname", "Prénom", "Nombre"),
        "last": ("Last Name", "Nachname", "Nom", "Apellido"),
    },
    signature=(("id", "collector", "started"), ("id", "collector", "published_at")),
    assumptions=("The text is every answer in a person's own words, joined.",),
    adapt=_surveymonkey,
)
