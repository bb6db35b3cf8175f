"""Read a table by the names of its columns, where no preset knows it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from types import MappingProxyType
from typing import Any, NamedTuple

from earful.contracts import BadItem
from listeners.common import times
from listeners.files.presets.headers import by_folded_name, fold
from listeners.files.presets.types import Recognised

# For each field, tiers of names. Within a tier two columns are a question; between tiers the first
# is clearly the name of the field. The first tier is Earful's own name.
_TIERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "text": (
        ("text",),
        (
            *("full_text", "fulltext", "review text", "comment text", "message text", "tweet"),
            *("tweet text", "post text", "review body", "review content", "rawContent"),
            *("Bewertungstext", "Kommentartext", "texto", "texte", "testo", "tekst", "Κείμενο"),
        ),
        (
            *("message", "comment", "comments", "review", "content", "body", "post", "feedback"),
            *(
                "message body",
                "comment body",
                "review comment",
                "customer feedback",
                "feedback text",
            ),
            *("reviews", "verbatims", "verbatim comment", "open text", "free text"),
            *("selftext", "verbatim", "mention", "snippet", "hit sentence", "answer", "response"),
            *("Nachricht", "Kommentar", "Bewertung", "Inhalt", "Rezension", "Beitrag"),
            *("commentaire", "contenu", "avis", "comentario", "mensaje", "reseña", "contenido"),
            *("messaggio", "commento", "recensione", "contenuto", "mensagem", "comentário"),
            *("avaliação", "conteúdo", "bericht", "reactie", "opmerking", "beoordeling", "inhoud"),
            *("μήνυμα", "σχόλιο", "κριτική", "περιεχόμενο"),
        ),
        ("description", "Beschreibung", "descripción", "descrizione", "descrição", "περιγραφή"),
    ),
    "title": (
        ("title", "review title", "headline", "subject", "Titel", "Überschrift", "Betreff"),
        ("titre", "objet", "sujet", "título", "asunto", "titolo", "oggetto", "assunto"),
        ("onderwerp", "τίτλος", "θέμα"),
    ),
    "author": (
        ("author",),
        (
            *("username", "user_name", "screen_name", "handle", "user.username"),
            *("user.screen_name", "author handle", "author username", "user handle"),
        ),
        (
            *("user", "from", "reviewer", "author name", "reviewer name", "nickname", "profile"),
            *("display_name", "displayname", "full name", "customer", "customer name", "sender"),
            *("contact name",),
            *("Autor", "Benutzer", "Benutzername", "Absender", "Verfasser", "Nutzer", "Kunde"),
            *("auteur", "utilisateur", "nom d'utilisateur", "expéditeur", "usuario", "remitente"),
            *("autore", "utente", "nome utente", "mittente", "usuário", "remetente", "cliente"),
            *("gebruiker", "gebruikersnaam", "afzender", "συγγραφέας", "χρήστης", "αποστολέας"),
        ),
        ("name", "Name des Kunden", "nom", "nombre", "nome", "naam", "όνομα"),
        ("email", "e-mail", "email address", "E-Mail-Adresse", "correo electrónico"),
    ),
    "author_id": (("author_id",), ("user_id", "userid", "from_id", "authorid", "channel id")),
    "id": (
        ("id",),
        ("external_id",),
        (
            *("tweet id", "tweet_id", "post id", "post_id", "comment id", "comment_id", "id_str"),
            *("review id", "review_id", "message id", "message_id", "mention id", "response id"),
            *("ticket id", "uid", "uuid", "guid", "identifier", "Kennung", "identifiant"),
        ),
    ),
    "published_at": (
        ("published_at",),
        (
            *("created_at", "created", "created_utc", "published", "posted", "posted_at"),
            *("publication date", "date created", "creation date", "review date", "posted on"),
            *("post date", "posted date", "posted time", "comment date", "feedback date"),
            *("date published", "created time", "created date", "publishedAt", "date posted"),
            *("Erstellt am", "Erstellt", "Veröffentlicht am", "créé le", "date de création"),
            *("fecha de creación", "creado", "creato il", "data creazione", "criado em"),
            *("data de criação", "aangemaakt op", "aangemaakt", "δημιουργήθηκε"),
        ),
        (
            *("date", "datetime", "timestamp", "time", "date and time", "date time", "submitted"),
            *(
                "at",
                "date/time opened",
                "date opened",
                "submission date",
                "submit date",
                "sent",
                "sent at",
                "date sent",
                "date_unixtime",
            ),
            *("Datum", "Zeitstempel", "Uhrzeit", "Zeitpunkt", "horodateur", "date et heure"),
            *("fecha", "fecha y hora", "marca temporal", "data", "data e ora", "data e hora"),
            *("tijdstip", "tijdstempel", "datum en tijd", "ημερομηνία", "χρονική σήμανση"),
        ),
        ("updated_at", "updated", "last updated", "modified", "last modified", "edited at"),
    ),
    "url": (("url",), ("link", "permalink", "review link", "tweet url", "post url", "uri", "href")),
    "lang": (("lang",), ("language", "locale", "Sprache", "langue", "idioma", "lingua", "taal")),
    "shares": (
        ("shares",),
        ("retweets", "retweet_count", "retweetCount", "reposts", "share count"),
    ),
    "likes": (("likes",), ("like_count", "likeCount", "favorite_count", "favourites", "upvotes")),
    "replies": (("replies",), ("reply_count", "replyCount", "num_comments", "comment count")),
    "followers": (("followers",), ("followers_count", "follower count", "followersCount")),
    "reply_to": (("reply_to",), ("in_reply_to_status_id", "in reply to", "parent_id")),
    "repost_of": (("repost_of",), ("retweeted_status_id", "is_retweet")),
    "rating": (
        ("rating",),
        ("stars", "star rating", "review stars", "review rating", "Sterne", "étoiles"),
        ("estrellas", "stelle", "estrelas", "sterren", "αστέρια"),
        ("score", "note", "nps", "csat", "satisfaction", "puntuación", "punteggio", "βαθμολογία"),
    ),
}
_DAYS = tuple(map(fold, ("date", "Datum", "fecha", "data", "ημερομηνία")))
_CLOCKS = tuple(map(fold, ("time", "Uhrzeit", "heure", "hora", "ora", "tijd", "ώρα")))
_CLOCK = re.compile(r"\d{1,2}[:.]\d{2}(?!\d)[^/-]{0,12}")
_REQUIRED = {"text": "the text", "published_at": "the time"}
# a wrong choice here makes a wrong mention; a wrong link or count does not
_DECISIVE = {"text", "title", "author", "id", "published_at", "rating"}
# a comment stands under the title of a video or an article, which are not its author's words
_UNDER_A_TITLE = {fold(name) for name in ("comment", "comments", "comment text", "Kommentar")}


def vocabulary() -> frozenset[str]:
    """Return the folded names of all columns that are recognised."""
    names = {fold(name) for tiers in _TIERS.values() for tier in tiers for name in tier}
    return frozenset({*names, *_DAYS, *_CLOCKS})


class _Choice(NamedTuple):
    """The column for a field, the columns passed over, and the columns that are all as likely."""

    column: str | None
    passed_over: tuple[str, ...]
    rivals: tuple[str, ...]


def recognise_columns(
    columns: Sequence[str],
    chosen: Mapping[str, str] = MappingProxyType({}),
    sample: Sequence[Mapping[str, Any]] = (),
) -> Recognised:
    """Propose a map from the names of the columns.

    ``chosen``: the columns that a person named. ``sample``: the first rows.

    1. For each field, take the best tier in which a column exists.
    2. Two columns in one tier are a question; a column of a lower tier is named as not used.
    3. A title beside a text is joined with it, a time of day with its date.
    4. Without a text or a time, ask for it and list the columns.
    """
    folded = by_folded_name(columns)
    questions: list[str] = []
    assumptions: list[str] = []
    proposed = {} if "published_at" in chosen else _day_and_clock(folded, sample, assumptions)
    for field in _TIERS:
        if field in chosen or field in proposed or (field == "title" and "text" in chosen):
            continue
        used = [part for column in {**chosen, **proposed}.values() for part in column.split("+")]
        choice = _choose(_TIERS[field], folded, used=used)
        if choice.rivals and field in _DECISIVE:
            questions.append(_question(field, choice.rivals))
            continue
        candidates = [choice.column, *choice.rivals, *choice.passed_over]
        column, *passed_over = [candidate for candidate in candidates if candidate] or [""]
        if column:
            proposed[field] = column
            assumptions += [f"{field} comes from {column!r}, not from {o!r}." for o in passed_over]
    _join_title(proposed, assumptions)
    proposed |= chosen
    questions += _missing(proposed, columns, " ".join(questions))
    return Recognised(
        preset=None,
        map=proposed,
        matched=tuple(f"{column} → {field}" for field, column in proposed.items()),
        assumptions=tuple(assumptions),
        questions=tuple(questions),
    )


def _day_and_clock(
    folded: Mapping[str, str], sample: Sequence[Mapping[str, Any]], assumptions: list[str]
) -> dict[str, str]:
    """Return the map of a time in two columns, "Date" and "Time", where the date holds no time."""
    day = next((folded[name] for name in _DAYS if name in folded), None)
    clock = next((folded[name] for name in _CLOCKS if name in folded), None)
    if day is None or clock is None or not _holds_clocks(sample, clock):
        return {}
    if any(":" in str(row.get(day)) for row in sample):
        return {}
    assumptions.append(f"The time is {day!r} and {clock!r} together.")
    return {"published_at": f"{day}+{clock}"}


def _holds_clocks(sample: Sequence[Mapping[str, Any]], clock: str) -> bool:
    """Return whether a column holds times of day alone, as "17:07" or "5:07 PM"."""
    cells = [str(row.get(clock) or "").strip() for row in sample]
    return any(cells) and all(_CLOCK.match(cell) is not None for cell in cells if cell)


def _missing(proposed: Mapping[str, str], columns: Sequence[str], questions: str) -> list[str]:
    """Return a question for text and time, where no column is one and none was asked for."""
    if len(_REQUIRED.keys() - proposed.keys()) == len(_REQUIRED) and (row := _as_row(columns)):
        return [row]
    listing = ", ".join(columns)[:500]
    return [
        f"No column is clearly {noun}. Name it: --map {field}=COLUMN. The columns are {listing}."
        for field, noun in _REQUIRED.items()
        if field not in proposed and f"--map {field}=" not in questions
    ]


def _as_row(columns: Sequence[str]) -> str:
    """Return how to read a first line that is a row; "" when it names the columns."""
    times = [at for at, column in enumerate(columns, 1) if _is_time(column)]
    if not times:
        return ""
    text = max(range(1, len(columns) + 1), key=lambda at: (at not in times, len(columns[at - 1])))
    return (
        "The first line looks like a row, not like the names of columns. Read it as a row, with "
        f"columns by number: --no-header --map text={text},published_at={times[0]}."
    )


def _is_time(column: str) -> bool:
    # names with digits alone are numbers; only a calendar time has signs or letters between them
    if column.strip().isdigit():
        return False
    try:
        times.parse(column, UTC, order="dmy")
    except BadItem:
        return False
    return True


def _choose(
    tiers: tuple[tuple[str, ...], ...], folded: dict[str, str], used: Iterable[str]
) -> _Choice:
    columns_left = {name: column for name, column in folded.items() if column not in set(used)}
    ranked: list[list[str]] = []
    for tier in tiers:
        names = dict.fromkeys(fold(name) for name in tier)
        # popped: "published_at" is also a spelling of a later tier's "publishedAt"
        present = dict.fromkeys(columns_left.pop(name) for name in names if name in columns_left)
        # "Created (UTC)" goes by two names
        columns = [column for column in present if column not in itertools.chain(*ranked)]
        if columns:
            ranked.append(columns)
    if not ranked:
        return _Choice(None, (), ())
    if len(ranked[0]) > 1:
        return _Choice(None, (), tuple(ranked[0]))
    lower_tiers = tuple(column for columns in ranked[1:] for column in columns)
    return _Choice(ranked[0][0], lower_tiers, ())


def _question(field: str, rivals: tuple[str, ...]) -> str:
    names = " and ".join(repr(column) for column in rivals)
    return f"{names} can both be {field}. Choose one: --map {field}={rivals[0]!r}."


def _join_title(chosen: dict[str, str], assumptions: list[str]) -> None:
    """Put the title before the text, as the live listeners do, unless it is another's title."""
    title = chosen.pop("title", None)
    if title is None:
        return
    text = chosen.get("text")
    if text is None:
        chosen["text"] = title
    elif fold(text) in _UNDER_A_TITLE:
        assumptions.append(f"{title!r} is not used: a comment stands under another's title.")
    else:
        chosen["text"] = f"{title}+{text}"
        assumptions.append(f"The text is {title!r} and {text!r} together.")
