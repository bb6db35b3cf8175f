"""Check the blocks of settings.toml against each other: names exist once, no password."""

from __future__ import annotations

import re
from collections.abc import Sequence

from earful.settings.blocks import (
    AccountSettings,
    AlertSettings,
    ChannelSettings,
    DigestSettings,
    ListenSettings,
    SentimentSettings,
)
from earful.settings.errors import SettingsError, nearest

_SECRET_IN_QUERY = re.compile(r"[?&](?:ssl)?password=", re.IGNORECASE)


def refuse_password(file: str, url: str) -> None:
    """Raise SettingsError when a database URL from the file holds a password."""
    login = url.partition("://")[2].partition("@")
    if (login[1] and ":" in login[0]) or _SECRET_IN_QUERY.search(url):
        raise SettingsError(
            f"{file}: database_url holds a password",
            hint="Put the whole URL into EARFUL_DATABASE_URL, or into a file that "
            "EARFUL_DATABASE_URL_FILE names.",
        )


def check_listens(file: str, listens: Sequence[ListenSettings], brands: Sequence[str]) -> None:
    """Raise SettingsError for a [[listen]] block with an unknown brand."""
    for number, block in enumerate(listens, 1):
        if block.brand.casefold() not in {name.casefold() for name in brands}:
            raise SettingsError(
                f"{file}: [[listen]] {number}: there is no brand {block.brand!r}"
                f"{nearest(block.brand, brands)}"
            )


def check_accounts(
    file: str, accounts: Sequence[AccountSettings], listens: Sequence[ListenSettings]
) -> None:
    """Raise SettingsError for an [[account]] that contradicts itself or a [[listen]]."""
    # their secrets' names have no dashes: a-b and a_b would share one
    refuse_duplicates(file, "account", [account.name.replace("-", "_") for account in accounts])
    for number, account in enumerate(accounts, 1):
        _check_account(f"{file}: [[account]] {number} ({account.name})", account)
    by_name = {account.name: account for account in accounts}
    for number, block in enumerate(listens, 1):
        name = block.account or block.source
        place = f"{file}: [[listen]] {number}"
        if name in by_name and by_name[name].source != block.source:
            raise SettingsError(
                f"{place}: the account {name!r} is one of {by_name[name].source!r}, not of "
                f"{block.source!r}",
                hint="Name another account, or give that [[account]] another name.",
            )
        if name not in by_name and name != block.source:
            names = [*by_name, block.source]
            raise SettingsError(f"{place}: there is no [[account]] {name!r}{nearest(name, names)}")


def _check_account(place: str, account: AccountSettings) -> None:
    for key in ("budget_day", "budget_month"):
        if getattr(account, key) is not None and not account.price_per_read:
            raise SettingsError(
                f"{place}: {key} needs price_per_read", hint="Set it to the price of one post."
            )
    if "per" in account.model_fields_set and account.requests is None:
        raise SettingsError(
            f"{place}: per needs requests", hint="Set it to the number allowed in that time."
        )


def check_channels(
    file: str, channels: Sequence[ChannelSettings], digest: DigestSettings, alerts: AlertSettings
) -> None:
    """Raise SettingsError for a channel that lacks a key or does not exist."""
    names = [channel.name for channel in channels]
    refuse_duplicates(file, "channel", names)
    for section, channel_names in (("digest", digest.channels), ("alerts", alerts.channels)):
        for name in channel_names:
            if name not in names:
                raise SettingsError(
                    f"{file}: [{section}] channels: there is no [[channel]] {name!r}"
                    f"{nearest(name, names)}"
                )
    for number, channel in enumerate(channels, 1):
        _check_channel(f"{file}: [[channel]] {number} ({channel.name})", channel)


def check_sentiment(place: str, sentiment: SentimentSettings) -> None:
    """Raise SettingsError when one key of [sentiment] contradicts another."""
    backend, model = sentiment.backend, sentiment.model
    if backend == "lexicon":
        for key in ("model", "labels", "threads"):
            if getattr(sentiment, key) is not None:
                raise SettingsError(
                    f"{place} {key}: backend 'lexicon' takes none",
                    hint="Remove the line, or name another backend.",
                )
    if backend == "transformers" and not model:
        raise SettingsError(f"{place}: backend 'transformers' needs model = \"name or folder\"")
    if backend == "onnx" and sentiment.labels and not model:
        raise SettingsError(
            f"{place} labels: the shipped model has its own",
            hint="Remove the line, or name your model's folder.",
        )


def _check_channel(place: str, channel: ChannelSettings) -> None:
    if channel.kind == "file" and channel.path is None:
        raise SettingsError(f"{place}: kind 'file' needs path = \"…\"")
    if channel.kind == "mail":
        for key, value in (("host", channel.host), ("sender", channel.sender), ("to", channel.to)):
            if not value:
                raise SettingsError(f"{place}: kind 'mail' needs {key}")


def refuse_duplicates(
    file: str, block: str, ids: Sequence[str], hint: str = "Give it another name."
) -> None:
    """Raise SettingsError when two blocks of a kind have the same id."""
    for number, name in enumerate(ids, 1):
        if name in ids[: number - 1]:
            raise SettingsError(f"{file}: [[{block}]] {number}: {name!r} is there twice", hint=hint)
