"""Parse the options of commands: brands and times."""

from __future__ import annotations

import getpass
import platform
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from earful.clock import Window
from earful.settings.errors import SettingsError, nearest
from earful.settings.load import slug
from earful.types import Brand
from pipeline.app import App
from storage.entities import brands

# A day inside datetime's range, so that no time zone shifts them out of it.
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, tzinfo=UTC)


def brand_named(app: App, name: str | None) -> Brand | None:
    """Return the stored brand of that name; None for None. SettingsError names the nearest one."""
    if name is None:
        return None
    stored = brands.all_brands(app.db)
    if slug(name) not in stored:
        names = [brand.name for brand in stored.values()]
        raise SettingsError(f"--brand: there is no brand {name!r}{nearest(name, names)}")
    return stored[slug(name)]


def window(since: str | None, until: str | None, brand: Brand | None) -> Window | None:
    """Return [since, until) of the options; None when neither is given. Raises SettingsError."""
    if since is None and until is None:
        return None
    start = _FIRST if since is None else instant("--since", since, brand)
    end = _LAST if until is None else instant("--until", until, brand)
    if start > end:
        raise SettingsError(f"--since {since} is after --until {until}")
    return Window(since=start, until=end)


def window_until(now: datetime, since: str, brand: Brand | None) -> Window:
    """Return [since, now). Raises SettingsError, also for a time in the future."""
    start = instant("--since", since, brand)
    if start > now:
        raise SettingsError(f"--since: {since!r} has not come yet")
    return Window(since=start, until=now)


def instant(option: str, text: str, brand: Brand | None) -> datetime:
    """Parse a day or an instant into UTC; without a zone it is in the brand's zone, else UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option}: {text!r} is not a time",
            hint="Write 2026-11-01 or 2026-11-01T09:00+02:00.",
        ) from error
    zone: tzinfo = ZoneInfo(brand.timezone) if brand else UTC
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)


def current_user() -> str:
    """Return who runs this command, and on which machine: "maria@desk"."""
    try:
        name = getpass.getuser()
    # a container may run as a number that has no name
    except (KeyError, OSError):
        name = "somebody"
    return f"{name}@{platform.node() or 'somewhere'}"
