"""The base class of every listener: name, options, limit and clock for the register and budgets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from pydantic import BaseModel

from earful import clock as wall
from earful.contracts import SpendMeter
from earful.limits import Limit, UnlimitedMeter
from earful.types import Batch, Query


class SourceListener(ABC):
    """Read one platform; a subclass gives the source's name, options and ``poll``.

    ``name``: the source's name in settings and in ``Mention.source``. ``Options``: the model of
    its options block. ``limit``: the requests that the platform publishes for one account, None
    where it publishes none or reports it with every response; an [[account]] block overrides it.
    ``handles_have_at``: False where people go by a name, number or address instead of a handle.
    """

    name: ClassVar[str]
    Options: ClassVar[type[BaseModel]]
    limit: ClassVar[Limit | None] = None
    handles_have_at: ClassVar[bool] = True

    def __init__(self, *, clock: wall.Clock = wall.now, meter: SpendMeter | None = None) -> None:
        self._clock = clock
        self._meter = meter or UnlimitedMeter()

    @abstractmethod
    def poll(self, query: Query, position: str | None) -> Iterator[Batch]:
        """Yield everything new since ``position``; see ``earful.contracts.Listener``."""
