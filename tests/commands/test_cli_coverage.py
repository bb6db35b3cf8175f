"""`earful coverage`: what was seen, what was not and why, and for how much."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cli_workspace import Workspace
from factories import NOW, about, mention

from earful.contracts import TRIED_AGAIN, Transient, gap_reason
from earful.enums import GapKind
from earful.types import Batch, Gap, Query, Seen
from storage.collecting import ingest, polling, spending
from storage.database.engine import Database

HOUR = timedelta(hours=1)
SOURCES = """
[[listen]]
source = "hackernews"
brand = "Acme Air"

[[listen]]
source = "rss"
brand = "Acme Air"
[listen.options]
url = "https://feed.example/acme.xml"

[[account]]
name = "hackernews"
source = "hackernews"
price_per_read = 0.005
budget_day = 1
budget_month = 20
"""
NEWS = Query(id="hackernews/acme-air", brand_id="acme-air", source="hackernews")


@pytest.fixture
def kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A day of Hacker News with a hole in it, and a feed that was never asked."""
    monkeypatch.setenv("COLUMNS", "160")
    workspace.settings(SOURCES)
    assert workspace.run("coverage").status == 0  # makes the tables and the rows of both queries
    db = workspace.db()
    _keep(db, Seen(since=NOW - 24 * HOUR, until=NOW))
    _keep(
        db,
        Gap(since=NOW - 12 * HOUR, until=NOW - 11 * HOUR, reason="[red]1,200 hits[/red]"),
        Gap(since=NOW - 30 * HOUR, until=NOW - 29 * HOUR, reason="too old", lost=True),
        Gap(since=NOW - 40 * HOUR, until=NOW - 39 * HOUR, reason="503", kind=GapKind.OUTAGE),
    )
    _keep(db, Seen(since=NOW - 40 * HOUR, until=NOW - 39 * HOUR))
    db.close()
    return workspace


def _keep(db: Database, *claims: Seen | Gap) -> None:
    batch = Batch(
        mentions=(mention(1),),
        position="p",
        seen=tuple(one for one in claims if isinstance(one, Seen)),
        gaps=tuple(one for one in claims if isinstance(one, Gap)),
    )
    ingest.store(db, NEWS, batch, about("acme-air"), NOW)


def test_it_says_what_was_seen_what_is_open_lost_and_closed(kept: Workspace) -> None:
    said = kept.run("coverage", "--days", "2")
    assert said.status == 0
    (row,) = (line for line in said.out.splitlines() if "hackernews/acme-air │" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    # 23 of 48 hours, and the hour that was closed later
    assert cells[1:] == ["2026-11-20 01:00", "2026-11-20 12:00", "50.0 %", "1", "66 %"]
    assert (
        "hackernews/acme-air: 2026-11-20 00:00 to 2026-11-20 01:00 UTC (60 minutes), limit: "
        "[red]1,200 hits[/red]; looked for again" in said.out
    )
    assert "(60 minutes), limit: too old\n" in said.out
    assert "1 gap was closed in the last 2 days." in said.out


def test_a_query_that_fails_says_since_when_nothing_is_seen(kept: Workspace) -> None:
    db = kept.db()
    polling.postpone(
        db, NEWS.id, at=NOW, due_at=NOW + HOUR, error="account 'x': the budget is used up"
    )
    polling.pause(db, "rss/acme-air", error="there is nothing at this address")
    db.close()
    out = kept.run("coverage").out
    assert (
        "hackernews/acme-air: not seen since 2026-11-20 12:00 UTC: account 'x': the budget is "
        "used up. It goes on at 2026-11-20 13:00 UTC." in out
    )
    assert (
        "rss/acme-air: paused, nothing was seen yet: there is nothing at this address. When it is "
        "fixed, run `earful poll --resume rss/acme-air`." in out
    )


_FAILED = "https://feed.example: the connection failed"


@pytest.mark.parametrize(
    "reason",
    [
        gap_reason(Transient(_FAILED, hint=TRIED_AGAIN)),
        # as earlier versions stored them
        f"{_FAILED}; it will be tried again",
        f"{_FAILED}. It will be tried again.",
    ],
)
def test_an_outage_is_not_promised_to_be_tried_twice(kept: Workspace, reason: str) -> None:
    db = kept.db()
    _keep(db, Gap(since=NOW - 50 * HOUR, until=NOW - 48 * HOUR, reason=reason, kind=GapKind.OUTAGE))
    db.close()
    said = kept.run("coverage").out
    assert (
        "(2 hours), outage: https://feed.example: the connection failed; looked for again" in said
    )


def test_a_query_that_was_never_asked_says_so(kept: Workspace) -> None:
    out = kept.run("coverage").out
    assert "rss/acme-air: not polled yet\n" in out
    assert "hackernews/acme-air: not polled" not in out


def test_a_query_that_is_switched_off_promises_nothing(kept: Workspace) -> None:
    kept.settings(
        SOURCES.replace('source = "hackernews"', 'source = "hackernews"\nenabled = false', 1)
    )
    out = kept.run("coverage", "--query", NEWS.id).out
    assert f"{NEWS.id}: switched off in settings, not seen since 2026-11-20 12:00 UTC\n" in out
    assert "1,200 hits[/red]; looked for again once it is switched on\n" in out
    told = json.loads(kept.run("coverage", "--json").out)
    assert [one["enabled"] for one in told["queries"]] == [False, True]


def test_parts_are_shown_one_by_one(kept: Workspace) -> None:
    db = kept.db()
    _keep(db, Seen(since=NOW - 24 * HOUR, until=NOW - 2 * HOUR, part="[bold]kestrel"))
    db.close()
    out = kept.run("coverage", "--query", NEWS.id).out
    assert "  [bold]kestrel" in out
    assert "2026-11-20 10:00" in out
    assert "rss/acme-air" not in out


def test_what_it_cost_and_where_that_leads(kept: Workspace) -> None:
    db = kept.db()
    with db.write() as connection:
        for at, reads in ((NOW, 100), (NOW - 48 * HOUR, 100)):
            spending.add(
                connection,
                NEWS,
                at,
                requests=4,
                received=2_500_000,
                reads=reads,
                money=reads * 5000,
            )
    db.close()
    said = kept.run("coverage", "--cost")
    assert said.status == 0
    (row,) = (line for line in said.out.splitlines() if "USD" in line and "│" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [*("hackernews/acme-air", "8", "5.0", "200", "1.00 USD", "1", "8,000")]
    # a dollar in 2 days, and 10 days and 12 hours to go less the minutes that the desk took
    assert "hackernews: 0.50 USD of 1.00 USD today, 1.00 USD of 20.00 USD this month" in said.out
    forecast = float(said.out.split("last 7 days ")[1].split()[0])
    assert 6.2 < forecast < 6.3


def test_programs_read_it_as_json(kept: Workspace) -> None:
    told = json.loads(kept.run("coverage", "--json", "--cost", "--days", "2").out)
    news, feed = told["queries"]
    assert (news["query_id"], feed["query_id"]) == ("hackernews/acme-air", "rss/acme-air")
    assert news["share"] == pytest.approx(0.5, abs=0.001)
    (part,) = news["parts"]
    assert [gap["reason"] for gap in part["open"]] == ["[red]1,200 hits[/red]"]
    assert part["open"][0]["since"] == "2026-11-20T00:00:00+00:00"
    assert [gap["kind"] for gap in part["lost"]] == ["limit"]
    assert part["filled"] == 1
    assert (feed["share"], feed["parts"]) == (None, [])
    assert told["spent"][0]["again"] == 2
    assert [one["account"] for one in told["accounts"]] == ["hackernews", "rss"]
    assert told["accounts"][0]["budget_month"] == 20_000_000


def test_a_query_that_is_not_there_is_named_with_the_nearest(kept: Workspace) -> None:
    said = kept.run("coverage", "--query", "hackernews/acme")
    assert said.status == 1
    assert "there is no query 'hackernews/acme'" in said.err
    assert "hackernews/acme-air" in said.err


def test_without_queries_it_says_so(workspace: Workspace) -> None:
    said = workspace.run("coverage")
    assert (said.status, said.out) == (
        0,
        "settings.toml has no [[listen]] block: nothing is polled\n",
    )


def test_an_account_of_a_source_that_is_not_there_is_named(workspace: Workspace) -> None:
    workspace.settings('[[account]]\nname = "birds"\nsource = "rsss"\n')
    said = workspace.run("coverage")
    assert said.status == 1
    assert "[[account]] 1 source: there is no source 'rsss' (did you mean 'rss'?)" in said.err


def test_a_query_is_held_to_its_accounts_terms(kept: Workspace) -> None:
    from earful.settings.load import load
    from pipeline.app import open_app

    app = open_app(load(kept.folder / "settings.toml"))
    terms = app.budget_policy(app.queries[0])
    assert (terms.account, terms.price, terms.budget_day) == ("hackernews", 5_000, 1_000_000)
    assert terms.limit.requests == 10_000
    app.db.close()
