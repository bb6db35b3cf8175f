"""`earful feedback …`: the service for visitors' browsers and other systems."""

from __future__ import annotations

from typing import Annotated

import typer

from earful.settings import load as configuration
from earful.settings.errors import SettingsError, nearest

cli = typer.Typer(name="feedback", no_args_is_help=True)


@cli.callback()
def _feedback() -> None:
    """Serve the forms and webhooks, and say how to put a form on a page."""


@cli.command("serve")
def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen; default: settings.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
) -> None:
    """Receive feedback and webhooks until stopped. Never opens the database."""
    # fastapi takes half a second: only this command pays it
    from feedback.serve import run, server

    settings = configuration.load()
    service = server(settings, host=host, port=port)
    at = f"http://{service.config.host}:{service.config.port}"
    for form in settings.form:
        print(f"form {form.name}: {at}/f/{form.name}", flush=True)
    for hook in settings.hook:
        print(f"hook {hook.name}: {at}/hook/{hook.name}", flush=True)
    run(service)


@cli.command("token")
def token(name: Annotated[str, typer.Argument(help="The form's name in settings.")]) -> None:
    """Print the line for the pages of each of a form's sites."""
    from feedback import signing
    from feedback.app import FEEDBACK_SECRET, secret_of

    settings = configuration.load()
    names = [form.name for form in settings.form]
    if name not in names:
        raise SettingsError(f"there is no [[form]] {name!r}{nearest(name, names)}")
    form = settings.form[names.index(name)]
    front = settings.feedback
    at = front.url or f"http://{front.host}:{front.port}"
    key = secret_of(FEEDBACK_SECRET, f"[[form]] {name}")
    print(f"its page: {at}/f/{name}")
    for site in form.sites:
        print(
            f"{site}:\n"
            f'  <script src="{at}/widget.js" data-form="{name}" '
            f'data-token="{signing.token(key, name, site)}" defer></script>'
        )
    if not form.sites:
        print('no site may show it: name them in settings, sites = ["https://www.example.com"]')
