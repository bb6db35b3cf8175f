"""The endpoint of one hook: signed JSON from a chat, a helpdesk or call notes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from earful.clock import Clock
from earful.contracts import BadItem
from earful.settings.feedback_blocks import HookSettings
from feedback import signing, submission
from feedback.answers import Problem, problem
from feedback.forms import append
from feedback.incoming import Refused, body_of, media_type
from listeners.common.plain_text import clean
from listeners.inbox.inbox import Inbox
from listeners.inbox.webhook import ItemReader, fields_of

BODY_CAP = 256 * 1024
MOST_ITEMS = 1000
_MOST_LEVELS = 50  # of a body; writing it down goes down Python's stack for each
_RAW = 500  # characters of a bad item that are kept to show


class BadOne(BaseModel):
    """An item that could not be read: which (from 1), and why."""

    item: int
    reason: str


class Taken(BaseModel):
    """How many items are kept, which could not be read, and how many ratings made no sense."""

    stored: int
    rejected: list[BadOne]
    ratings_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDesk:
    """Everything that one hook's endpoint needs. ``counts`` says what became of its items."""

    hook: HookSettings
    secret: str
    clock: Clock
    inbox: Inbox
    counts: Counter[str]

    async def take(self, request: Request) -> Response:
        """Keep an item or a list of items; a bad one is told of and the others are kept."""
        try:
            body = await body_of(request, BODY_CAP)
            self._check_signature(request, body)
            lines, answer = self._read(_items(body, media_type(request)))
            await run_in_threadpool(append, self.inbox, lines)
        except Refused as why:
            self.counts[f"refused with {why.status}"] += 1
            return problem(why)
        self.counts["stored"] += answer.stored
        self.counts["rejected"] += len(answer.rejected)
        return JSONResponse(answer.model_dump(), status_code=202)

    def _check_signature(self, request: Request, body: bytes) -> None:
        header = self.hook.header
        given = request.headers.get(header) if header else None
        if header and given is not None:
            if not signing.plainly_signed(self.secret, body, given, self.hook.prefix):
                raise Refused(401, f"{header} is not the HMAC-SHA256 of the body")
            return
        wrong = signing.signed(
            self.secret, body, request.headers.get(signing.SIGNATURE, ""), self.clock()
        )
        if wrong:
            raise Refused(401, wrong)

    def _read(self, items: list[object]) -> tuple[list[dict[str, Any]], Taken]:
        """The lines to keep, bad items among them, and the answer."""
        now = self.clock()
        reader, places = ItemReader(self.hook.name, now), self.hook.map.model_dump()
        lines: list[dict[str, Any]] = []
        bad: list[BadOne] = []
        unrated = 0
        for number, item in enumerate(items, 1):
            try:
                if not isinstance(item, dict):
                    raise BadItem("it is no object")
                row = fields_of(item, places, now)
                mention = reader.read(row, self.hook.scale)
            except BadItem as error:
                raw = clean(json.dumps(item, ensure_ascii=False)[: 2 * _RAW], _RAW)
                bad.append(BadOne(item=number, reason=str(error)))
                lines.append({"at": now.isoformat(), "rejected": str(error), "raw": raw})
                continue
            unrated += mention.rating is None and row.get("rating") is not None
            lines.append({"at": now.isoformat(), "kind": self.hook.scale, "row": row})
        answer = Taken(stored=len(items) - len(bad), rejected=bad, ratings_left_out=unrated)
        return lines, answer


def _items(body: bytes, media: str) -> list[object]:
    if media != submission.JSON and not media.endswith("+json"):
        raise Refused(415, f"the body should be {submission.JSON}")
    try:
        found = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is no JSON") from error
    if _deeper(found, _MOST_LEVELS):
        raise Refused(422, f"it is nested more than {_MOST_LEVELS} levels deep")
    items = found if isinstance(found, list) else [found]
    if not isinstance(found, (list, dict)):
        raise Refused(422, "the body should be an object or a list of objects")
    if len(items) > MOST_ITEMS:
        raise Refused(422, f"at most {MOST_ITEMS:,} items can be sent at once")
    return items


def _deeper(value: object, levels: int) -> bool:
    """Whether there is more than so many levels of lists and objects."""
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not levels or any(_deeper(one, levels - 1) for one in inner)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def add(app: FastAPI, desk: HookDesk) -> None:
    """Give the app the hook's endpoint."""
    item = {"type": "object", "additionalProperties": True}
    shape = {"oneOf": [item, {"type": "array", "items": {}, "maxItems": MOST_ITEMS}]}
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem} for status in (400, 401, 408, 413, 415, 422, 503)
    }
    schemes = {"signature": signing.SIGNATURE}
    if desk.hook.header:
        schemes["plain signature"] = desk.hook.header
    app.add_api_route(
        f"/hook/{desk.hook.name}",
        desk.take,
        methods=["POST"],
        status_code=202,
        operation_id=f"hook_{desk.hook.name}",
        response_model=Taken,
        responses=responses,
        # they only tell openapi.json of the headers: the signature needs the body
        dependencies=[
            Security(
                APIKeyHeader(
                    name=header, scheme_name=f"{desk.hook.name}: {scheme}", auto_error=False
                )
            )
            for scheme, header in schemes.items()
        ],
        openapi_extra={
            "requestBody": {"required": True, "content": {submission.JSON: {"schema": shape}}}
        },
    )
