"""Writes each message as a file into a folder, for other programs or for people to pick up."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from earful.contracts import Permanent, Transient
from earful.messages import Message
from earful.settings.load import ChannelSettings

# what passes by itself: a full disk is cleared, a busy or dropped network share comes back
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO}
_PASSING |= {errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT, errno.ESTALE}
_LONGEST_NAME = 80


class FileNotifier:
    """A channel of kind "file": ``<path>/<key>.txt``, and ``.html`` where a message has one.

    A repeat with the same key overwrites its own files, so nothing is doubled. Both appear whole
    or not at all, the .txt last: once it is there, the message is complete.
    """

    def __init__(self, channel: ChannelSettings, secret: SecretStr | None = None) -> None:
        if channel.path is None:
            raise ValueError(f"channel {channel.name!r}: kind 'file' needs path = \"…\"")
        self._name = channel.name
        self._folder = channel.path

    @property
    def name(self) -> str:
        """Return the channel's name in settings."""
        return self._name

    def check(self) -> None:
        """See whether files can be written into the folder, or a missing one be made."""
        with self._as_edge_errors():
            places = (self._folder.absolute(), *self._folder.absolute().parents)
            place = next(place for place in places if place.exists())
            if not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
            if not shutil.disk_usage(place).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place))

    def send(self, message: Message, key: str) -> None:
        """Write the files, making the folder when it is missing.

        Raises Transient for a failure that may pass (disk full, share away), Permanent for one that
        a person has to fix (no permission, the path is a file).
        """
        stem = file_stem(key)
        with self._as_edge_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            page = self._folder / f"{stem}.html"
            if message.html is None:
                page.unlink(missing_ok=True)  # from a repeat that had one
            else:
                _write(page, message.html)
            _write(self._folder / f"{stem}.txt", f"Subject: {message.subject}\n\n{message.text}")

    @contextmanager
    def _as_edge_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            problem = f"channel {self._name!r}: cannot write into {self._folder} ({error})"
            if error.errno in _PASSING:
                raise Transient(f"{problem}; free some space or bring the share back") from error
            raise Permanent(f"{problem}; give path a folder that Earful may write to") from error


def file_stem(key: str) -> str:
    """Return the file name for ``key``: always the same, and never that of another key."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", key).lstrip(".")[:_LONGEST_NAME]
    if key and safe == key:
        return key
    # replaced characters alone would give "a/b" and "a-b" one name
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{safe}-{digest[:12]}"


def _write(path: Path, content: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
