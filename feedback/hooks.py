"""Serve one hook, which takes signed JSON from a chat, a helpdesk or call notes."""

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
from feedback.incoming import InvalidSubmission, body_of, media_type
from listeners.common.plain_text import clean
from listeners.inbox.inbox import Inbox
from listeners.inbox.webhook import ItemReader, fields_of

BODY_CAP = 256 * 1024
MAX_ITEMS = 1000
_MAX_LEVELS = 50  # of a body; writing it down goes down Python's stack for each
# Standard Webhooks (https://www.standardwebhooks.com), and the senders that came before it: the
# same in each attempt. Not X-Request-Id, which many proxies make anew.
_DELIVERY_HEADERS = (
    *("webhook-id", "svix-id", "idempotency-key", "x-github-delivery"),
    *("x-zendesk-webhook-invocation-id", "x-shopify-webhook-id", "x-gitlab-event-uuid"),
)
_LONGEST_NAME = 200  # characters of a delivery's name
_RAW = 500  # characters of a bad item that are kept to show


class RejectedItem(BaseModel):
    """An unreadable item: its number, from 1, and the reason."""

    item: int
    reason: str


class HookReceipt(BaseModel):
    """How many items are kept, which could not be read, and how many ratings made no sense."""

    stored: int
    rejected: list[RejectedItem]
    ratings_left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEndpoint:
    """One hook and its endpoint. ``counts`` holds the outcomes of items for the log."""

    hook: HookSettings
    secret: str
    clock: Clock
    inbox: Inbox
    counts: Counter[str]

    async def take(self, request: Request) -> Response:
        """Store an item or a list of items; report the bad ones and store the others."""
        try:
            body = await body_of(request, BODY_CAP)
            # Before the parser: only a sender with the secret may keep it busy
            # (test_nothing_unsigned_is_kept).
            self._check_signature(request, body)
            items = _items(body, media_type(request))
            lines, answer = self._read(items, _delivery(request))
            await run_in_threadpool(append, self.inbox, lines)
        except InvalidSubmission as refusal:
            self.counts[f"refused with {refusal.status}"] += 1
            return problem(refusal)
        self.counts["stored"] += answer.stored
        self.counts["rejected"] += len(answer.rejected)
        return JSONResponse(answer.model_dump(), status_code=202)

    def _check_signature(self, request: Request, body: bytes) -> None:
        header = self.hook.header
        signature = request.headers.get(header) if header else None
        if header and signature is not None:
            if not signing.plainly_signed(self.secret, body, signature, self.hook.prefix):
                raise InvalidSubmission(401, f"{header} is not the HMAC-SHA256 of the body")
            return
        wrong = signing.signed(
            self.secret, body, request.headers.get(signing.SIGNATURE, ""), self.clock()
        )
        if wrong:
            raise InvalidSubmission(401, wrong)

    def _read(self, items: list[object], delivery: str) -> tuple[list[dict[str, Any]], HookReceipt]:
        """Return the lines to store, bad items among them, and the answer."""
        now = self.clock()
        reader, places = ItemReader(self.hook.name, now), self.hook.map.model_dump()
        lines: list[dict[str, Any]] = []
        bad: list[RejectedItem] = []
        unrated = 0
        equal_items: Counter[str] = Counter()
        for number, item in enumerate(items, 1):
            try:
                if not isinstance(item, dict):
                    raise BadItem("it is no object")
                content = json.dumps(item, sort_keys=True)
                equal_items[content] += 1
                row = fields_of(item, places, now, delivery=delivery, number=equal_items[content])
                mention = reader.read(row, self.hook.scale)
            except BadItem as error:
                raw = clean(json.dumps(item, ensure_ascii=False)[: 2 * _RAW], _RAW)
                bad.append(RejectedItem(item=number, reason=str(error)))
                lines.append({"at": now.isoformat(), "rejected": str(error), "raw": raw})
                continue
            unrated += mention.rating is None and row.get("rating") is not None
            lines.append({"at": now.isoformat(), "kind": self.hook.scale, "row": row})
        answer = HookReceipt(stored=len(items) - len(bad), rejected=bad, ratings_left_out=unrated)
        return lines, answer


def _delivery(request: Request) -> str:
    """Return the sender's name of a request, which its retries keep; "" without one."""
    names = (request.headers.get(header, "").strip() for header in _DELIVERY_HEADERS)
    return next((name[:_LONGEST_NAME] for name in names if name), "")


def _items(body: bytes, media: str) -> list[object]:
    if media != submission.JSON and not media.endswith("+json"):
        raise InvalidSubmission(415, f"the body should be {submission.JSON}")
    try:
        # Python reads NaN and Infinity, which RFC 8259 (section 6) does not permit.
        content = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidSubmission(400, "the body is no JSON") from error
    if _deeper(content, _MAX_LEVELS):
        raise InvalidSubmission(422, f"it is nested more than {_MAX_LEVELS} levels deep")
    items = content if isinstance(content, list) else [content]
    if not isinstance(content, (list, dict)):
        raise InvalidSubmission(422, "the body should be an object or a list of objects")
    if len(items) > MAX_ITEMS:
        raise InvalidSubmission(422, f"at most {MAX_ITEMS:,} items can be sent at once")
    return items


def _deeper(value: object, levels: int) -> bool:
    """Return whether lists and objects are nested deeper than ``levels``."""
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not levels or any(_deeper(element, levels - 1) for element in inner)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")


def add(app: FastAPI, endpoint: HookEndpoint) -> None:
    """Add the hook's endpoint to the app."""
    item = {"type": "object", "additionalProperties": True}
    shape = {"oneOf": [item, {"type": "array", "items": {}, "maxItems": MAX_ITEMS}]}
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem} for status in (400, 401, 408, 413, 415, 422, 503)
    }
    schemes = {"signature": signing.SIGNATURE}
    if endpoint.hook.header:
        schemes["plain signature"] = endpoint.hook.header
    app.add_api_route(
        f"/hook/{endpoint.hook.name}",
        endpoint.take,
        methods=["POST"],
        status_code=202,
        operation_id=f"hook_{endpoint.hook.name}",
        response_model=HookReceipt,
        responses=responses,
        # they only tell openapi.json of the headers: the signature needs the body
        dependencies=[
            Security(
                APIKeyHeader(
                    name=header, scheme_name=f"{endpoint.hook.name}: {scheme}", auto_error=False
                )
            )
            for scheme, header in schemes.items()
        ],
        openapi_extra={
            "requestBody": {"required": True, "content": {submission.JSON: {"schema": shape}}}
        },
    )
