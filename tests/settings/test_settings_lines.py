"""An error in settings.toml shows the line that it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from earful.settings import load
from earful.settings.errors import SettingsError

BRAND = '# ours\n[[brand]]\nname = "Acme Air"\n'


def _error(tmp_path: Path, text: str) -> SettingsError:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load.load(file)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "marked"),
    [
        # syntax
        (BRAND + "every = 15m\n", 'line 4: every = 15m', "m"),
        (BRAND + "[rules\nx = 1\n", "line 4: [rules", ""),
        (BRAND + 'aliases = ["a", "b"\n[rules]\n', "line 5: [rules]", None),
        (BRAND + 'aliases = ["a"', 'line 4: aliases = ["a"', ""),
        (BRAND + "name = 'twice'\n", "line 4: name = 'twice'", ""),
        # unknown keys, by block and number
        (BRAND + '[[listen]]\nsource = "rss"\nbrand = "Acme Air"\nevry = "5m"\n',
         'line 7: evry = "5m"', "evry"),
        (BRAND + '[[brand]]\nname = "B"\n[[brand]]\nname = "C"\naliass = []\n',
         "line 8: aliass = []", "aliass"),
        (BRAND + "[rules]\nnegative = 1\n", "line 5: negative = 1", "negative"),
        (BRAND + "[xyzzy]\na = 1\n", "line 4: [xyzzy]", "[xyzzy]"),
        (BRAND + 'competitors = [{ name = "B", handels = [] }]\n',
         'line 4: competitors = [{ name = "B", handels = [] }]', "competitors"),
        ("databse_url = 1\n[rules]\n", "line 1: databse_url = 1", "databse_url"),
        # values
        (BRAND + '[rules]\nlook_back = "soon"\n', 'line 5: look_back = "soon"', "look_back"),
        ("[dashboard]\n\n  port = 99999 # high\n", "line 3:   port = 99999 # high", "port"),
        ('[[listen]]\nsource = "rss"\nbrand = "Nobody"\n', "line 1: [[listen]]", "[[listen]]"),
        # what is missing is shown at its block, behind strings that look like blocks
        ('[[brand]]\nname = """\n[[brand]]\nx"""\n[[brand]]\naliases = []\n',
         "line 5: [[brand]]", "[[brand]]"),
    ],
)  # fmt: skip
def test_the_line_is_shown(tmp_path: Path, text: str, line: str, marked: str | None) -> None:
    error = _error(tmp_path, text)
    shown, mark = error.excerpt.splitlines()
    assert shown == line
    assert "\n" not in str(error)
    if marked is not None:
        start = mark.index("^")
        assert shown[start : start + mark.count("^")] == marked[: mark.count("^")] or not marked


def test_each_error_shows_its_line(tmp_path: Path) -> None:
    error = _error(tmp_path, "[rules]\nnegative_at = 2\nx = 1\n[digest]\nmost = 0\n")
    numbers = [row.partition(":")[0] for row in error.excerpt.splitlines()[::2]]
    assert sorted(numbers) == ["line 2", "line 3", "line 5"]


@pytest.mark.parametrize(
    "row",
    [
        'password = "hunter22"',
        "api_key = hunter22",
        'Token = "hunter22',
        'sendr = "smtp://me:hunter22@mail.example"',
        'pasword = "hunter22"',
    ],
)
def test_a_secret_is_not_shown(tmp_path: Path, row: str) -> None:
    error = _error(tmp_path, f'[[channel]]\nname = "m"\nkind = "print"\n{row}\n')
    assert "hunter22" not in error.excerpt
    assert error.excerpt.startswith("line ")


def test_a_very_long_line_shows_the_part_around_the_mark(tmp_path: Path) -> None:
    row = "aliases = [" + '"Acme", ' * 100 + "oops]"
    shown, mark = _error(tmp_path, BRAND + row).excerpt.splitlines()
    assert len(shown) < 140
    assert "oops" in shown[mark.index("^") - 1 :]
