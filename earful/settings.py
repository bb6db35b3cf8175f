"""settings.toml plus the environment, read once into frozen Settings.

The file says what to listen for; it never holds a secret. Secrets come from ``EARFUL_<NAME>`` or
from the file that ``EARFUL_<NAME>_FILE`` names. ``EARFUL_SETTINGS`` names another settings file and
``EARFUL_DATABASE_URL`` another database.
"""

from __future__ import annotations

import os
import re
from datetime import time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from unicodedata import category, normalize
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from earful.settings_errors import SettingsError, explain, nearest
from earful.types import Brand, Query

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]+)?)\s*([smhd])")
_LONGEST = timedelta(days=3650)
_SECRET_IN_QUERY = re.compile(r"[?&](?:ssl)?password=", re.IGNORECASE)


def _duration(value: object) -> object:
    """ "90s", "15m", "72h", "14d" or a plain number of seconds."""
    if isinstance(value, str):
        found = _SPAN.fullmatch(value.strip())
        if found is None:
            raise ValueError("is not a duration; write it as 90s, 15m, 72h or 14d")
        value = float(found[1]) * _UNITS[found[2]]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not abs(value) <= _LONGEST.total_seconds():
            raise ValueError(f"is too long; {_LONGEST.days}d is the longest")
        return timedelta(seconds=value)
    return value


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is not a time zone; write it as Europe/Athens or UTC") from error
    return value


def _hour(value: object) -> object:
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError as error:
            raise ValueError("is not a time of day; write it as 09:00") from error
    if not isinstance(value, time):  # a bare 9 would be nine seconds after midnight
        raise ValueError("is not a time of day; write it as 09:00")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
Zone = Annotated[str, BeforeValidator(_zone)]
TimeOfDay = Annotated[time, BeforeValidator(_hour)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Share = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
Priority = Annotated[int, Field(ge=0, le=100, strict=True)]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CompetitorSettings(_Block):
    """Whom we compare a brand with; a bare name in the list means just the name."""

    name: Name
    aliases: tuple[Name, ...] = ()
    handles: tuple[Name, ...] = ()


def _competitor(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class BrandSettings(_Block):
    """One [[brand]]: how people call it, which accounts are its own, whom it is compared with."""

    name: Name
    aliases: tuple[Name, ...] = ()
    handles: tuple[Name, ...] = ()
    own_accounts: tuple[Name, ...] = ()
    exclude: tuple[Name, ...] = ()
    competitors: tuple[Annotated[CompetitorSettings, BeforeValidator(_competitor)], ...] = ()
    timezone: Zone = "UTC"


class ListenSettings(_Block):
    """One [[listen]]: which source, for which brand, how often."""

    source: Name
    brand: Name
    name: Name | None = None
    every: Duration = timedelta(minutes=15)
    any_of: tuple[Name, ...] = ()
    none_of: tuple[Name, ...] = ()
    languages: tuple[Name, ...] = ()
    enabled: bool = True
    options: dict[str, Any] = Field(default_factory=dict)


class SentimentSettings(_Block):
    """[sentiment]: which classifier reads the mentions."""

    backend: Literal["onnx", "transformers", "lexicon"] = "onnx"
    model: str | None = None
    labels: dict[str, Literal["negative", "neutral", "positive"]] | None = None
    threads: Annotated[int, Field(ge=1, le=256, strict=True)] | None = None


class RuleSettings(_Block):
    """[rules]: when an author counts as unhappy, and how soon somebody should answer."""

    negative_at: Share = 0.50
    look_back: Duration = timedelta(days=3)
    urgent_at: Priority = 70
    reply_within: Duration = timedelta(hours=24)
    urgent_reply_within: Duration = timedelta(hours=2)


class ChannelSettings(_Block):
    """One [[channel]]: where alerts and digests go. ``mail`` needs host, sender and to."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
    kind: Literal["mail", "file", "print"]
    to: tuple[str, ...] = ()
    sender: str | None = None
    host: str | None = None
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    path: Path | None = None


class DigestSettings(_Block):
    """[digest]: who gets the daily digest, and when, in the first brand's time zone."""

    channels: tuple[Name, ...] = ()
    at: TimeOfDay = time(9, 0)
    when_nothing: Literal["say", "skip"] = "say"
    most: Annotated[int, Field(ge=1, le=500, strict=True)] = 20


class AlertSettings(_Block):
    """[alerts]: who is paged at once when an urgent case opens."""

    channels: tuple[Name, ...] = ()
    page_within: Duration = timedelta(hours=6)


class ScheduleSettings(_Block):
    """[schedule]: how often the stages after polling look for work."""

    classify: Duration = timedelta(seconds=20)
    flag: Duration = timedelta(seconds=20)
    deliver: Duration = timedelta(seconds=20)


class DashboardSettings(_Block):
    """[dashboard]: where the command center listens, and how often it refreshes itself."""

    host: str = "127.0.0.1"
    port: Port = 8501
    refresh: Duration = timedelta(seconds=10)


class Settings(BaseSettings):
    """Everything that settings.toml may say."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    database_url: SecretStr = SecretStr("sqlite:///data/earful.db")
    brand: tuple[BrandSettings, ...] = ()
    listen: tuple[ListenSettings, ...] = ()
    sentiment: SentimentSettings = SentimentSettings()
    rules: RuleSettings = RuleSettings()
    channel: tuple[ChannelSettings, ...] = ()
    digest: DigestSettings = DigestSettings()
    alerts: AlertSettings = AlertSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what load() was told and the TOML file; the environment gives named secrets."""
        return init_settings, TomlConfigSettingsSource(settings_cls)

    def brands(self) -> tuple[Brand, ...]:
        """Our brands and, behind each, its competitors."""
        found: list[Brand] = []
        for block in self.brand:
            ours = Brand(
                id=slug(block.name),
                name=block.name,
                aliases=block.aliases,
                handles=block.handles,
                own_accounts=block.own_accounts,
                exclude=block.exclude,
                competitors=tuple(one.name for one in block.competitors),
                timezone=block.timezone,
            )
            found.append(ours)
            found += [_competitor_brand(one, ours) for one in block.competitors]
        return tuple(found)

    def queries(self) -> tuple[Query, ...]:
        """One Query a [[listen]] block; without any_of it looks for the brand's own names."""
        brands = {brand.name.casefold(): brand for brand in self.brands()}
        return tuple(_query(block, brands[block.brand.casefold()]) for block in self.listen)


@lru_cache(maxsize=4096)  # an import names the same few brands on every row
def slug(name: str) -> str:
    """A brand's id: its name in lower case, runs of anything but letters and digits as a dash.

    A mark belongs to its letter: without its vowel signs one Hindi name would be another.
    """
    kept = " "
    for char in normalize("NFC", name).casefold():
        mark = kept[-1] != " " and category(char).startswith("M")
        kept += char if char.isalnum() or mark else " "
    return "-".join(kept.split()) or "brand"


def _competitor_brand(block: CompetitorSettings, ours: Brand) -> Brand:
    return Brand(
        id=slug(block.name),
        name=block.name,
        aliases=block.aliases,
        handles=block.handles,
        timezone=ours.timezone,
        competitor_of=ours.id,
    )


def _query(block: ListenSettings, brand: Brand) -> Query:
    suffix = f"/{block.name}" if block.name else ""
    return Query(
        id=f"{block.source}/{brand.id}{suffix}",
        brand_id=brand.id,
        source=block.source,
        any_of=block.any_of or (brand.name, *brand.aliases, *brand.handles),
        none_of=block.none_of or brand.exclude,
        languages=block.languages,
        every=block.every.total_seconds(),
        options=block.options,
        enabled=block.enabled,
    )


def secret(name: str) -> SecretStr | None:
    """The secret EARFUL_<name>, or the content of the file that EARFUL_<name>_FILE names."""
    value = os.environ.get(f"EARFUL_{name}")
    path = os.environ.get(f"EARFUL_{name}_FILE")
    if value is not None and path is not None:
        raise SettingsError(f"EARFUL_{name} and EARFUL_{name}_FILE are both set; set one of them")
    if path is None:
        return None if value is None else SecretStr(value)
    try:
        return SecretStr(Path(path).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"EARFUL_{name}_FILE: cannot read {path!r} ({error})") from error


def settings_path() -> Path:
    """The settings file in force: EARFUL_SETTINGS, else settings.toml in the working folder."""
    return Path(os.environ.get("EARFUL_SETTINGS", "settings.toml"))


def load(path: Path | None = None) -> Settings:
    """Read and check the settings; SettingsError names file, place, value and the mend."""
    path = path or settings_path()
    if not path.is_file():
        raise SettingsError(
            f"{path}: there is no such file; run `earful` where settings.toml is, "
            "or name one with EARFUL_SETTINGS"
        )

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path, extra="forbid", frozen=True)

    given = secret("DATABASE_URL")
    try:
        loaded = FromFile() if given is None else FromFile(database_url=given)
    except ValidationError as error:
        raise SettingsError(explain(path.name, error, Settings)) from error
    except (ValueError, OSError) as error:  # TOML that cannot be parsed, or not UTF-8
        raise SettingsError(f"{path.name}: {error}") from error
    _check_names(path.name, loaded)
    _check_sentiment(f"{path.name}: [sentiment]", loaded.sentiment)
    changed = _placed(path.resolve().parent, loaded)
    if given is None:
        _refuse_password(path.name, loaded.database_url)
        changed["database_url"] = _beside(path.resolve().parent, loaded.database_url)
    return loaded.model_copy(update=changed)


def _placed(folder: Path, settings: Settings) -> dict[str, Any]:
    """Relative files that settings name lie beside them, wherever the command is run."""
    channels = [
        channel.model_copy(update={"path": channel.path and folder / channel.path})
        for channel in settings.channel
    ]
    listens = []
    for block in settings.listen:
        files = {
            name: str(folder / file)
            for name in ("path", "rejects")
            if isinstance(file := block.options.get(name), str)
        }
        listens.append(block.model_copy(update={"options": block.options | files}))
    sentiment = settings.sentiment
    # a model may also be a hub name: for Transformers only a folder that is there is one
    if sentiment.model and (sentiment.backend == "onnx" or (folder / sentiment.model).is_dir()):
        sentiment = sentiment.model_copy(update={"model": str(folder / sentiment.model)})
    return {"channel": tuple(channels), "listen": tuple(listens), "sentiment": sentiment}


def _beside(folder: Path, url: SecretStr) -> SecretStr:
    """The same for the file of an SQLite database."""
    name = url.get_secret_value().removeprefix("sqlite:///")
    if name == url.get_secret_value() or not name or name.startswith(("/", ":memory:")):
        return url
    return SecretStr(f"sqlite:///{folder / name}")


def _refuse_password(file: str, url: SecretStr) -> None:
    text = url.get_secret_value()
    login = text.partition("://")[2].partition("@")
    if (login[1] and ":" in login[0]) or _SECRET_IN_QUERY.search(text):
        raise SettingsError(
            f"{file}: database_url holds a password; put the whole URL into "
            "EARFUL_DATABASE_URL or a file named by EARFUL_DATABASE_URL_FILE"
        )


def _check_names(file: str, settings: Settings) -> None:
    """What one block says about another: brands that exist, channels that exist, no twins."""
    brands = [brand.name for brand in settings.brands()]
    _no_twins(file, "brand", [slug(name) for name in brands])
    for number, block in enumerate(settings.listen, 1):
        if block.brand.casefold() not in {name.casefold() for name in brands}:
            raise SettingsError(
                f"{file}: [[listen]] {number}: there is no brand {block.brand!r}"
                f"{nearest(block.brand, brands)}"
            )
    _no_twins(file, "listen", [query.id for query in settings.queries()], mend="a name of its own")
    channels = [channel.name for channel in settings.channel]
    _no_twins(file, "channel", channels)
    for section, wanted in (("digest", settings.digest), ("alerts", settings.alerts)):
        for name in wanted.channels:
            if name not in channels:
                raise SettingsError(
                    f"{file}: [{section}] channels: there is no [[channel]] {name!r}"
                    f"{nearest(name, channels)}"
                )
    for number, channel in enumerate(settings.channel, 1):
        _check_channel(f"{file}: [[channel]] {number} ({channel.name})", channel)


def _check_sentiment(place: str, sentiment: SentimentSettings) -> None:
    """What one key of [sentiment] says about another."""
    backend, model = sentiment.backend, sentiment.model
    if backend == "lexicon":
        for key in ("model", "labels", "threads"):
            if getattr(sentiment, key) is not None:
                raise SettingsError(
                    f"{place} {key}: backend 'lexicon' takes none; "
                    "take the line out, or name another backend"
                )
    if backend == "transformers" and not model:
        raise SettingsError(f"{place}: backend 'transformers' needs model = \"name or folder\"")
    if backend == "onnx" and sentiment.labels and not model:
        raise SettingsError(
            f"{place} labels: the model that ships has its own; "
            "take the line out, or name your model's folder"
        )


def _check_channel(place: str, channel: ChannelSettings) -> None:
    if channel.kind == "file" and channel.path is None:
        raise SettingsError(f"{place}: kind 'file' needs path = \"…\"")
    if channel.kind == "mail":
        for key, value in (("host", channel.host), ("sender", channel.sender), ("to", channel.to)):
            if not value:
                raise SettingsError(f"{place}: kind 'mail' needs {key}")


def _no_twins(file: str, block: str, ids: list[str], mend: str = "another name") -> None:
    for number, one in enumerate(ids, 1):
        if one in ids[: number - 1]:
            raise SettingsError(
                f"{file}: [[{block}]] {number}: {one!r} is there twice; give {mend}"
            )
