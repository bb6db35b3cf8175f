"""What `earful doctor` says of X: how much it will be, before any post is paid for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import Site
from x_server import TOKEN, XServer

from commands.doctor import examine
from commands.doctor_sources import describe_cost
from commands.findings import GOOD, Finding
from earful.settings.errors import SettingsError
from earful.settings.load import load
from pipeline.app import App
from pipeline.budget.policy import BudgetPolicy

SETTINGS = """
[[brand]]
name = "Kestrova"

[[account]]
name = "x"
source = "x"
price_per_read = 0.005
budget_day = 2
budget_month = 20

[[listen]]
source = "x"
brand = "Kestrova"
every = "1h"
options = {{ endpoint = "{url}" }}
"""


def doctor(folder: Path, url: str) -> Finding:
    file = folder / "settings.toml"
    file.write_text(SETTINGS.format(url=url))
    found = {one.part: one for one in examine(lambda: load(file))}
    return found["source x/kestrova"]


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_app: App) -> None:
        raise SettingsError("[sentiment]: not looked at here")

    monkeypatch.setattr(App, "classifier", none)


def test_doctor_says_the_price_and_reads_no_post(
    site: Site, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("EARFUL_X_BEARER_TOKEN", TOKEN)
    now = datetime.now(UTC)
    server = XServer(lambda: now)
    site.script = server
    for number in range(5600):
        server.post("Kestrova", now - timedelta(seconds=60 + number * 100))
    found = doctor(tmp_path, site.url)
    assert found.state == GOOD, found
    assert found.result == (
        "answers; about 891 posts read a day, 4.45 USD a day; the budget of 2.00 USD a day lasts "
        "until about 10:46 UTC; the budget of 20.00 USD a month lasts about 4 days; "
        "re-checks cost up to as much again"
    )
    assert not server.given
    assert [asked.path for asked in site.asked] == ["/2/tweets/counts/recent"]


def terms(price: int, day: int | None = None, month: int | None = None) -> BudgetPolicy:
    return BudgetPolicy(account="x", price=price, budget_day=day, budget_month=month)


@pytest.mark.parametrize(
    ("a_day", "account", "said"),
    [
        (120.4, terms(0), "about 120 posts read a day"),
        (0, terms(5000, 1), "about 0 posts read a day"),
        (100, terms(5000), "about 100 posts read a day, 0.50 USD a day"),
        (1, terms(100), "about 1 post read a day, 0.01 USD a day"),
        (
            100,
            terms(5000, 1_000_000, 20_000_000),
            "about 100 posts read a day, 0.50 USD a day; the budget of 1.00 USD a day is enough; "
            "the budget of 20.00 USD a month is enough",
        ),
        (
            100,
            terms(5000, 0),
            "about 100 posts read a day, 0.50 USD a day; the budget of 0.00 USD a day lasts until "
            "about 00:00 UTC",
        ),
        (
            100,
            terms(5000, month=700_000),
            "about 100 posts read a day, 0.50 USD a day; the budget of 0.70 USD a month lasts "
            "about 1 day",
        ),
    ],
)
def test_what_is_expected_in_a_sentence(a_day: float, account: BudgetPolicy, said: str) -> None:
    assert describe_cost(a_day, account, rechecked=False) == said
