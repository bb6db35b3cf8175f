"""`earful import FILE --yes` recognises files of other tools, in any container."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest
import zstandard
from cli_workspace import Workspace
from factories import rows

PLAY = (
    "Package Name,Reviewer Language,Review Submit Date and Time,Star Rating,Review Title,"
    "Review Text,Review Link\n"
    "com.kestrova,el,2026-03-14T15:07:00Z,1,,Δεν ήρθε,https://play.google.com/x?reviewId=gp%3AA\n"
)
CHAT = (
    "[14/03/2026, 17:00:00] Shop: \u200eMessages are end-to-end encrypted.\r\n"
    "[14/03/2026, 17:07:00] Nell: Where is my parcel?\r\nThree weeks!\r\n"
    "[14/03/2026, 17:08:00] Una: \u200eimage omitted\r\n"
)
DUMP = {
    "id": "oab01",
    "author": "pia_k",
    "body": "Kestrova lost my parcel",
    "created_utc": 1773500820,
    "link_id": "t3_1x",
    "subreddit": "shops",
}
PAGE = {
    "data": [
        {"id": "203", "author_id": "7", "text": "down", "created_at": "2026-03-14T15:07:00.000Z"}
        | {"public_metrics": {"like_count": 1}}
    ],
    "includes": {"users": [{"id": "7", "username": "nell_ro", "name": "Nell"}]},
    "meta": {"result_count": 1},
}
BRANDWATCH = (
    "Report:,Bulk Mentions Download\nBrand:,Kestrova\nFrom:,Sun Mar 08 00:00:00 UTC 2026\n\n"
    "Query Id,Date,Full Text,Author,Resource Id\n"
    '2001,2026-03-14 15:07:00.0,"Kestrova charged me twice\nand nobody answers",nell_ro,abc1\n'
)


def zipped(name: str, content: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, content)
    return target.getvalue()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Review Id", "Review Created (UTC)", "Review Stars", "Review Title"])
    sheet.cell(1, 5, "Review Content")
    sheet.append(["s1", "2026-03-14 15:07:00", 1, "Never again", "They charged me twice"])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "source", "external_id", "handle", "text"),
    [
        ("play.csv", PLAY.encode("utf-16"), "googleplay", "gp:A", "anonymous", "Δεν ήρθε"),
        (
            *("chat.zip", zipped("_chat.txt", CHAT), "whatsapp", None, "Nell"),
            "Where is my parcel?\nThree weeks!",
        ),
        (
            *("RC_2026.zst", zstandard.compress(json.dumps(DUMP).encode() + b"\n"), "reddit"),
            *("t1_oab01", "pia_k", "Kestrova lost my parcel"),
        ),
        ("pages.json", json.dumps(PAGE).encode(), "x", "203", "nell_ro", "down"),
        (
            *("reviews.xlsx", workbook(), "trustpilot", "s1", "anonymous"),
            "Never again\nThey charged me twice",
        ),
        (
            *("report.csv", BRANDWATCH.encode(), "brandwatch", "abc1", "nell_ro"),
            "Kestrova charged me twice\nand nobody answers",
        ),
    ],
)
def test_a_file_is_recognised_and_stored_once(
    workspace: Workspace,
    name: str,
    content: bytes,
    source: str,
    external_id: str | None,
    handle: str,
    text: str,
) -> None:
    Path(workspace.folder / name).write_bytes(content)
    done = workspace.run("import", name, "--yes")
    assert done.status == 0, done.out + done.err
    assert "1 new" in done.out
    db = workspace.db()
    ((stored_source, stored_id, stored_handle, stored_text),) = rows(
        db,
        "SELECT m.source, m.external_id, a.handle, m.text FROM mention m "
        "JOIN author a ON a.id = m.author_id",
    )
    db.close()
    assert (stored_source, stored_handle, stored_text) == (source, handle, text)
    assert external_id in (None, stored_id)
    again = workspace.run("import", name, "--yes")
    assert "0 new, 1 known" in again.out


def test_the_zone_above_a_header_is_that_of_the_times(workspace: Workspace) -> None:
    Path(workspace.folder / "report.csv").write_text(BRANDWATCH)
    shown = workspace.run("import", "report.csv", "--dry-run")
    assert "assumed: Times are in UTC, as the lines above the header say." in shown.out
    assert "2026-03-14 15:07 UTC" in shown.out


def test_an_order_of_dates_that_nothing_proves_is_asked_for(workspace: Workspace) -> None:
    chat = "03/04/26, 17:07 - Nell: late\n03/04/26, 17:08 - Una: me too\n"
    Path(workspace.folder / "chat.txt").write_text(chat)
    refused = workspace.run("import", "chat.txt", "--yes")
    assert refused.status == 1
    assert "--dates dmy" in refused.err
    stored = workspace.run("import", "chat.txt", "--yes", "--dates", "dmy")
    assert (stored.status, "2 new" in stored.out) == (0, True)


def test_a_format_that_does_not_fit_is_refused_with_its_columns(workspace: Workspace) -> None:
    Path(workspace.folder / "a.csv").write_text("Colour,Size\nred,3\n")
    refused = workspace.run("import", "a.csv", "--from", "trustpilot")
    assert refused.status == 1
    assert "This is no file of Trustpilot" in refused.err
    assert "Colour, Size" in refused.err


def test_map_names_the_column_that_was_open(workspace: Workspace) -> None:
    Path(workspace.folder / "a.csv").write_text("Message,Comment,Date\nlate,x,2026-03-14\n")
    refused = workspace.run("import", "a.csv", "--source", "crm", "--yes")
    assert refused.status == 1
    assert "'Message' and 'Comment' can both be text" in refused.err
    done = workspace.run("import", "a.csv", "--source", "crm", "--yes", "--map", "text=Message")
    assert (done.status, "1 new" in done.out) == (0, True)


def test_dates_are_proven_by_a_row_far_down_the_file(workspace: Workspace) -> None:
    early = [f"[0{day}/04/2026, 1{n}:07:00] Nell: late" for day in range(1, 9) for n in range(10)]
    lines = [*early, *early, "[28/04/2026, 17:07:00] Nell: it came"]
    Path(workspace.folder / "chat.txt").write_text("\n".join(lines))
    shown = workspace.run("import", "chat.txt", "--dry-run")
    assert "assumed: Dates are read as day before month: '28/04/2026 17:07:00'" in shown.out
    assert shown.status == 0


MAILS = """\
From nell@home.example Sat Mar 14 16:07:00 2026
From: Nell <nell@home.example>
Subject: Refund
Date: Sat, 14 Mar 2026 18:07:00 +0200
Message-ID: <a1@home.example>

You charged me twice.

From care@acme.example Sat Mar 14 16:17:00 2026
From: Care <care@acme.example>
Subject: Re: Refund
Date: Sat, 14 Mar 2026 18:17:00 +0200
Message-ID: <a2@acme.example>

We are sorry.

From win@spam.example Sat Mar 14 16:18:00 2026
X-Gmail-Labels: Spam
From: Prize <win@spam.example>
Subject: You have won
Date: Sat, 14 Mar 2026 18:18:00 +0200
Message-ID: <a3@spam.example>

Act now.

"""


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_mailbox_is_imported(workspace: Workspace, is_packed: bool) -> None:
    path = workspace.folder / ("care.mbox.gz" if is_packed else "care.mbox")
    path.write_bytes(gzip.compress(MAILS.encode()) if is_packed else MAILS.encode())
    shown = workspace.run("import", path.name, "--dry-run")
    assert "format: mailbox (mbox)" in shown.out
    assert "nell@home.example  Refund" in shown.out
    asked = workspace.run("import", path.name)
    assert asked.status == 1 and "--yes" in asked.err
    done = workspace.run("import", path.name, "--mine", "acme.example")
    assert done.status == 0, done.err
    db = workspace.db()
    texts = rows(db, "SELECT source, text FROM mention")
    db.close()
    assert [(row.source, row.text.split()[-1]) for row in texts] == [("mbox", "twice.")]
    again = workspace.run("import", path.name, "--mine", "acme.example")
    assert " 0 new, 1 known" in again.out, again.out
    refused = workspace.run("import", path.name, "--map", "text=a", "--source", "x")
    assert refused.status == 1
    assert "Leave out --map, --source." in refused.err.replace("\n", " ")
