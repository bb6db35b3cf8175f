"""Put the service together: every form, every hook, the pop-up, and a health check."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from earful import clock as wall
from earful.clock import Clock
from earful.settings.errors import SettingsError
from earful.settings.load import Settings, secret
from feedback import forms, hooks
from feedback.answers import ASSETS, Problem, SafeHeaders
from feedback.busy import HEALTH, BusyLimit
from listeners.inbox import feedback, webhook
from listeners.inbox.inbox import Inbox

log = structlog.get_logger()

FEEDBACK_SECRET = "FEEDBACK_SECRET"  # noqa: S105  (its name)
_MIN_SECRET = 16  # characters of a secret
_LOG_EVERY = 60.0  # seconds between two lines in the log
_MIN_FREE = 16 * 1024 * 1024  # bytes on the disk; with fewer the service is not healthy
_FILES = {"/widget.js": "text/javascript", "/feedback.css": "text/css"}


class ServiceHealth(BaseModel):
    """All is well."""

    status: str


def secret_of(name: str, owner: str) -> str:
    """Return the secret EARFUL_<name>. SettingsError says how to fix a missing or short one."""
    setting = secret(name)
    value = setting.get_secret_value() if setting else ""
    if len(value) < _MIN_SECRET:
        raise SettingsError(
            f"{owner} needs EARFUL_{name} with at least {_MIN_SECRET} characters, or a file with "
            f"it named by EARFUL_{name}_FILE; `openssl rand -hex 32` makes one"
        )
    return value


def build(settings: Settings, *, clock: Clock = wall.now) -> FastAPI:
    """Build the ASGI application from settings, and make the inbox.

    SettingsError: there is neither form nor hook, a secret is missing, or the inbox cannot be made.
    """
    if not settings.form and not settings.hook:
        raise SettingsError(
            "settings.toml has neither a [[form]] nor a [[hook]]: there is nothing to serve"
        )
    inbox = settings.feedback.inbox
    try:
        # Only this user may read visitors' words
        # (test_a_submission_lies_in_the_inbox_and_nobody_else_may_read_it).
        inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"[feedback] inbox: cannot make {inbox} ({error.strerror})") from error
    counts: dict[str, Counter[str]] = {}
    app = FastAPI(
        title="Earful feedback",
        version="1",
        docs_url=None,  # its pages load from elsewhere
        redoc_url=None,
        lifespan=lambda _app: _log_counts(counts),
    )
    for form_endpoint in _form_endpoints(settings, clock):
        forms.add(app, form_endpoint)
        counts[f"form {form_endpoint.form.name}"] = form_endpoint.counts
    for hook_endpoint in _hook_endpoints(settings, clock):
        hooks.add(app, hook_endpoint)
        counts[f"hook {hook_endpoint.hook.name}"] = hook_endpoint.counts
    _add_rest(app, inbox)
    return app


def _form_endpoints(settings: Settings, clock: Clock) -> list[forms.FormEndpoints]:
    brands = {brand.name.casefold(): brand.name for brand in settings.brands()}
    inbox = settings.feedback.inbox
    return [
        forms.FormEndpoints.of(
            form,
            brands[form.brand.casefold()],
            settings.feedback,
            secret=secret_of(FEEDBACK_SECRET, f"[[form]] {form.name}"),
            clock=clock,
            inbox=Inbox(feedback.folder_of(inbox, form.name), clock=clock),
        )
        for form in settings.form
    ]


def _hook_endpoints(settings: Settings, clock: Clock) -> list[hooks.HookEndpoint]:
    return [
        hooks.HookEndpoint(
            hook=hook,
            secret=secret_of(hook.secret_name, f"[[hook]] {hook.name}"),
            clock=clock,
            inbox=Inbox(webhook.folder_of(settings.feedback.inbox, hook.name), clock=clock),
            counts=Counter(),
        )
        for hook in settings.hook
    ]


def _add_rest(app: FastAPI, inbox: Path) -> None:
    # Not async: FastAPI then runs it in a thread, because a disk may answer late.
    def healthz() -> Response:
        """Say whether submissions can be stored."""
        ready = inbox.is_dir() and os.access(inbox, os.W_OK)
        if not ready or shutil.disk_usage(inbox).free < _MIN_FREE:
            reason = "the inbox cannot be written, or its disk is nearly full"
            return JSONResponse({"error": reason}, status_code=503)
        return JSONResponse({"status": "ok"})

    app.add_api_route(
        HEALTH, healthz, response_model=ServiceHealth, responses={503: {"model": Problem}}
    )
    for path, kind in _FILES.items():
        _add_file(app, path, kind)

    async def answer_http_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse(
            {"error": str(error.detail)}, status_code=error.status_code, headers=error.headers
        )

    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_middleware(BusyLimit)
    app.add_middleware(SafeHeaders)


def _add_file(app: FastAPI, path: str, kind: str) -> None:
    async def serve() -> Response:
        return FileResponse(
            ASSETS / path[1:],
            media_type=kind,
            headers={
                "Cache-Control": "public, max-age=3600",
                # Pages of other sites load these files (https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header).
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        )

    app.add_api_route(
        path,
        serve,
        operation_id=path[1:].replace(".", "_"),
        response_class=Response,
        responses={200: {"content": {kind: {}}}},
    )


@asynccontextmanager
async def _log_counts(counts: Mapping[str, Counter[str]]) -> AsyncIterator[None]:
    """Log every minute, and at the end, how many submissions were taken and refused."""
    task = asyncio.create_task(_log_every_minute(counts))
    try:
        yield
    finally:
        task.cancel()
        _log(counts)


async def _log_every_minute(counts: Mapping[str, Counter[str]]) -> None:
    while True:
        await asyncio.sleep(_LOG_EVERY)
        _log(counts)


def _log(counts: Mapping[str, Counter[str]]) -> None:
    for name, numbers in counts.items():
        if numbers:
            # Numbers only, no visitor's words (test_the_log_says_numbers_and_no_text).
            log.info("feedback", at=name, **numbers)
            numbers.clear()
