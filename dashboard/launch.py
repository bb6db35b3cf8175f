"""Starting the command center: every option is said here, none depends on the working folder.

The settings file and the database travel by environment, so that no secret shows in a process list.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dashboard.access import password_for
from dashboard.serve import PARENT
from earful.loopback import is_loopback
from earful.settings.load import Settings, settings_path

_HERE = Path(__file__).resolve().parent
_APP = _HERE / "app.py"

# Negative is orange and positive is blue everywhere: the pair that colour-blind eyes tell apart.
_THEME = {
    "base": "dark",
    "primaryColor": "#5ab4f0",
    "backgroundColor": "#0f151c",
    "secondaryBackgroundColor": "#18212b",
    "textColor": "#eef3f8",
    "borderColor": "#2c3947",
    "redColor": "#f58a4b",
    "redTextColor": "#ffa873",
    "orangeColor": "#f58a4b",
    "orangeTextColor": "#ffa873",
    "greenColor": "#5ab4f0",
    "greenTextColor": "#8ccbf7",
    "blueColor": "#5ab4f0",
    "blueTextColor": "#8ccbf7",
    "yellowColor": "#f2d266",
    "yellowTextColor": "#f7e09a",
    "grayBackgroundColor": "#2c3947",
    "grayTextColor": "#d3dde7",
    "linkColor": "#8ccbf7",
    "font": "system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif",
    "codeFont": "ui-monospace, 'DejaVu Sans Mono', monospace",
    "metricValueFontWeight": "700",
    "headingFontSizes": '["2.1rem", "1.35rem", "1.12rem", "1rem", "1rem", "1rem"]',
    "headingFontWeights": "650",
    "baseRadius": "10px",
    "showWidgetBorder": "true",
}
_OPTIONS = {
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": "true",
    "runner.magicEnabled": "false",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.headless": "true",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
}


def command(settings: Settings, *, host: str | None = None, port: int | None = None) -> list[str]:
    """The command line of the server. Raises SettingsError for an open host without a password."""
    host = host or settings.dashboard.host
    password = password_for(host)
    options = {
        **_OPTIONS,
        "server.address": host,
        "server.port": str(port or settings.dashboard.port),
        **{f"theme.{name}": value for name, value in _THEME.items()},
    }
    line = [sys.executable, "-m", "dashboard.serve", "run", str(_APP)]
    line += [f"--{name}={value}" for name, value in options.items()]
    if password is None:
        # a web page elsewhere may point a name of its own at this machine; answer to ours only
        line += [f"--server.allowedHosts={name}" for name in ("localhost", "127.0.0.1", "::1")]
    return line


def environment(settings: Settings, settings_file: Path | None = None) -> dict[str, str]:
    """What the server finds in its environment: ours, with settings and database named outright."""
    found = {name: value for name, value in os.environ.items() if not _is_streamlits(name)}
    found["EARFUL_SETTINGS"] = str((settings_file or settings_path()).resolve())
    found["EARFUL_DATABASE_URL"] = settings.database_url.get_secret_value()
    found.pop("EARFUL_DATABASE_URL_FILE", None)  # both at once is an error, and the URL is known
    found[PARENT] = str(os.getpid())
    found["PYTHONPATH"] = os.pathsep.join(_paths(os.environ))
    return found


def start(
    settings: Settings,
    *,
    settings_file: Path | None = None,
    host: str | None = None,
    port: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start the server and come back at once; it ends with the caller, if not before."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
        command(settings, host=host, port=port), env=environment(settings, settings_file)
    )


def address(settings: Settings, *, host: str | None = None, port: int | None = None) -> str:
    """What to type into the browser on this machine."""
    host = host or settings.dashboard.host
    shown = host if is_loopback(host) else "localhost"
    shown = f"[{shown}]" if ":" in shown else shown
    return f"http://{shown}:{port or settings.dashboard.port}"


def _is_streamlits(name: str) -> bool:
    # options from the outside could undo the ones above
    return name.startswith("STREAMLIT_")


def _paths(environ: Mapping[str, str]) -> list[str]:
    """Where the server finds our packages, wherever it is started."""
    rest = [part for part in environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    root = str(_HERE.parent)
    return [root, *[part for part in rest if part != root]]
