"""Read settings.toml and the environment once into frozen Settings.

The file names sources, rules and channels; it never holds a secret. Secrets come from
``EARFUL_<NAME>`` or from the file that ``EARFUL_<NAME>_FILE`` names. ``EARFUL_SETTINGS`` names
another settings file and ``EARFUL_DATABASE_URL`` another database.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any
from unicodedata import category, normalize

from pydantic import SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from earful.settings import feedback_blocks as front
from earful.settings.blocks import (
    AccountSettings,
    AlertSettings,
    BrandSettings,
    ChannelSettings,
    CompetitorSettings,
    DashboardSettings,
    DigestSettings,
    Duration,
    ListenSettings,
    RuleSettings,
    ScheduleSettings,
    SentimentSettings,
    Zone,
)
from earful.settings.checks import (
    check_accounts,
    check_channels,
    check_listens,
    check_sentiment,
    refuse_duplicates,
    refuse_password,
)
from earful.settings.errors import SettingsError, explain
from earful.settings.lines import excerpts, explain_parse_error
from earful.types import Brand, Query

__all__ = [
    "AccountSettings",
    "ChannelSettings",
    "DigestSettings",
    "Duration",
    "RuleSettings",
    "SentimentSettings",
    "Settings",
    "SettingsError",
    "Zone",
    "load",
    "secret",
    "settings_path",
    "slug",
]


class Settings(BaseSettings):
    """All blocks of settings.toml."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    database_url: SecretStr = SecretStr("sqlite:///data/earful.db")
    brand: tuple[BrandSettings, ...] = ()
    listen: tuple[ListenSettings, ...] = ()
    account: tuple[AccountSettings, ...] = ()
    sentiment: SentimentSettings = SentimentSettings()
    rules: RuleSettings = RuleSettings()
    channel: tuple[ChannelSettings, ...] = ()
    digest: DigestSettings = DigestSettings()
    alerts: AlertSettings = AlertSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    dashboard: DashboardSettings = DashboardSettings()
    feedback: front.FeedbackSettings = front.FeedbackSettings()
    form: tuple[front.FormSettings, ...] = ()
    hook: tuple[front.HookSettings, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read load()'s arguments and the TOML file; the environment gives named secrets alone."""
        return init_settings, TomlConfigSettingsSource(settings_cls)

    def brands(self) -> tuple[Brand, ...]:
        """Return our brands and, behind each, its competitors."""
        brands: list[Brand] = []
        for block in self.brand:
            ours = Brand(
                id=slug(block.name),
                name=block.name,
                aliases=block.aliases,
                handles=block.handles,
                own_accounts=block.own_accounts,
                exclude=block.exclude,
                competitors=tuple(rival.name for rival in block.competitors),
                timezone=block.timezone,
            )
            brands.append(ours)
            brands += [_competitor_brand(rival, ours) for rival in block.competitors]
        return tuple(brands)

    def queries(self) -> tuple[Query, ...]:
        """Return one Query for each [[listen]], [[form]] and [[hook]] block.

        Without any_of it searches for the brand's own names.
        """
        brands = {brand.name.casefold(): brand for brand in self.brands()}
        listens = tuple(_query(block, brands[block.brand.casefold()]) for block in self.listen)
        return listens + front.queries(brands, self.feedback, self.form, self.hook)


# an import names the same few brands on every row
@lru_cache(maxsize=4096)
def slug(name: str) -> str:
    """Return a brand's id: its name in lower case, with a dash between letters and digits.

    A mark belongs to its letter: without its vowel signs one Hindi name would be another.
    """
    letters = " "
    for char in normalize("NFC", name).casefold():
        mark = letters[-1] != " " and category(char).startswith("M")
        letters += char if char.isalnum() or mark else " "
    return "-".join(letters.split()) or "brand"


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
        account=block.account or "",
        options=block.options,
        enabled=block.enabled,
    )


def secret(name: str) -> SecretStr | None:
    """Return the secret EARFUL_<name>, or the content of the file that EARFUL_<name>_FILE names."""
    value = os.environ.get(f"EARFUL_{name}")
    path = os.environ.get(f"EARFUL_{name}_FILE")
    if value is not None and path is not None:
        raise SettingsError(
            f"EARFUL_{name} and EARFUL_{name}_FILE are both set", hint="Set one of them."
        )
    if path is None:
        return None if value is None else SecretStr(value)
    try:
        return SecretStr(Path(path).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"EARFUL_{name}_FILE: cannot read {path!r} ({error})") from error


def settings_path() -> Path:
    """Return the settings file.

    1. the file that EARFUL_SETTINGS names
    2. settings.toml in the working folder
    3. settings.toml beside the environment of the program `earful` that was started, so that it
       may be started from any folder
    """
    here = Path("settings.toml")
    if named := os.environ.get("EARFUL_SETTINGS"):
        return Path(named)
    if here.is_file():
        return here
    beside = _beside_program(Path(sys.argv[0] if sys.argv else ""))
    return beside if beside is not None and beside.is_file() else here


def _beside_program(program: Path) -> Path | None:
    """Return ROOT/settings.toml for ROOT/.venv/bin/earful; None for any other program."""
    if program.name != "earful" or program.name == str(program):
        return None
    environment = program.resolve().parent.parent
    if not (environment / "pyvenv.cfg").is_file():
        return None
    return environment.parent / "settings.toml"


def load(path: Path | None = None) -> Settings:
    """Read and check the settings; SettingsError names file, place, value and fix."""
    path = path or settings_path()
    if not path.is_file():
        raise SettingsError(
            f"{path}: there is no such file",
            hint="Start in the folder of settings.toml, or name a file with EARFUL_SETTINGS.",
        )

    loaded = _read(path, database_url := secret("DATABASE_URL"))
    changed = _resolve_paths(path.resolve().parent, loaded)
    # the environment may hold a password, the file may not: it lands in backups and in git
    if database_url is None:
        refuse_password(path.name, loaded.database_url.get_secret_value())
        changed["database_url"] = _resolve_database(path.resolve().parent, loaded.database_url)
    return loaded.model_copy(update=changed)


def _read(path: Path, database_url: SecretStr | None) -> Settings:
    """Read the file and check its blocks; an error shows the line that it is about."""

    # a class of its own for each call: pydantic-settings takes the file from the class
    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path, extra="forbid", frozen=True)

    try:
        text = path.read_text(encoding="utf-8")
    except (ValueError, OSError) as error:  # it is not UTF-8, or cannot be read
        raise SettingsError(f"{path.name}: {error}") from error
    try:
        loaded = FromFile() if database_url is None else FromFile(database_url=database_url)
        _check(path.name, loaded)
    except ValidationError as error:
        sentences = explain(path.name, error, Settings)
        raise _with_lines(path.name, text, SettingsError(sentences)) from error
    except SettingsError as error:
        raise _with_lines(path.name, text, error) from error
    except (ValueError, OSError) as error:  # TOML that cannot be parsed
        sentence, excerpt = explain_parse_error(text, str(error))
        raise SettingsError(f"{path.name}: {sentence}", excerpt=excerpt) from error
    return loaded


def _with_lines(file: str, text: str, error: SettingsError) -> SettingsError:
    """Return the error with the lines of the file that it is about."""
    excerpt = excerpts(text, error.sentence, file)
    return SettingsError(error.sentence, hint=error.hint, excerpt=excerpt)


def _resolve_paths(folder: Path, settings: Settings) -> dict[str, Any]:
    """Resolve relative files against the folder of the settings file."""
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
    feedback = settings.feedback
    feedback = feedback.model_copy(update={"inbox": folder / feedback.inbox})
    return {
        "channel": tuple(channels),
        "listen": tuple(listens),
        "sentiment": sentiment,
        "feedback": feedback,
    }


def _resolve_database(folder: Path, url: SecretStr) -> SecretStr:
    """Resolve the file of an SQLite database."""
    name = url.get_secret_value().removeprefix("sqlite:///")
    if name == url.get_secret_value() or not name or name.startswith(("/", ":memory:")):
        return url
    return SecretStr(f"sqlite:///{folder / name}")


def _check(file: str, settings: Settings) -> None:
    """Check the blocks against each other."""
    brands = settings.brands()
    names = [brand.name for brand in brands]
    refuse_duplicates(file, "brand", [brand.id for brand in brands])
    check_listens(file, settings.listen, names)
    check_accounts(file, settings.account, settings.listen)
    front.check(file, names, settings.form, settings.hook)
    refuse_duplicates(
        file,
        "listen",
        [query.id for query in settings.queries()],
        hint="Give it a name of its own.",
    )
    check_channels(file, settings.channel, settings.digest, settings.alerts)
    check_sentiment(f"{file}: [sentiment]", settings.sentiment)
