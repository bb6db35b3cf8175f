"""Secrets come from the environment or its files, and are shown nowhere."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog

from earful.settings import load
from earful.settings.errors import SettingsError
from earful.settings.load import secret
from pipeline.app import open_app

PASSWORD = "hunter2-and-more"


def _file(tmp_path: Path, text: str = "") -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return file


def test_from_the_environment_or_from_the_file_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secret("MAIL_PASSWORD") is None
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", PASSWORD)
    found = secret("MAIL_PASSWORD")
    assert found is not None
    assert found.get_secret_value() == PASSWORD
    monkeypatch.delenv("EARFUL_MAIL_PASSWORD")
    (tmp_path / "pw").write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD_FILE", str(tmp_path / "pw"))
    found = secret("MAIL_PASSWORD")
    assert found is not None
    assert found.get_secret_value() == PASSWORD
    assert PASSWORD not in f"{found} {found!r}"


def test_both_at_once_or_a_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_X_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match=r"EARFUL_X_FILE: cannot read .*nothing"):
        secret("X")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("EARFUL_X_FILE", str(tmp_path / "bytes"))
    with pytest.raises(SettingsError, match="EARFUL_X_FILE: cannot read"):
        secret("X")
    monkeypatch.setenv("EARFUL_X", PASSWORD)
    with pytest.raises(SettingsError, match="EARFUL_X and EARFUL_X_FILE are both set") as caught:
        secret("X")
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PASSWORD}@host/earful",
        f"postgresql://:{PASSWORD}@host/earful",
        f"postgresql://host/earful?user=me&password={PASSWORD}",
        f"postgresql://me@host/earful?sslmode=require&sslpassword={PASSWORD}",
    ],
)
def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="EARFUL_DATABASE_URL") as caught:
        load.load(_file(tmp_path, f'database_url = "{url}"'))
    assert "holds a password" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_password_where_there_is_no_place_for_one_is_not_repeated(tmp_path: Path) -> None:
    text = f'[[channel]]\nname = "m"\nkind = "print"\npassword = "{PASSWORD}"'
    with pytest.raises(SettingsError, match="unknown key 'password'") as caught:
        load.load(_file(tmp_path, text))
    assert PASSWORD not in str(caught.value)


def test_the_environments_url_wins_and_may_hold_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:1/earful"
    monkeypatch.setenv("EARFUL_DATABASE_URL", url)
    found = load.load(_file(tmp_path, 'database_url = "sqlite:///x.db"'))
    assert found.database_url.get_secret_value() == url
    for shown in (str(found), repr(found), repr(found.model_dump()), found.model_dump_json()):
        assert PASSWORD not in shown


def test_a_relative_url_of_the_environment_is_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_DATABASE_URL", "sqlite:///here.db")
    found = load.load(_file(tmp_path))
    assert found.database_url.get_secret_value() == "sqlite:///here.db"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PASSWORD}@127.0.0.1:1/earful",
        f"postgresql://127.0.0.1:1/earful?password={PASSWORD}",
        f"mysql://me:{PASSWORD}@host/db",
        f"::{PASSWORD}::",
        f"postgresql://me:{PASSWORD}@127.0.0.1:port/earful",
    ],
)
def test_a_database_that_cannot_be_opened_tells_no_password(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    url: str,
) -> None:
    from commands import main
    from earful import logs

    monkeypatch.setenv("EARFUL_DATABASE_URL", url)
    monkeypatch.setenv("EARFUL_SETTINGS", str(_file(tmp_path)))
    monkeypatch.setattr("sys.argv", ["earful", "-v", "status"])
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 1
    written = capsys.readouterr()
    assert PASSWORD not in written.out + written.err + caplog.text
    assert written.err.startswith("earful: ")
    structlog.reset_defaults()
    assert logs


def test_a_house_shows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_DATABASE_URL", f"sqlite:///{tmp_path}/x.db")
    app = open_app(load.load(_file(tmp_path)))
    assert "SecretStr('**********')" in repr(app)
    app.db.close()
