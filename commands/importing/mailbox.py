"""Import a mailbox file (mbox), which the listener of mailbox files reads."""

from __future__ import annotations

from commands.importing.plan import Plan, Request
from commands.importing.wording import option_name
from earful.settings.errors import SettingsError

SOURCE = "mbox"


def mailbox_plan(request: Request, mine: tuple[str, ...]) -> Plan:
    """Return the plan of a mailbox; ``mine`` are the brand's own addresses and domains.

    Raises SettingsError for options that only tables have, and for another source.
    """
    given = [option_name(name) for name in request.options]
    given += ["--map"] if request.columns else []
    given += ["--brand-from"] if request.brand_from else []
    given += ["--source"] if request.source not in (None, SOURCE) else []
    if given:
        raise SettingsError(
            f"{request.file}: this is a mailbox (mbox): its mails have no columns, and their "
            f"source is {SOURCE!r}",
            hint=f"Leave out {', '.join(given)}.",
        )
    ours = f"Mails by {', '.join(mine)} are not stored."
    if not mine:
        ours = "No address is known as yours: mails that you sent are told by labels alone."
    return Plan(
        source=SOURCE,
        columns={},
        options={},
        title="mailbox (mbox)",
        assumptions=(ours, "Spam, drafts, sent and deleted mails are left out."),
        is_certain=bool(mine),
        is_mailbox=True,
    )
