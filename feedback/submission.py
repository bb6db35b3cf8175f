"""A visitor's submission: one model, read from JSON and from a plain form."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from feedback.incoming import InvalidSubmission

# what a browser takes for an e-mail address:
# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_MAIL = (
    r"^([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)?$"
)
_UUID = r"^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?$"
_MAX_FIELDS = 20
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "is no field of this form",
}
_NO_MATCH = {"email": "is no e-mail address", "id": "is no UUID"}


def _as_whole_number(value: object) -> object:
    """In JSON 3.0 is a whole number too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Submission(BaseModel):
    """One answer. ``topic`` is invisible to people, so only programs fill it in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Annotated[str, Field(max_length=64)]
    rating: int
    why: Annotated[str, Field(max_length=5000)] = ""
    name: Annotated[str, Field(max_length=100)] = ""
    email: Annotated[str, Field(max_length=254, pattern=_MAIL)] = ""
    id: Annotated[str, Field(pattern=_UUID)] = ""
    topic: Annotated[str, Field(max_length=1000)] = ""

    def line(self, scale: str) -> dict[str, Any]:
        """Return the fields to store."""
        fields = self.model_dump(mode="json", include={"rating", "why", "name", "email"})
        return {"kind": scale, **fields}

    def identity(self, visitor: str, minute: str) -> str:
        """Return the id; without one, a hash that a repeat within the minute has too."""
        if self.id:
            return self.id.lower()
        parts = (visitor, minute, str(self.rating), self.why, self.name, self.email)
        digest_input = "\0".join(parts).encode("utf-8", "replace")
        return hashlib.sha256(digest_input).hexdigest()[:32]


class NpsSubmission(Submission):
    """An answer from 0 to 10."""

    rating: Annotated[int, Field(ge=0, le=10), BeforeValidator(_as_whole_number)]


class CsatSubmission(Submission):
    """An answer by one of five faces."""

    rating: Annotated[int, Field(ge=1, le=5), BeforeValidator(_as_whole_number)]


def model_for(scale: str) -> type[Submission]:
    """Return the model of a form on this scale."""
    return NpsSubmission if scale == "nps" else CsatSubmission


def read(body: bytes, media: str, scale: str) -> Submission:
    """Read the submission in a body.

    InvalidSubmission: 415 for another media type, 422 with the field that is wrong.
    """
    model = model_for(scale)
    try:
        if media == JSON:
            # Strict, because JSON has numbers: "7" is a mistake. A plain form has nothing but text.
            return model.model_validate_json(body, strict=True)
        if media == FORM:
            return model.model_validate(_fields(body))
    except ValidationError as error:
        if error.error_count() > _MAX_FIELDS:  # to tell of thousands would take a while
            raise InvalidSubmission(422, f"more than {_MAX_FIELDS} fields are wrong") from error
        raise InvalidSubmission(
            422, "; ".join(_explain_error(dict(detail)) for detail in error.errors())
        ) from error
    raise InvalidSubmission(415, f"the body should be {JSON} or {FORM}")


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise InvalidSubmission(
            422, "the body is no form in UTF-8 with a handful of fields"
        ) from error
    # browsers send \r\n for each line end that they counted as one character
    fields = {name: value.replace("\r\n", "\n") for name, value in pairs}
    if len(fields) < len(pairs):
        raise InvalidSubmission(422, "a field is there twice")
    return fields


def _explain_error(detail: dict[str, Any]) -> str:
    """Explain the fault in one field, without repeating its content."""
    name = "".join(str(part) for part in detail["loc"])[:40] or "the body"
    kind, message = detail["type"], str(detail["msg"])
    if kind == "json_invalid":
        return "the body is no JSON"
    if kind == "string_pattern_mismatch":
        message = _NO_MATCH[name]
    return f"{name!r} {_PLAIN.get(kind, message[:1].lower() + message[1:])}"
