"""What every listener's options have in common: frozen, no unknown key, read from a query."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earful.contracts import Permanent
from earful.settings_errors import explain
from earful.types import Query

Seconds = Annotated[float, Field(gt=0, le=600)]
Bytes = Annotated[int, Field(ge=1024, le=256 * 1024 * 1024)]


class ListenerOptions(BaseModel):
    """Base of the options blocks."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], query: Query) -> Model:
    """The query's options, checked; Permanent when they are wrong.

    ``listeners.check_query`` says the same when settings are loaded; this is for queries that
    did not come through there.
    """
    try:
        return model.model_validate(dict(query.options))
    except ValidationError as error:
        raise Permanent(explain(f"{query.id} options", error, model)) from error
