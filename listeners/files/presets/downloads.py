"""A person's own download of YouTube, Facebook and Instagram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from listeners.files.pieces import join_pieces
from listeners.files.presets.cells import (
    NO_WORDS,
    SERVICE_MESSAGE,
    first_value,
    is_nothing,
    joined,
    objects,
    text_of,
    with_fields,
)
from listeners.files.presets.headers import fold
from listeners.files.presets.types import LeftOut, Preset, Row


def _youtube(row: Row) -> Iterator[Row | LeftOut]:
    text = text_of(join_pieces(row.get("text")))
    if not text:
        yield NO_WORDS
        return
    number, video = text_of(row.get("id")), text_of(row.get("video"))
    url = f"https://www.youtube.com/watch?v={video}" + (f"&lc={number}" if number else "")
    yield with_fields(
        text=text,
        id=number,
        author=row.get("author"),
        author_id=row.get("author_id"),
        published_at=row.get("published_at"),
        url=url if video else None,
        reply_to=first_value(row, "reply_to", "thread"),
    )


YOUTUBE_TAKEOUT = Preset(
    name="youtube-takeout",
    title="Google Takeout of YouTube, comments and live chats",
    source="youtube",
    columns={
        "id": (
            *("Comment ID", "Live Chat ID", "Kommentar-ID", "ID de commentaire"),
            *("ID du commentaire", "ID del comentario", "ID de comentario", "ID commento"),
            *("ID do comentário", "Reactie-ID", "Live-Chat-ID"),
        ),
        "author_id": (
            *("Channel ID", "Kanal-ID", "ID de chaîne", "ID de la chaîne", "ID del canal"),
            *("ID de canal", "ID canale", "ID do canal", "Kanaal-ID"),
        ),
        "published_at": (
            *("Comment Create Timestamp", "Live Chat Create Timestamp"),
            *("Zeitstempel der Kommentarerstellung", "Zeitstempel für Kommentarerstellung"),
            *("Code temporel de création du commentaire", "Horodatage de création du commentaire"),
            *("Marca de tiempo de creación del comentario", "Timestamp creazione commento"),
            *("Carimbo de data/hora da criação do comentário", "Tijdstempel reactie gemaakt"),
        ),
        "text": (
            *("Comment Text", "Live Chat Text", "Kommentartext", "Texte du commentaire"),
            *("Texto del comentario", "Testo commento", "Testo del commento"),
            *("Texto do comentário", "Reactietekst", "Text des Kommentars"),
        ),
        "video": ("Video ID", "Video-ID", "ID de la vidéo", "ID del vídeo", "ID video"),
        "reply_to": ("Top-Level Comment ID",),
        "thread": (
            *("Parent Comment ID", "ID des übergeordneten Kommentars"),
            *("ID du commentaire parent", "ID del comentario principal"),
        ),
    },
    signature=(("id", "author_id", "published_at", "text"),),
    assumptions=("All comments are by the owner of the download, known by the channel's id.",),
    adapt=_youtube,
)


def repair(value: Any) -> Any:
    """Undo the double encoding of Meta's downloads: UTF-8 bytes written as Latin-1 letters."""
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            return value.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return value  # right already: real text holds letters that are no such bytes
    if isinstance(value, list):
        return [repair(item) for item in value]
    if isinstance(value, dict):
        return {repair(key): repair(item) for key, item in value.items()}
    return value


_TEXT_KEYS = {
    fold(name)
    for name in (
        *("Comment", "Caption", "Kommentar", "Commentaire", "Comentario", "Comentário", "Commento"),
        *("Reactie", "Opmerking", "Σχόλιο", "Review", "Text", "Bewertung"),
    )
}
_LISTS = (
    *("comments_v2", "comments", "group_comments_v2", "group_posts_v2", "reviews_v2", "reviews"),
    *("comments_reels_comments", "comments_media_comments", "status_updates", "posts", "messages"),
    *("ig_reels_media", "ig_archived_post_media", "media"),
)


def _facebook(row: Row) -> Iterator[Row | LeftOut]:
    yield from _facebook_entry(repair(row))


def _facebook_entry(row: Row) -> Iterator[Row | LeftOut]:
    """Read a comment, post, review or message, or a file that holds a list of them."""
    for name in _LISTS:
        if isinstance(row.get(name), list) and "timestamp" not in row and "data" not in row:
            for entry in objects(row[name]):
                yield from _facebook_entry(entry)
            return
    if "sender_name" in row:
        yield _message(row)
        return
    if isinstance(row.get("label_values"), list):
        yield _labelled(row)
        return
    texts, author, rating = [], None, None
    published_at = row.get("timestamp")
    for part in objects(row.get("data") or []):
        comment = first_value(part, "comment", "review", "recommendation")
        if isinstance(comment, Mapping):
            texts.append(first_value(comment, "comment", "message", "review", "text"))
            author = author or comment.get("author")
            rating = rating or comment.get("rating")
            published_at = first_value(comment, "timestamp") or published_at
        texts.append(part.get("post"))
    text = joined(*texts)
    if not text:
        yield NO_WORDS
        return
    yield with_fields(
        text=text,
        author=author,
        name=author,
        published_at=published_at,
        rating=rating,
        id=first_value(row, "fbid"),
    )


def _labelled(row: Row) -> Row | LeftOut:
    """Read an entry of the downloads since 2024: labels in the account's language, and values."""
    texts = [
        item.get("value")
        for item in objects(row["label_values"])
        if fold(text_of(item.get("label"))) in _TEXT_KEYS
    ]
    text = joined(*texts)
    if not text:
        return NO_WORDS
    return with_fields(text=text, published_at=row.get("timestamp"), id=row.get("fbid"))


def _message(row: Row) -> Row | LeftOut:
    kind = text_of(row.get("type"))
    if kind and kind not in ("Generic", "Share"):
        return SERVICE_MESSAGE
    if not text_of(row.get("content")):
        return NO_WORDS
    return with_fields(
        text=row["content"],
        author=row.get("sender_name"),
        name=row.get("sender_name"),
        published_at=first_value(row, "timestamp_ms", "timestamp"),
    )


FACEBOOK_DOWNLOAD = Preset(
    name="facebook-download",
    title="Facebook's “Download your information”, in JSON",
    source="facebook",
    columns={
        "text": ("data.comment.comment", "data.post", "data.review.review", "content"),
        "author": ("data.comment.author", "sender_name", "data.review.author"),
        "published_at": ("timestamp", "timestamp_ms"),
        "rating": ("data.review.rating", "data.recommendation.rating"),
        "entry": (
            *("data.comment.comment", "data.post", "data.review", "data.recommendation"),
            *("data.update_timestamp", "data.comment"),
        ),
        "sender": ("sender_name",),
        "labels": ("label_values.value",),
    },
    signature=(
        ("entry", "published_at"),
        ("labels", "published_at"),
        ("sender", "text", "published_at"),
    ),
    assumptions=(
        "Letters that the download wrote twice encoded are put right.",
        "Posts are by the owner of the download, whom the file does not name.",
    ),
    timezone="UTC",
    adapt=_facebook,
    reads_record=True,
)

_TIME_KEYS = {
    fold(name)
    for name in (
        "Time",
        "Creation Timestamp",
        "Zeit",
        "Uhrzeit",
        "Heure",
        "Hora",
        "Ora",
        "Tijd",
        "Ώρα",
    )
}


def _instagram(row: Row) -> Iterator[Row | LeftOut]:
    yield from _instagram_entry(repair(row))


def _instagram_entry(row: Row) -> Iterator[Row | LeftOut]:
    for name in _LISTS:
        if (
            isinstance(row.get(name), list)
            and "string_map_data" not in row
            and (name != "media" or len(row) == 1)
        ):
            for entry in objects(row[name]):
                yield from _instagram_entry(entry)
            return
    if "sender_name" in row:
        yield _message(row)
        return
    strings = row.get("string_map_data")
    if isinstance(strings, Mapping):
        text, published_at = _from_strings(strings)
    else:
        first = next(objects(row.get("media") or []), {})
        text = text_of(row.get("title") or first.get("title"))
        published_at = first_value(row, "creation_timestamp") or first.get("creation_timestamp")
    if not text:
        yield NO_WORDS
        return
    yield with_fields(text=text, published_at=published_at)


def _from_strings(strings: Mapping[str, Any]) -> tuple[str, Any]:
    """Return text and time of an entry whose keys are in the language of the account."""
    text, published_at = "", None
    for key, entry in strings.items():
        if not isinstance(entry, Mapping):
            continue
        name = fold(key)
        if name in _TEXT_KEYS:
            text = text_of(entry.get("value"))
        elif name in _TIME_KEYS or (
            published_at is None and not is_nothing(entry.get("timestamp"))
        ):
            published_at = entry.get("timestamp") or published_at
    return text, published_at


INSTAGRAM_DOWNLOAD = Preset(
    name="instagram-download",
    title="Instagram's “Download your information”, in JSON",
    source="instagram",
    columns={
        "strings": ("string_map_data", "media_list_data"),
        "text": ("string_map_data.Comment.value", "media.title", "title", "content"),
        "author": ("sender_name",),
        "published_at": (
            *("string_map_data.Time.timestamp", "creation_timestamp"),
            *("media.creation_timestamp", "timestamp", "timestamp_ms"),
        ),
        "media": ("media.uri", "uri"),
        "sender": ("sender_name",),
    },
    # both of Meta's downloads write messages alike: --from decides
    signature=(
        ("strings",),
        ("media", "published_at", "text"),
        ("sender", "text", "published_at"),
    ),
    assumptions=(
        "Letters that the download wrote twice encoded are put right.",
        "Entries are by the owner of the download, whom the file does not name.",
    ),
    timezone="UTC",
    adapt=_instagram,
    reads_record=True,
)
