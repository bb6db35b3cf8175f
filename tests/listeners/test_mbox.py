"""mbox files as mail programs write them, growing, replaced, damaged, hostile."""

from __future__ import annotations

import gzip
import mailbox
import tempfile
import tracemalloc
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earful.contracts import EdgeError, Permanent, Transient
from earful.types import Batch, Mention, Query
from listeners.mail.mbox import Mbox

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
LINE = "From ann@mail.example Sun May 19 10:00:00 2024\n"


def query(path: Path, **options: object) -> Query:
    values: dict[str, object] = {"path": str(path)} | options
    return Query(id="mbox/k", brand_id="k", source="mbox", options=values)


def poll(path: Path, position: str | None = None, **options: object) -> list[Batch]:
    return list(Mbox(clock=lambda: NOW).poll(query(path, **options), position))


def mentions(batches: list[Batch]) -> list[Mention]:
    return [mention for batch in batches for mention in batch.mentions]


def ids(batches: list[Batch]) -> list[str]:
    return [mention.external_id.partition("@")[0] for mention in mentions(batches)]


def mail(number: int, body: str = "It never came.", line: str = LINE) -> str:
    return (
        f"{line}From: Ann <ann@mail.example>\nMessage-ID: <{number}@mail.example>\n"
        f"Date: Sun, 19 May 2024 10:00:00 +0300\nSubject: Parcel\n\n{body}\n\n"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "support.mbox"


def test_mails_are_read(path: Path) -> None:
    path.write_text(mail(1) + mail(2, "Late.\n> We sent it.\n-- \nAnn"))
    first, second = mentions(poll(path))
    assert (first.source, first.text) == ("mbox", "Parcel\nIt never came.")
    assert first.published_at == datetime(2024, 5, 19, 7, 0, tzinfo=UTC)
    assert second.text == "Parcel\nLate."
    assert first.direct


def test_a_file_that_pythons_mailbox_wrote(path: Path) -> None:
    box = mailbox.mbox(path)
    for number in range(3):
        message = EmailMessage()
        message["From"], message["Message-ID"] = "ann@mail.example", f"<{number}@mail.example>"
        message["Date"] = "Sun, 19 May 2024 10:00:00 +0300"
        message.set_content(f"Number {number}\n\nFrom here on it was late.\n\n>From me\n")
        box.add(message)
    box.close()
    letters = mentions(poll(path))
    first_lines = [mention.text.splitlines()[0] for mention in letters]
    assert first_lines == ["Number 0", "Number 1", "Number 2"]
    assert all("From here on it was late." in mention.text for mention in letters)


@pytest.mark.parametrize(
    "line",
    [
        "From - Sun May 19 10:00:00 2024\n",
        "From \n",
        "From 1790000@xxx Sun May 19 10:00:00 +0000 2024\n",
        "From ann@mail.example Sun May 19 10:00:00 CEST 2024\r\n",
        "From MAILER-DAEMON Sun May 19 10:00 2024\n",
    ],
)
def test_how_programs_begin_a_message(path: Path, line: str) -> None:
    path.write_bytes((mail(1, line=line) + mail(2, line=line)).encode())
    assert ids(poll(path)) == ["1", "2"]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        (LINE, datetime(2024, 5, 19, 10, 0, tzinfo=UTC)),
        ("From 1@x Sun May 19 10:00:00 +0200 2024\n", datetime(2024, 5, 19, 8, 0, tzinfo=UTC)),
        ("From ann Sun May 19 10:00 2024\n", datetime(2024, 5, 19, 10, 0, tzinfo=UTC)),
    ],
)
def test_without_a_date_the_first_line_says_when(path: Path, line: str, at: datetime) -> None:
    path.write_text(mail(1, line=line).replace("Date: ", "X-Date: "))
    assert mentions(poll(path))[0].published_at == at


@pytest.mark.parametrize(
    "body",
    [
        "\nFrom here on it was late.",
        "x\nFrom ann@mail.example Sun May 19 10:00:00 2024",
        "\n>From ann@mail.example Sun May 19 10:00:00 2024",
        "\n>>From the shop at 10:00 in 2024",
    ],
)
def test_words_that_begin_like_a_message(path: Path, body: str) -> None:
    path.write_text(mail(1, f"Hello\n{body}\nend") + mail(2))
    batches = poll(path)
    assert ids(batches) == ["1", "2"]


def test_a_file_that_grows_is_read_on(path: Path) -> None:
    path.write_text(mail(1) + mail(2))
    first = poll(path)
    assert poll(path, first[-1].position) == []
    with path.open("a") as file:
        file.write(mail(3)[:-10])
    second = poll(path, first[-1].position)
    assert set(ids(second)) == {"2", "3"}  # the last one could have grown too: it is yielded again
    path.write_text(mail(1) + mail(2) + mail(3))
    third = poll(path, second[-1].position)
    assert [mention.text for mention in mentions(third)] == ["Parcel\nIt never came."]
    assert poll(path, third[-1].position) == []


def test_a_file_that_was_replaced_is_read_from_its_start(path: Path) -> None:
    path.write_text("".join(mail(number) for number in range(5)))
    position = poll(path)[-1].position
    path.write_text("".join(mail(number) for number in range(10, 20)))
    assert ids(poll(path, position)) == [str(number) for number in range(10, 20)]


def test_a_file_out_of_which_mails_were_deleted_is_read_from_its_start(path: Path) -> None:
    """As a mail program compacts it: it ends its mails with the same lines, some as long as others,
    so that what was read before may end where a mail ends now."""
    footer = ("Sent by the form on our page. " * 2 + "\n") * 30
    before, now = range(100, 120), [*range(100, 103), *range(105, 124)]
    path.write_text("".join(mail(number, f"No. {number}\n{footer}") for number in before))
    first = poll(path)
    path.write_text("".join(mail(number, f"No. {number}\n{footer}") for number in now))
    later_batches = poll(path, first[-1].position)
    assert {str(number) for number in [*before, *now]} == set(ids(first) + ids(later_batches))


def test_only_what_came_since(path: Path) -> None:
    old = mail(1).replace("19 May 2024", "19 May 2023")
    path.write_text(old + mail(2))
    assert ids(poll(path)) == ["1", "2"]
    assert ids(poll(path, since="30d")) == ["2"]


def test_own_and_automatic_mails_are_skipped(path: Path) -> None:
    path.write_text(
        mail(1)
        + mail(2).replace("Subject:", "Auto-Submitted: auto-replied\nSubject:")
        + mail(3).replace("ann@mail", "bob@kestrova")
        + mail(4).replace("Subject: Parcel", "Subject: ").replace("It never came.", "")
    )
    batches = poll(path, mine=["@Kestrova.example"])
    assert ids(batches) == ["1"]
    assert not any(batch.rejected for batch in batches)


def test_gzip_whole_and_cut(tmp_path: Path) -> None:
    path = tmp_path / "support.mbox.gz"
    packed = gzip.compress("".join(mail(number) for number in range(500)).encode(), mtime=0)
    path.write_bytes(packed)
    assert len(ids(poll(path))) == 500
    path.write_bytes(packed[: len(packed) // 2])
    batches: list[Batch] = []
    with pytest.raises(Transient, match="cut or damaged"):
        for batch in Mbox(clock=lambda: NOW).poll(query(path), None):
            batches.append(batch)
    assert ids(batches)
    path.write_bytes(packed)
    assert set(ids(batches) + ids(poll(path, batches[-1].position))) == {
        str(number) for number in range(500)
    }


def test_large_mails_are_not_loaded(path: Path) -> None:
    with path.open("w") as file:
        file.write(mail(1))
        file.write(mail(2).rstrip("\n") + "\n")
        for _ in range(200):
            file.write(("y" * 76 + "\n") * 1000)
        file.write("\n" + mail(3))
    tracemalloc.start()
    batches = poll(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ids(batches) == ["1", "2", "3"]
    assert peak < 8_000_000


@pytest.mark.parametrize("content", ["Dear all,\n", '{"text": "a"}\n', "\n\nHello\n"])
def test_a_file_that_is_no_mbox(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(Permanent, match="this is no mbox file"):
        poll(path)


def test_an_empty_one_is_fine(path: Path) -> None:
    path.write_text("")
    assert poll(path) == []
    path.write_text("\n")
    assert mentions(poll(path)) == []


PIECES = st.sampled_from(
    [mail(1), mail(2), LINE, "From \n", "\n", ">From ", "From: x\n", "é\x00", "\r\n", "Date: 1\n"]
).map(str.encode) | st.binary(max_size=6)


@given(pieces=st.lists(PIECES, max_size=12), grown=st.binary(max_size=4))
@settings(max_examples=80, deadline=None)
@example(pieces=[b"From "], grown=b"\n")
@example(pieces=[], grown=b"\x1f\x8b")
@example(pieces=[b"\x1f\x8b"], grown=b"\x08\x09")
@example(pieces=[b"PK\x03"], grown=b"\x04")
@example(pieces=[mail(1).encode(), b"\n\n"], grown=b"From")
def test_resuming_anywhere_reports_the_same(pieces: list[bytes], grown: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mbox"
        path.write_bytes(b"".join(pieces))
        try:
            batches = poll(path)
        except EdgeError:
            return
        all_reported = reported(batches)
        for number, batch in enumerate(batches):
            resumed = reported(batches[: number + 1]) | reported(poll(path, batch.position))
            assert resumed == all_reported
        path.write_bytes(path.read_bytes() + grown)
        position = batches[-1].position if batches else None
        try:
            later_batches = reported(poll(path, position))
        except EdgeError:
            return
        assert reported(poll(path)) <= all_reported | later_batches


def reported(batches: list[Batch]) -> set[str]:
    results = {repr(mention) for batch in batches for mention in batch.mentions}
    return results | {
        f"{reject.where} {reject.reason}" for batch in batches for reject in batch.rejected
    }


LABELS = [
    ("X-Gmail-Labels: Spam", "spam"),
    ("X-Gmail-Labels: Drafts", "a draft"),
    ("X-Gmail-Labels: Archived,Sent", "sent by us"),
    ("X-Gmail-Labels: Inbox,Trash,Opened", "deleted"),
    ("X-Gmail-Labels: Bin", "deleted"),
    ("X-Gmail-Labels: =?UTF-8?Q?Entw=C3=BCrfe?=", "a draft"),
    ("X-Gmail-Labels: =?UTF-8?Q?Archiviert,Gesendet,Ge=C3=B6ffnet?=", "sent by us"),
    ("X-Gmail-Labels: =?UTF-8?B?0J7RgtC/0YDQsNCy0LvQtdC90L3Ri9C1?=", "sent by us"),
    ("X-Gmail-Labels: =?UTF-8?Q?Messages_envoy=C3=A9s,?=\n =?UTF-8?Q?Important?=", "sent by us"),
    ("X-Gmail-Labels: Wichtig,Papierkorb", "deleted"),
    ("X-Gmail-Labels: Brouillons", "a draft"),
    ("X-Gmail-Labels: Enviados", "sent by us"),
    ("X-Gmail-Labels: Papelera", "deleted"),
    ("X-Gmail-Labels: Rascunhos", "a draft"),
    ("X-Gmail-Labels: ゴミ箱", "deleted"),
    ('X-Gmail-Labels: "[Gmail]/Sent Mail"', "sent by us"),
    ("X-GM-LABELS: \\\\Draft", "a draft"),
    ("X-Status: D", "deleted"),
    ("Status: RO\nX-Status: T", "a draft"),
    ("X-Mozilla-Status: 0009", "deleted"),
    ("X-Evolution: 00000a2b-0082", "deleted"),
]


@pytest.mark.parametrize(("mark", "reason"), LABELS)
def test_mail_that_no_customer_sent_is_left_out(path: Path, mark: str, reason: str) -> None:
    marked = mail(1).replace("Subject:", f"{mark}\nSubject:")
    path.write_text(marked + mail(2), encoding="utf-8")
    batches = poll(path)
    assert ids(batches) == ["2"]
    assert [dict(batch.left_out) for batch in batches] == [{reason: 1}]


@pytest.mark.parametrize(
    "mark",
    [
        "X-Gmail-Labels: Inbox,Important,Opened",
        "X-Gmail-Labels: Customers/Sent back,Spam complaints",
        "X-Gmail-Labels: =?UTF-8?Q?Posteingang,Ge=C3=B6ffnet?=",
        "X-Gmail-Labels: ",
        "Status: RO\nX-Status: AF",
        "X-Mozilla-Status: 0001",
        "X-Mozilla-Status: nonsense",
        "X-Evolution: 00000a2b-0010",
    ],
)
def test_mail_in_the_inbox_is_read(path: Path, mark: str) -> None:
    path.write_text(mail(1).replace("Subject:", f"{mark}\nSubject:"))
    assert ids(poll(path)) == ["1"]


def test_the_takeout_case_holds_no_customer() -> None:
    case = Path(__file__).parents[2].parent / "shared" / "data" / "cases" / "takeout-labels.mbox"
    if not case.is_file():
        pytest.skip("the inputs that failed are in shared/, which is not here")
    batches = list(Mbox(clock=lambda: datetime(2026, 11, 28, tzinfo=UTC)).poll(query(case), None))
    assert mentions(batches) == []
    assert sum(sum(batch.left_out.values()) for batch in batches) == 2
