"""Start the command center's server with every option set, in any working folder.

Settings file and database are passed in the environment, so no secret shows in a process list.
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

_FOLDER = Path(__file__).resolve().parent
_APP = _FOLDER / "app.py"

# Negative is orange and positive is blue everywhere: colour-blind readers tell these two apart.
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
# Passed as flags, because these win over a config.toml in the working folder or in the home
# (https://docs.streamlit.io/develop/api-reference/configuration/config.toml).
_OPTIONS = {
    "browser.gatherUsageStats": "false",
    # A traceback may hold mentions and secrets (test_a_failure_shows_a_number_and_no_insides).
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": "true",
    # Magic draws every bare expression, and draws a string as Markdown.
    "runner.magicEnabled": "false",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.headless": "true",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
}


def build_command(
    settings: Settings, *, host: str | None = None, port: int | None = None
) -> list[str]:
    """Return the server's command line.

    Raises SettingsError for an open host without a password.
    """
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
        # DNS rebinding: a foreign page may point its own name at this machine; answer to ours only
        line += [f"--server.allowedHosts={name}" for name in ("localhost", "127.0.0.1", "::1")]
    return line


def build_environment(settings: Settings, settings_file: Path | None = None) -> dict[str, str]:
    """Return the server's environment: ours, plus the settings file and the database."""
    variables = {
        name: value for name, value in os.environ.items() if not _is_streamlit_option(name)
    }
    variables["EARFUL_SETTINGS"] = str((settings_file or settings_path()).resolve())
    variables["EARFUL_DATABASE_URL"] = settings.database_url.get_secret_value()
    variables.pop("EARFUL_DATABASE_URL_FILE", None)  # both at once is an error
    # A killed parent cannot stop its child, so the child watches the parent
    # (test_the_server_ends_with_its_parent_process).
    variables[PARENT] = str(os.getpid())
    variables["PYTHONPATH"] = os.pathsep.join(_paths(os.environ))
    return variables


def start_server(
    settings: Settings,
    *,
    settings_file: Path | None = None,
    host: str | None = None,
    port: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start the server and return at once; it ends with the caller, if not before."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
        build_command(settings, host=host, port=port),
        env=build_environment(settings, settings_file),
    )


def browser_url(settings: Settings, *, host: str | None = None, port: int | None = None) -> str:
    """Return the address to open in a browser on this machine."""
    host = host or settings.dashboard.host
    name = host if is_loopback(host) else "localhost"
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port or settings.dashboard.port}"


def _is_streamlit_option(name: str) -> bool:
    # such a variable could undo the options above
    return name.startswith("STREAMLIT_")


def _paths(environ: Mapping[str, str]) -> list[str]:
    """Return the import paths with which the server finds our packages from any folder."""
    paths = [part for part in environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    root = str(_FOLDER.parent)
    return [root, *[part for part in paths if part != root]]
