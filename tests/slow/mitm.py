"""mitmproxy before a site on loopback, from a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loopback import Site

ADDON = Path(__file__).with_name("storm_addon.py")
WANTED = "mitmproxy>=11,<12"
FAULTS = (
    "delay",
    "twice",
    "kill before",
    "kill after",
    "cut after the headers",
    "cut in the body",
    "silence",
    "drip",
    "429",
    "429 with Retry-After",
    "500",
    "HTML with 200",
)
_MITMDUMP = "from mitmproxy.tools.main import mitmdump; mitmdump()"
_INSTALL, _START = 240, 60  # seconds at most


class NoMitmproxy(Exception):
    """It cannot be installed here, and why."""


def environment() -> Path:
    """The Python that mitmproxy runs in, made once in the user's cache.

    An environment of its own because mitmproxy pins what Earful uses too.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / "earful-tests" / f"mitmproxy-11-python-{version}"
    python, whole = folder / "bin" / "python", folder / "whole"
    if whole.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), WANTED)
    else:
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", WANTED)
    whole.touch()
    return python


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoMitmproxy(f"mitmproxy cannot be installed: {error}") from error
    if done.returncode:
        raise NoMitmproxy(f"mitmproxy cannot be installed: {done.stderr.strip()[-300:]}")


@dataclass(frozen=True, slots=True)
class Storm:
    """A proxy's faults: calm until ``begin``."""

    folder: Path

    def begin(self) -> None:
        (self.folder / "blowing").touch()

    def end(self) -> None:
        (self.folder / "blowing").unlink()

    def faults(self) -> Counter[str]:
        """What it has done so far."""
        log = self.folder / "faults"
        return Counter(log.read_text().splitlines() if log.exists() else [])


@contextmanager
def before(site: Site, folder: Path, seed: int) -> Iterator[Storm]:
    """Put mitmproxy before the site: whoever asks ``site.url`` from now on asks the proxy.

    Raises NoMitmproxy.
    """
    command = [str(environment()), "-c", _MITMDUMP, "--quiet", "--mode", f"reverse:{site.url}"]
    command += ["--listen-host", "127.0.0.1", "--listen-port", "0", "--scripts", str(ADDON)]
    command += ["--set", f"confdir={folder}", "--set", "http2=false"]
    told = {"STORM_FOLDER": str(folder), "STORM_SEED": str(seed), "STORM_FAULTS": ",".join(FAULTS)}
    with subprocess.Popen(command, env=os.environ | told) as proxy:
        try:
            site.url = f"http://127.0.0.1:{_port(proxy, folder / 'port')}"
            yield Storm(folder)
        finally:
            proxy.kill()


def _port(proxy: subprocess.Popen[bytes], file: Path) -> int:
    end = time.monotonic() + _START
    while not file.exists():
        assert proxy.poll() is None, "mitmdump ended by itself"
        assert time.monotonic() < end, f"mitmdump does not listen after {_START} s"
        time.sleep(0.05)
    return int(file.read_text())
