"""Every file that people brought and that failed: the case's command gives the right value now."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from case_world import Cases, CaseWorld

import sentiment
from pipeline.app import App

# the cases of other suites in this folder, and of a later change
ELSEWHERE = {"digest-dst", "feed-dates.xml", "feed-new-guids-1.xml", "feed-new-guids-2.xml"}
ELSEWHERE |= {"match.tsv", "takeout-labels.mbox", "classify.tsv"}
OWN_TESTS = {"own-export", "deleted-accounts.ndjson", "missing-words.jsonl", "nested-name.jsonl"}
OWN_TESTS |= {"other-author-same-id.csv", "same-id-rows.csv", "survey-alike.csv", "cp1253.csv"}
OWN_TESTS |= {"title-and-text.csv", "local-dates.csv"}
_BEFORE = "--brand Kestrova --source"
_ID_20 = "2032145678901234567"

# case: its command, and the right values of its mentions, oldest first
STORED: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "ampm.csv": (
        f"{_BEFORE} x --timezone UTC --map "
        "'text=Message,author=Profile,id=Message ID,published_at=Timestamp'",
        [
            {"id": "m2", "at": "2026-03-14T00:30:00Z"},
            {"id": "m1", "at": "2026-03-14T17:07:00Z"},
        ],
    ),
    "comma-in-header.csv": (
        f"{_BEFORE} survey --map 'text=What went wrong, if anything?,published_at=Timestamp'",
        [{"text": "The parcel came late", "at": "2026-03-14T15:07:12Z"}],
    ),
    "digits-time.tsv": (
        f"{_BEFORE} gdelt --map 'text=Title,published_at=DATE,id=GKGRECORDID'",
        [{"id": "20260314150700-1", "at": "2026-03-14T15:07:00Z"}],
    ),
    "entities.jsonl": (
        f"{_BEFORE} x --map text=full_text,author=user.screen_name,id=id,published_at=created_at",
        [{"id": _ID_20, "text": "@kestrova charged twice & no reply <3 days", "author": "nell_ro"}],
    ),
    "excel-proof-ids.csv": (
        f"{_BEFORE} x",
        [{"id": _ID_20, "author": "nell_ro"}, {"id": "2032145678901234568", "author": "tomas_b"}],
    ),
    "local-counts.csv": (
        f"{_BEFORE} x",
        [
            {"followers": 12345, "likes": 1234},
            {"followers": 12000, "likes": 1234},
            {"followers": 1200000, "likes": 3},
        ],
    ),
    "mojibake.jsonl": (
        f"{_BEFORE} facebook --map text=comment,author=author,published_at=timestamp",
        [{"text": "Καλημέρα, το δέμα δεν ήρθε 😡", "author": "Ελένη Παππά"}],
    ),
    "play-console-utf16.csv": (
        f"{_BEFORE} googleplay --map 'text=Review Text,"
        "published_at=Review Submit Date and Time,lang=Reviewer Language,url=Review Link'",
        [{"at": "2026-03-14T15:07:00Z", "lang": "el"}],
    ),
    "preamble.csv": (
        f"{_BEFORE} x --timezone UTC --map "
        "'text=Full Text,author=Author,id=Resource Id,published_at=Date'",
        [{"id": "abc1", "text": "Kestrova charged me twice\nand nobody answers"}],
    ),
    "quoted.tsv": (
        f"{_BEFORE} x",
        [{"text": 'He said "no refund" and left'}, {"text": "Two\nlines"}],
    ),
    "telegram-pieces.jsonl": (
        f"{_BEFORE} telegram --map "
        "text=text,author=from,author_id=from_id,id=id,published_at=date_unixtime",
        [{"text": "see https://kestrova.example it is broken", "author_id": "user9"}],
    ),
    "trailing-delimiter.csv": (
        f"{_BEFORE} x",
        [{"text": "Kestrova broke"}, {"text": "Kestrova is great"}],
    ),
    "x-archive.js": (
        f"{_BEFORE} x --format jsonl --map "
        "text=tweet.full_text,id=tweet.id_str,published_at=tweet.created_at",
        [{"id": _ID_20, "text": "@kestrova charged twice"}],
    ),
    "youtube-takeout.csv": (
        f"{_BEFORE} youtube --map 'text=Comment Text,author_id=Channel ID,id=Comment ID,"
        "published_at=Comment Create Timestamp'",
        [{"id": "UgxA", "text": "Kestrova never answers @kestrova", "author_id": "UCaa"}],
    ),
    "zone-names.csv": (
        f"{_BEFORE} x --timezone Europe/Athens",
        [{"at": "2026-03-14T16:07:00Z"}, {"at": "2026-07-13T15:07:00Z"}],
    ),
}


@pytest.mark.parametrize("name", sorted(STORED))
def test_a_case_is_stored_right_and_once(world: CaseWorld, name: str) -> None:
    command, expected = STORED[name]
    mentions = world.imported(f"import {name} {command}")
    values = [
        {field: row[field] for field in right}
        for row, right in zip(mentions, expected, strict=True)
    ]
    assert values == expected
    again = world.earful(f"import {name} {command}")
    assert again.out.startswith(f"{len(expected)} row")
    assert ": 0 new, " in again.out


@pytest.mark.parametrize("name", sorted(STORED))
def test_a_command_is_the_one_of_its_case(cases: Cases, name: str) -> None:
    text = cases.read(f"{name}.expect.md").partition("```sh\n")[2].partition("\n```")[0]
    assert shlex.split(text) == ["earful", *shlex.split(f"import {name} {STORED[name][0]}")]


def test_a_zone_of_the_command_wins_over_a_rule(world: CaseWorld) -> None:
    (world.folder / "events.csv").write_text(
        "GLOBALEVENTID,DATEADDED,Title\n1,20260314150700,Kestrova refuses refunds\n"
    )
    command = "import events.csv --brand Kestrova --source press --map text=Title"
    command += ",published_at=DATEADDED,id=GLOBALEVENTID"
    assert world.imported(command)[0]["at"] == "2026-03-14T15:07:00Z"
    elsewhere = command.replace("press", "wire")
    mentions = world.imported(f"{elsewhere} --timezone Europe/Athens")
    assert mentions[0]["at"] == "2026-03-14T13:07:00Z"


def test_every_case_has_its_test(cases: Cases) -> None:
    assert cases.names() <= STORED.keys() | OWN_TESTS | ELSEWHERE


def test_an_error_names_the_encoding_option_and_it_works(world: CaseWorld) -> None:
    command = (
        f"import cp1253.csv {_BEFORE} shop --timezone Europe/Athens "
        "--map text=Comment,author=Customer,published_at=Date"
    )
    first = world.earful(command)
    assert "--encoding" in first.out + first.err
    mentions = world.imported(f"{command} --encoding cp1253")
    assert [row["text"] for row in mentions] == ["Το δέμα δεν ήρθε", "all fine"]


def test_deleted_accounts_are_two_people(world: CaseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "classifier", lambda _app: sentiment.load())
    mentions = world.imported(
        f"import deleted-accounts.ndjson {_BEFORE} reddit "
        "--map text=body,author=author,published_at=created_utc,id=id"
    )
    assert len(mentions) == len({row["author_id"] for row in mentions}) == 2
    assert not {row["text"] for row in mentions} & {"[removed]", "[deleted]"}
    _judge(world)
    assert world.count("case") == 2


def test_missing_words_and_names(world: CaseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "classifier", lambda _app: sentiment.load())
    done = world.earful(f"import missing-words.jsonl {_BEFORE} x")
    assert done.out.startswith("3 rows: 2 new, 1 not read (1 × no text) → ")
    mentions = world.mentions()
    assert {row["author"] for row in mentions} == {"anonymous"}
    assert len({row["author_id"] for row in mentions}) == 2
    _judge(world)
    assert world.count("case") == 2


def _judge(world: CaseWorld) -> None:
    assert world.earful("classify").status == 0
    assert world.earful("flag --all").status == 0


def test_dates_in_local_orders_need_the_option(world: CaseWorld) -> None:
    command = f"import local-dates.csv {_BEFORE} x --timezone Europe/Athens"
    refused = world.earful(command)
    assert refused.status == 1
    assert "--dates" in refused.out + refused.err
    mentions = world.imported(f"{command} --dates dmy")
    # the third is month first, which dmy cannot read
    assert [(row["id"], row["at"]) for row in mentions] == [
        ("2", "2026-03-13T22:00:00Z"),
        ("1", "2026-03-14T15:07:00Z"),
    ]


def test_a_nested_name_that_no_row_has(world: CaseWorld) -> None:
    done = world.earful(f"import nested-name.jsonl {_BEFORE} x --map author=user.username")
    assert done.status == 1
    assert "did you mean 'user.screen_name'?" in done.err.replace("\n", " ")


def test_other_authors_under_one_id_are_in_the_rejects(world: CaseWorld) -> None:
    done = world.earful(f"import other-author-same-id.csv {_BEFORE} x")
    assert (done.status, done.out.partition(" (")[0]) == (0, "3 rows: 1 new, 2 not read")
    lines = (world.folder / "other-author-same-id.csv.rejects.jsonl").read_text().splitlines()
    words = [json.loads(line)["raw"] for line in lines]
    assert ["Same here and no refund" in words[0], "All good for me" in words[1]] == [True, True]


def test_own_export_comes_back(world: CaseWorld) -> None:
    (world.folder / "a.csv").write_text(
        "id,text,author,published_at\n"
        "1,Kestrova broke,nell_ro,2026-03-14T15:07:00Z\n"
        "2,=1+1 and it broke,,2026-03-14T15:08:00Z\n"
    )
    world.imported(f"import a.csv --source x {_BEFORE.removesuffix(' --source')}")
    for name in ("csv", "jsonl"):
        world.earful(f"export --format {name} --out o.{name}")
        again = world.earful(f"import o.{name} --source x --brand Kestrova")
        assert (again.status, again.out) == (0, "2 rows: 0 new, 2 known\n"), again.err


def test_messages_of_one_ticket_are_all_stored(world: CaseWorld) -> None:
    command = (
        f"import same-id-rows.csv {_BEFORE} zendesk "
        "--map 'text=Message,author=From,id=Ticket,published_at=Sent'"
    )
    assert len(world.imported(command)) == 3
    assert world.earful(command).out == "3 rows: 0 new, 3 known\n"


def test_answers_that_are_alike_are_of_different_people(world: CaseWorld) -> None:
    command = f"import survey-alike.csv {_BEFORE} survey --timezone Europe/Athens"
    assert len(world.imported(command)) == 4
    assert world.earful(command).out.startswith("4 rows: 0 new, 4 known\n")


def test_a_second_text_column_is_joined_not_dropped(world: CaseWorld) -> None:
    before = f"import title-and-text.csv {_BEFORE} trustpilot --timezone UTC --map"
    rest = "published_at=Review Created (UTC),id=Review Id,author=Review Username"
    refused = world.earful(f"{before} 'text=Review Title,text=Review Content,{rest}'")
    assert refused.status == 1
    assert "text=Review Title+Review Content" in refused.err.replace("\n", " ")
    mentions = world.imported(
        f"{before} 'text=Review Title+Review Content,{rest},rating=Review Stars'"
    )
    assert [(row["id"], row["rating_kind"], row["rating_value"]) for row in mentions] == [
        ("s1", "stars", 1),
        ("s3", "stars", 1),
    ]
    assert mentions[0]["text"].startswith("I want my money back, third time")
    assert mentions[1]["text"] == "Worst shop ever, never again"
