"""One base for all stored positions: small JSON, read back with care.

A damaged position costs a second reading, never a post. So reading never fails: an
unreadable field, list item or dict entry is left out, and the listener reads that part again.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from earful.contracts import BadItem
from listeners.common import times
from listeners.common.json_fields import LATEST_INSTANT, json_object

# whole seconds since 1970; strict, because true and "7" are no instants
Instant = Annotated[int, Field(strict=True, ge=0, lt=LATEST_INSTANT)]
# a byte in a file, or a count: files beyond 8 EiB do not exist
Offset = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]


def _parse_utc(value: object) -> datetime:
    try:
        return times.parse(value)
    except BadItem as error:
        raise ValueError(str(error)) from error


# an instant that is stored as ISO 8601 text
UtcInstant = Annotated[
    datetime, BeforeValidator(_parse_utc), PlainSerializer(lambda value: value.isoformat())
]


class TolerantRecord(BaseModel):
    """Reads stored JSON field by field; an unreadable field gets its default.

    A field without a default makes the whole record unreadable: give those to records in a list or
    dict, and mark the items ``OnErrorOmit``. A record sets ``all_or_nothing`` when its fields have
    a meaning only together; then one unreadable field makes the record unreadable.
    """

    all_or_nothing: ClassVar[bool] = False

    @field_validator("*", mode="wrap")
    @classmethod
    def _use_default_if_unreadable(
        cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        try:
            return handler(value)
        except ValidationError:
            field = cls.model_fields[info.field_name or ""]
            if cls.all_or_nothing or field.is_required():
                raise
            return field.get_default(call_default_factory=True)


class Position(TolerantRecord):
    """The state that a listener stores between two polls."""

    @classmethod
    def load(cls, text: str | None) -> Self:
        """Read a stored position; give a fresh one for None and for unreadable text."""
        try:
            return cls.model_validate(json_object(text))
        except ValidationError:
            return cls()

    def dump(self) -> str:
        """Write the position as compact JSON."""
        # not model_dump_json: it raises on the lone surrogates that a server's id may hold
        return json.dumps(self.model_dump(by_alias=True), separators=(",", ":"))
