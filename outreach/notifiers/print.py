"""Prints messages to standard output: for a terminal, or for a log that people read."""

from __future__ import annotations

import sys

from pydantic import SecretStr

from earful.contracts import Transient
from earful.messages import Message
from earful.settings.load import ChannelSettings


class PrintNotifier:
    """A channel of kind "print"; it needs no settings of its own and no secret."""

    def __init__(self, channel: ChannelSettings, secret: SecretStr | None = None) -> None:
        self._name = channel.name

    @property
    def name(self) -> str:
        """Return the channel's name in settings."""
        return self._name

    def check(self) -> None:
        """See whether standard output is still there; raises Transient when it is not."""
        self._write("")

    def send(self, message: Message, key: str) -> None:
        """Write subject, text and key; raises Transient when standard output is gone."""
        block = f"{message.subject}\n\n{message.text.rstrip()}\n\n[earful {key}]\n\n"
        printable = "".join(
            char for char in block if char.isprintable() or char in "\n\u2068\u2069"
        )
        self._write(printable)

    def _write(self, printable: str) -> None:
        try:
            # a terminal that is not UTF-8 shows question marks rather than stopping the delivery
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(printable.encode(encoding, "replace").decode(encoding))
            sys.stdout.flush()
        except (OSError, ValueError, AttributeError) as error:
            # a broken pipe; ValueError: closed by ourselves; AttributeError: a process without one
            raise Transient(
                f"channel {self._name!r}: cannot write to standard output ({error}); "
                "keep the terminal or pipe open"
            ) from error
