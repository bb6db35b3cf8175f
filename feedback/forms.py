"""Serve one form: its page, its texts for the pop-up, and its submissions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from earful.clock import Clock
from earful.settings.feedback_blocks import FeedbackSettings, FormSettings
from earful.web.visitors import visitor_of
from feedback import signing, submission, texts
from feedback.answers import Problem, allow, page, problem
from feedback.incoming import InvalidSubmission, body_of, from_ourselves, media_type
from feedback.limits import RateLimits
from listeners.inbox.inbox import Inbox

# 5,000 characters that a plain form sends as up to twelve bytes each, and the rest of it
BODY_CAP = 64 * 1024
_RETRY = 60.0  # seconds to wait when the disk is full or away


class SubmissionStored(BaseModel):
    """The submission is kept."""

    stored: bool


class Texts(BaseModel):
    """The texts and options of the pop-up."""

    scale: str
    lang: str
    dir: str
    ask: str
    low: str
    high: str
    why: str
    contact: str
    name: str
    email: str
    send: str
    close: str
    link: str
    thanks: str
    wrong: str
    often: str
    retry: str
    options: list[dict[str, str | int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormEndpoints:
    """One form and its endpoints. ``counts`` holds the outcomes of submissions for the log."""

    form: FormSettings
    brand: str
    url: str | None
    secret: str
    clock: Clock
    inbox: Inbox
    address: RateLimits
    everyone: RateLimits
    counts: Counter[str]

    @classmethod
    def of(
        cls, form: FormSettings, brand: str, front: FeedbackSettings, **dependencies: Any
    ) -> FormEndpoints:
        """Make a form's endpoints, with the limits that settings name."""
        clock: Clock = dependencies["clock"]
        minute, hour = timedelta(minutes=1), timedelta(hours=1)
        return cls(
            form=form,
            brand=brand,
            url=front.url,
            address=RateLimits([(front.per_minute, minute), (front.per_hour, hour)], clock=clock),
            everyone=RateLimits([(form.per_hour, hour)], clock=clock),
            counts=Counter(),
            **dependencies,
        )

    def words(self, request: Request, lang: str) -> dict[str, Any]:
        """Return the texts in the visitor's language."""
        language = texts.choose(lang, request.headers.get("accept-language", ""))
        return texts.texts(language, brand=self.brand, scale=self.form.scale)

    async def show(self, request: Request, lang: str = "") -> Response:
        """Answer with the form as a page that works without JavaScript."""
        return page(
            "form.html",
            self.words(request, lang),
            sites=self.form.sites,
            headers={"Vary": "Accept-Language"},
            scale=self.form.scale,
            token=signing.token(self.secret, self.form.name, signing.PAGE),
            id=uuid4(),
        )

    async def texts(self, request: Request, lang: str = "") -> Response:
        """Answer with the texts of the pop-up in the visitor's language."""
        content = {"scale": self.form.scale, **self.words(request, lang)}
        answer = JSONResponse(content, headers={"Vary": "Accept-Language"})
        return allow(request, answer, self.form.sites)

    async def preflight(self, request: Request) -> Response:
        """Answer a browser's CORS question before a page of another site sends JSON."""
        answer = Response(status_code=204)
        if request.headers.get("origin") in self.form.sites:
            answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
            answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
            # Seconds: a site that leaves the settings loses its permission within an hour.
            answer.headers["Access-Control-Max-Age"] = "3600"
        return allow(request, answer, self.form.sites)

    async def take(self, request: Request, lang: str = "") -> Response:
        """Store one submission, sent as JSON by the pop-up or as a plain form.

        There is no cookie and no login here, so a forged request (CSRF) has no more rights than
        any other.
        """
        try:
            self.counts[await self._keep(request)] += 1
        except InvalidSubmission as refusal:
            self.counts[f"refused with {refusal.status}"] += 1
            if media_type(request) == submission.FORM:
                return self._refusal(request, refusal, lang)
            return allow(request, problem(refusal), self.form.sites)
        if media_type(request) == submission.FORM:
            words = self.words(request, lang)
            return page(
                "said.html", words, sites=self.form.sites, status=201, message=words["thanks"]
            )
        answer = JSONResponse({"stored": True}, status_code=201)
        return allow(request, answer, self.form.sites)

    async def _keep(self, request: Request) -> str:
        origin = request.headers.get("origin")
        # Programs send no Origin, and a page in a sandboxed frame sends "null"
        # (https://html.spec.whatwg.org/multipage/browsers.html#concept-origin-opaque). The token
        # is what counts for both.
        ours = origin in (None, "null") or from_ourselves(request, self.url)
        if not ours and origin not in self.form.sites:
            raise InvalidSubmission(403, "this site is not among the form's sites")
        body = await body_of(request, BODY_CAP)
        submitted = submission.read(body, media_type(request), self.form.scale)
        sites = [signing.PAGE, *self.form.sites]
        site = signing.site_of(self.secret, self.form.name, sites, submitted.token)
        if site is None or (not ours and site != origin):
            raise InvalidSubmission(403, "the token is not this form's token for this site")
        if submitted.topic:
            # Answered as if it was stored, so that the program does not learn of the trap
            # (test_a_program_that_fills_every_field_believes_it_was_heard).
            return "left to a trap for programs"
        visitor = visitor_of(request.client.host if request.client else "")
        self._count(visitor)
        await self._store(submitted, visitor)
        return "stored"

    def _count(self, visitor: str) -> None:
        # In this order: a visitor over the limit uses up nothing of the limit for everyone.
        wait = self.address.wait(visitor) or self.everyone.wait("")
        if wait:
            raise InvalidSubmission(429, "that was too much in a short time", retry_after=wait)

    async def _store(self, submitted: submission.Submission, visitor: str) -> None:
        now = self.clock()
        identity = submitted.identity(visitor, f"{now:%Y%m%dT%H%M}")
        line = {"at": now.isoformat(), "id": identity, **submitted.line(self.form.scale)}
        # A sync of the disk in the event loop would hold up every visitor
        # (test_a_slow_disk_holds_up_nobody_who_stores_nothing).
        await run_in_threadpool(append, self.inbox, [line])

    def _refusal(self, request: Request, refusal: InvalidSubmission, lang: str) -> Response:
        """Return the refusal as a page in the visitor's language."""
        words = self.words(request, lang)
        message = {429: words["often"], 503: words["retry"]}.get(refusal.status, words["wrong"])
        return page(
            "said.html",
            words,
            sites=self.form.sites,
            status=refusal.status,
            headers=refusal.headers(),
            message=message,
            detail=refusal.reason if message == words["wrong"] else "",
        )


def append(inbox: Inbox, lines: list[dict[str, Any]]) -> None:
    """Store lines for the listener. InvalidSubmission with 503 when the disk is full or away."""
    try:
        inbox.append(lines)
    except OSError as error:
        raise InvalidSubmission(
            503, "it could not be kept; please send it again", retry_after=_RETRY
        ) from (error)


def add(app: FastAPI, endpoint: FormEndpoints) -> None:
    """Add the form's endpoints to the app, each described exactly in openapi.json."""
    path, name = f"/f/{endpoint.form.name}", endpoint.form.name
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "content": {"text/html": {}}}
        for status in (400, 403, 408, 413, 415, 422, 429, 503)
    }
    html: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}}}
    shape = submission.model_for(endpoint.form.scale).model_json_schema()
    body = {
        "required": True,
        "content": {kind: {"schema": shape} for kind in (submission.JSON, submission.FORM)},
    }
    app.add_api_route(
        path, endpoint.show, operation_id=f"show_{name}", response_class=Response, responses=html
    )
    app.add_api_route(
        f"{path}/texts", endpoint.texts, operation_id=f"texts_{name}", response_model=Texts
    )
    app.add_api_route(
        path,
        endpoint.take,
        methods=["POST"],
        status_code=201,
        operation_id=f"take_{name}",
        response_model=SubmissionStored,
        responses={201: {"content": {"text/html": {}}}, **refusals},
        openapi_extra={"requestBody": body},
    )
    for route, kind in ((path, "form"), (f"{path}/texts", "texts")):
        app.add_api_route(
            route,
            endpoint.preflight,
            methods=["OPTIONS"],
            status_code=204,
            operation_id=f"preflight_{kind}_{name}",
            response_class=Response,
        )
