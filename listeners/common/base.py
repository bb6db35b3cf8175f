"""The base class of every listener: what the register, budgets and pages ask of a source."""

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
    """Reads one platform. A subclass names its source, its options, and what differs.

    ``name``: the source's name in settings and in ``Mention.source``. ``Options``: the model of
    its options block. ``limit``: what the platform lets one account request, where it says so in
    public and not with every response; an [[account]] block overrides it. ``handles_have_at``:
    False where people go by a name, a number or an address instead of a handle.
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
