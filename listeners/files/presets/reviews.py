"""Reviews as app stores and review sites export them."""

from __future__ import annotations

from collections.abc import Iterator

from listeners.common.json_fields import value_at
from listeners.files.presets.cells import (
    RATING_ONLY,
    joined,
    native_id,
    objects,
    text_of,
    with_fields,
)
from listeners.files.presets.types import LeftOut, Preset, Row

_STARS = "1-5"


def _play_console(row: Row) -> Iterator[Row | LeftOut]:
    text = joined(row.get("title"), row.get("text"))
    if not text:
        yield RATING_ONLY
        return
    url = row.get("url")
    yield {**row, "text": text, "id": row.get("id") or native_id("googleplay", url)}


PLAY_CONSOLE = Preset(
    name="play-console",
    title="Google Play Console, downloaded reviews",
    source="googleplay",
    columns={
        "package": ("Package Name", "Paketname", "Nom du package", "Nombre del paquete"),
        "text": ("Review Text", "Rezensionstext", "Texte de l'avis", "Texto de la reseña"),
        "title": ("Review Title", "Titel der Rezension", "Titre de l'avis"),
        "rating": (
            "Star Rating",
            "Sternebewertung",
            "Nombre d'étoiles",
            "Valoración por estrellas",
        ),
        "published_at": (
            *("Review Submit Date and Time", "Review Submit Millis Since Epoch"),
            *("Review Last Update Date and Time", "Review Last Update Millis Since Epoch"),
        ),
        "lang": ("Reviewer Language", "Sprache des Rezensenten", "Langue de l'auteur de l'avis"),
        "url": ("Review Link", "Review URL"),
        "id": ("Review ID",),
        "reply": ("Developer Reply Text",),
    },
    signature=(("package", "rating", "text"), ("package", "rating", "published_at")),
    assumptions=(
        "Times are UTC, as Play Console writes them.",
        "Stars are 1 to 5. The developer's replies are not stored.",
    ),
    timezone="UTC",
    rating_scale=_STARS,
    adapt=_play_console,
)


def _appstore_connect(row: Row) -> Iterator[Row | LeftOut]:
    if isinstance(row.get("data"), (list, dict)) and "attributes" not in row:
        # a page of the API: https://developer.apple.com/documentation/appstoreconnectapi
        for item in objects(row["data"]):
            yield from _appstore_connect(item)
        return
    if row.get("type") == "customerReviewResponses":
        yield LeftOut("the developer's reply")
        return
    at = "attributes."
    title = row.get("title") or value_at(row, f"{at}title")
    text = joined(title, row.get("text") or value_at(row, f"{at}body"))
    if not text:
        yield RATING_ONLY
        return
    yield with_fields(
        **{name: row.get(name) for name in ("url", "lang")},
        text=text,
        id=row.get("id"),
        author=row.get("author") or value_at(row, f"{at}reviewerNickname"),
        published_at=row.get("published_at") or value_at(row, f"{at}createdDate"),
        rating=row.get("rating") or value_at(row, f"{at}rating"),
    )


APPSTORE_CONNECT = Preset(
    name="appstore-connect",
    title="App Store Connect, customer reviews",
    source="appstore",
    columns={
        "author": (
            "attributes.reviewerNickname",
            *("Reviewer Nickname", "Nickname", "Reviewer", "Spitzname", "Pseudo", "Apodo"),
        ),
        "text": (
            *("attributes.body", "Review Body", "Review", "Body"),
            *("Rezension", "Avis", "Reseña", "Recensione"),
        ),
        "title": ("attributes.title", "Review Title", "Title", "Titel"),
        "rating": (
            *("attributes.rating", "Rating", "Stars", "Star Rating"),
            *("Bewertung", "Note", "Valoración", "Valutazione"),
        ),
        "published_at": (
            *("attributes.createdDate", "Created Date"),
            *("Review Date", "Created", "Date", "Datum", "Fecha", "Data"),
        ),
        "territory": (
            *("attributes.territory", "Territory", "Storefront"),
            *("Store Front", "Country or Region", "Land oder Region", "Territoire", "Territorio"),
        ),
        "id": ("id", "Review ID", "ReviewID"),
    },
    signature=(("author", "text", "rating", "published_at", "territory"),),
    assumptions=("Stars are 1 to 5. The developer's replies are not stored.",),
    rating_scale=_STARS,
    adapt=_appstore_connect,
)


def _trustpilot(row: Row) -> Iterator[Row | LeftOut]:
    text = joined(row.get("title"), row.get("text"))
    if not text:
        yield RATING_ONLY
        return
    number = row.get("id")
    url = row.get("url") or (f"https://www.trustpilot.com/reviews/{number}" if number else None)
    yield {**row, "text": text, "url": url, "name": text_of(row.get("author")) or None}


TRUSTPILOT = Preset(
    name="trustpilot",
    title="Trustpilot Business, exported reviews",
    source="trustpilot",
    columns={
        "id": ("Review Id", "review_id", "id"),
        "published_at": (
            *("Review Created (UTC)", "Review Created", "Review Date (UTC)", "createdAt"),
            *("created_at", "Bewertung erstellt (UTC)", "Avis créé (UTC)"),
        ),
        "rating": ("Review Stars", "stars", "Review Rating", "Bewertung Sterne", "Étoiles"),
        "title": ("Review Title", "title", "Titel der Bewertung", "Titre de l'avis"),
        "text": (
            *("Review Content", "Review Text", "text", "content", "Inhalt der Bewertung"),
            "Contenu de l'avis",
        ),
        "author": (
            *("Review Username", "Reviewer Name", "Consumer Name", "consumer.displayName"),
            *("consumer_name", "Review User Name"),
        ),
        "author_id": ("Review Consumer User Id", "Consumer User Id", "consumer.id"),
        "lang": ("Review Language", "language"),
        "url": ("Review Url", "Review Link"),
        "tool": (
            *("Business Unit Id", "businessUnit.id", "Review Consumer User Id", "consumer.id"),
            *("Company Reply Date (UTC)", "Company Response", "Source Of Review", "product_sku"),
        ),
        "created_utc": ("Review Created (UTC)", "Bewertung erstellt (UTC)", "Avis créé (UTC)"),
    },
    signature=(
        ("id", "created_utc", "rating", "text"),
        ("created_utc", "rating", "text", "title"),
        ("id", "published_at", "rating", "text", "author", "tool"),
    ),
    assumptions=(
        "Times are UTC, as the header of Trustpilot's export says.",
        "Stars are 1 to 5. Your company's replies are not stored.",
    ),
    timezone="UTC",
    rating_scale=_STARS,
    adapt=_trustpilot,
)
