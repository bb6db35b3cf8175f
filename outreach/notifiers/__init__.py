"""The channels that carry a message to people, named by their kind in settings.toml.

A new one is a module beside these, a line in ``KINDS``, and its kind in ``ChannelSettings``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pydantic import SecretStr

from earful.contracts import Notifier
from earful.settings.load import ChannelSettings
from outreach.notifiers.file import FileNotifier
from outreach.notifiers.mail import MailNotifier, password_name
from outreach.notifiers.print import PrintNotifier

__all__ = ["KINDS", "build", "password_name"]

KINDS: Mapping[str, Callable[[ChannelSettings, SecretStr | None], Notifier]] = MappingProxyType(
    {"mail": MailNotifier, "file": FileNotifier, "print": PrintNotifier}
)


def build(channel: ChannelSettings, secret: SecretStr | None) -> Notifier:
    """Build the notifier of a [[channel]] without any I/O.

    ``secret`` is the channel's password, ``settings.secret(password_name(channel.name))``; None
    for a channel without one. Raises ValueError, with the fix, for settings that the kind
    needs and that are missing.
    """
    return KINDS[channel.kind](channel, secret)
