"""Mails are parsed into author, time and the writer's own text."""

from __future__ import annotations

import base64
import quopri
from datetime import UTC, datetime
from textwrap import dedent

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mail_phrases import WROTE

from earful.contracts import BadItem
from listeners.mail.message import ParsedMail, parse_mail, parse_sender, skip_reason, to_mention

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
HEAD = (
    "From: Ann Example <Ann@Mail.Example>\nTo: help@kestrova.example\nSubject: My parcel\n"
    "Date: Sun, 19 May 2024 10:00:00 +0300\nMessage-ID: <one@mail.example>\n"
)


def mail(body: str, *headers: str, kind: str = "text/plain; charset=utf-8") -> bytes:
    """A mail with one part; ``headers`` come behind the usual ones."""
    extra = "".join(f"{line}\n" for line in headers)
    return f"{HEAD}{extra}Content-Type: {kind}\n\n{dedent(body)}".encode()


def text_of(raw: bytes) -> str:
    return parse_mail(raw).text


def test_a_mail_has_author_text_and_time() -> None:
    parsed = parse_mail(mail("It never came.\n", "In-Reply-To: <zero@kestrova.example>"))
    assert parsed == ParsedMail(
        external_id="one@mail.example",
        reply_to="zero@kestrova.example",
        address="ann@mail.example",
        name="Ann Example",
        sent_at=datetime(2024, 5, 19, 7, 0, tzinfo=UTC),
        subject="My parcel",
        text="It never came.",
        automation="",
    )


def test_a_mail_becomes_a_mention_addressed_to_us() -> None:
    mention = to_mention(
        parse_mail(mail("It never came.\n")), source="mail", received_at=NOW, fetched_at=NOW
    )
    assert mention.text == "My parcel\nIt never came."
    assert (mention.author.external_id, mention.author.name) == ("ann@mail.example", "Ann Example")
    assert mention.direct and mention.lang is None and mention.url is None
    assert mention.published_at == datetime(2024, 5, 19, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "date", ["Sun, 19 May 2044 10:00:00 +0300", "yesterday", "", "Mon, 1 Jan 1970 00:00:00 +0000"]
)
def test_an_impossible_date_is_replaced_by_the_arrival(date: str) -> None:
    raw = mail("hello").replace(b"Sun, 19 May 2024 10:00:00 +0300", date.encode())
    arrived_at = datetime(2024, 5, 20, 8, 0, tzinfo=UTC)
    assert (
        to_mention(
            parse_mail(raw), source="mail", received_at=arrived_at, fetched_at=NOW
        ).published_at
        == arrived_at
    )


def test_a_mail_without_any_time_is_rejected() -> None:
    raw = mail("hello").replace(b"Sun, 19 May 2024 10:00:00 +0300", b"yesterday")
    with pytest.raises(BadItem, match="Date: it cannot be read"):
        to_mention(parse_mail(raw), source="mbox", received_at=None, fetched_at=NOW)


@pytest.mark.parametrize(
    ("header", "address", "name"),
    [
        ("Ann <ann@x.example>", "ann@x.example", "Ann"),
        ('"Example, Ann" <ANN@x.example>', "ann@x.example", "Example, Ann"),
        ("ann@x.example (Ann E.)", "ann@x.example", "Ann E."),
        ("ann@x.example", "ann@x.example", None),
        ("=?utf-8?B?zobOvc69zrE=?= <ann@x.example>", "ann@x.example", "Άννα"),
        ("=?iso-8859-7?Q?=B6=ED=ED=E1?= <ann@x.example>", "ann@x.example", "Άννα"),
        ('"boss@kestrova.example" <ann@x.example>', "ann@x.example", "boss@kestrova.example"),
        ("Ann Example", "", "Ann Example"),
        ("<>", "", "<>"),
        ("", "", None),
        ("(" * 5000, "", "(" * 120),
    ],
)
def test_senders(header: str, address: str, name: str | None) -> None:
    assert parse_sender(header) == (address, name)


def test_two_senders_without_an_address_are_two_authors() -> None:
    authors = set()
    for number in (b"one", b"two"):
        raw = mail("hello").replace(b"Ann Example <Ann@Mail.Example>", b"Ann")
        parsed = parse_mail(raw.replace(b"<one@", b"<" + number + b"@"))
        authors.add(
            to_mention(parsed, source="mail", received_at=NOW, fetched_at=NOW).author.external_id
        )
    assert len(authors) == 2


@pytest.mark.parametrize("bad", ["", "one", "<a b@c>", "<" + "x" * 300 + "@y>", "<\udcff@x>"])
def test_a_mail_without_usable_id_keeps_its_derived_id(bad: str) -> None:
    raw = mail("hello").replace(b"<one@mail.example>", bad.encode("utf-8", "surrogateescape"))
    first = parse_mail(raw).external_id
    assert first.startswith("mail-")
    assert parse_mail(raw + b"\nX").external_id == first
    other = raw.replace(b"10:00:00", b"10:00:01")
    assert parse_mail(other).external_id != first


class TestCharsets:
    """Text is decoded as it was meant, even where the mail declares another charset."""

    @pytest.mark.parametrize(
        ("charset", "encoding"),
        [
            ("utf-8", "utf-8"),
            ("iso-8859-7", "iso-8859-7"),
            ('"windows-1253"', "cp1253"),
            ("us-ascii", "utf-8"),
            ("iso-8859-1", "utf-8"),
            ("x-unknown", "utf-8"),
            ("punycode", "utf-8"),
            ("utf-8\0", "utf-8"),
            ("", "utf-8"),
        ],
    )
    @pytest.mark.parametrize("coding", ["8bit", "base64", "quoted-printable"])
    def test_body(self, charset: str, encoding: str, coding: str) -> None:
        data = "Το δέμα μου άργησε\n".encode(encoding)
        if coding == "base64":
            data = base64.encodebytes(data)
        elif coding == "quoted-printable":
            data = quopri.encodestring(data)
        head = f"{HEAD}Content-Type: text/plain; charset={charset}\n".encode()
        raw = head + f"Content-Transfer-Encoding: {coding}\n\n".encode() + data
        assert text_of(raw) == "Το δέμα μου άργησε"

    def test_a_superset_of_the_declared_charset(self) -> None:
        head = f"{HEAD}Content-Type: text/plain; charset=gb2312\n\n".encode()
        assert text_of(head + "你們的鎔爐".encode("gb18030")) == "你們的鎔爐"

    def test_a_charset_declared_by_rfc_2231(self) -> None:
        head = f"{HEAD}Content-Type: text/plain; charset*=us-ascii'en'iso-8859-7\n\n".encode()
        assert text_of(head + "άργησε".encode("iso-8859-7")) == "άργησε"

    def test_cut_in_the_middle_of_a_character(self) -> None:
        raw = mail("Το δέμα μου άργησε")
        assert text_of(raw[:-1]) == "Το δέμα μου άργησ"

    def test_cut_in_the_middle_of_base64(self) -> None:
        head = f"{HEAD}Content-Transfer-Encoding: base64\n\n".encode()
        data = base64.encodebytes(b"The box was open and wet. " * 8)
        assert text_of(head + data[:100]).startswith("The box was open and wet. The box")

    @pytest.mark.parametrize(
        ("subject", "expected"),
        [
            ("=?utf-8?Q?=CE=91=CF=81=CE=B3=CE=B5=CE=AF?=", "Αργεί"),
            # a letter split between two words, which RFC 2047 forbids and programs do
            ("=?utf-8?Q?=CE?=\n =?utf-8?Q?=91=CF=81=CE=B3=CE=B5=CE=AF?=", "Αργεί"),
            ("Re: =?iso-8859-7?B?wfHj5d8=?= (2)", "Re: Αργεί (2)"),
            ("=?utf-8?B?zpHPgc6zzrXOrw?=", "Αργεί"),
            ("=?x-unknown?Q?late?=", "late"),
            ("=?utf-8?X?late?=", "=?utf-8?X?late?="),
            ("=?utf-8?B?é!!?=", "=?utf-8?B?é!!?="),
            ("folded\n\tline", "folded line"),
        ],
    )
    def test_subjects(self, subject: str, expected: str) -> None:
        raw = mail("hello").replace(b"My parcel", subject.encode())
        assert parse_mail(raw).subject == expected


def parts(kind: str, *bodies: str) -> str:
    """A multipart body with its Content-Type."""
    inside = "".join(f"--{kind}\n{body}\n" for body in bodies)
    return f'Content-Type: multipart/{kind}; boundary="{kind}"\n\n{inside}--{kind}--\n'


PLAIN = "Content-Type: text/plain\n\nIt never came.\n"
HTML = "Content-Type: text/html\n\n<p>It <b>never</b> came&nbsp;here.</p>\n"
PHOTO = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
NOTE = (
    "Content-Type: text/plain; name=log.txt\nContent-Disposition: attachment; filename=log.txt\n\n"
    "SECRET LOG\n"
)


class TestParts:
    """The text parts of a mail are read, its attachments are not."""

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (parts("alternative", PLAIN, HTML), "It never came."),
            (parts("alternative", "Content-Type: text/plain\n\n \n", HTML), "It never came here."),
            (parts("alternative", HTML), "It never came here."),
            (HTML, "It never came here."),
            (parts("mixed", PLAIN, PHOTO, NOTE), "It never came."),
            (parts("mixed", PLAIN, PHOTO, PLAIN), "It never came.\n\nIt never came."),
            (parts("mixed", parts("alternative", PLAIN, parts("related", HTML, PHOTO)), NOTE),
             "It never came."),
            (parts("mixed", parts("alternative", parts("related", HTML, PHOTO))),
             "It never came here."),
            (parts("mixed", NOTE), ""),
            (parts("mixed", "Content-Type: message/rfc822\n\n" + HEAD + PLAIN), ""),
            ("Content-Type: application/pdf\n\n%PDF", ""),
            ("Content-Type: multipart/mixed\n\nno boundary at all\n", ""),
            ("Content-Type: nonsense\n\nIt never came.\n", "It never came."),
            ("\nIt never came.\n", "It never came."),
        ],
    )  # fmt: skip
    def test_words(self, body: str, expected: str) -> None:
        assert text_of((HEAD + body).encode()) == expected

    def test_cut_before_the_last_boundary(self) -> None:
        whole = HEAD + parts("mixed", PLAIN, PHOTO)
        assert text_of(whole[: whole.index("iVBOR") + 3].encode()) == "It never came."

    def test_a_thousand_levels_are_not_gone_down(self) -> None:
        body = PLAIN
        for number in range(1000):
            body = f'Content-Type: multipart/mixed; boundary="{number}"\n\n--{number}\n{body}'
        parsed = parse_mail((HEAD + body).encode())
        assert (parsed.text, parsed.subject) == ("", "My parcel")

    def test_flowed(self) -> None:
        raw = mail(
            "This sentence was \nbroken by the \nprogram.\n> and this \n> is not mine\n"
            "It is \n-- \nAnn\n",
            kind="text/plain; format=flowed",
        )
        assert text_of(raw) == "This sentence was broken by the program.\nIt is"

    def test_flowed_with_delsp(self) -> None:
        raw = mail("壊れ \nていた\n", kind="text/plain; charset=utf-8; format=flowed; delsp=yes")
        assert text_of(raw) == "壊れていた"


class TestSkippedMails:
    """Mails that no person wrote to us."""

    @pytest.mark.parametrize(
        ("header", "automation"),
        [
            ("Auto-Submitted: auto-replied", "automatic"),
            ("auto-submitted: Auto-Generated; owner-email=x", "automatic"),
            ("Auto-Submitted: no", ""),
            ("Precedence: bulk", "automatic"),
            ("Precedence: list", "mailing list"),
            ("Precedence: first-class", ""),
            ("X-Auto-Response-Suppress: All", "automatic"),
            ("X-Auto-Response-Suppress: None", ""),
            ("X-Autoreply: yes", "automatic"),
            ("List-Id: Friends <friends.mail.example>", "mailing list"),
            ("List-Unsubscribe: <mailto:x@mail.example>", "mailing list"),
            ("Return-Path: <>", "bounce"),
            ("Return-Path: <ann@mail.example>", ""),
            ("X-Earful-Key: flag-7", "our own alert"),
        ],
    )
    def test_headers(self, header: str, automation: str) -> None:
        parsed = parse_mail(mail("hello", header))
        assert (parsed.automation, bool(parsed.text)) == (automation, not automation)
        assert skip_reason(parsed, ()) == automation

    def test_a_report(self) -> None:
        parsed = parse_mail((HEAD + parts("report", PLAIN)).encode())
        assert parsed.automation == "bounce"

    @pytest.mark.parametrize(
        "address",
        [
            "MAILER-DAEMON@x.example",
            "no-reply@x.example",
            "donotreply@x.example",
            "bounce+a@x.example",
        ],
    )
    def test_addresses(self, address: str) -> None:
        raw = mail("hello").replace(b"Ann@Mail.Example", address.encode())
        assert parse_mail(raw).automation == "automatic"

    @pytest.mark.parametrize(
        ("own", "expected"),
        [
            ("mail.example", "our own"),
            ("ann@mail.example", "our own"),
            ("example", "our own"),
            ("bob@mail.example", ""),
            ("il.example", ""),
        ],
    )
    def test_mine(self, own: str, expected: str) -> None:
        assert skip_reason(parse_mail(mail("hello")), [own]) == expected

    def test_empty(self) -> None:
        raw = mail("\n").replace(b"My parcel", b"")
        assert skip_reason(parse_mail(raw), ()) == "empty"


PIECES = st.sampled_from(
    [
        *(line.encode() for line in HEAD.splitlines(keepends=True)),
        *(piece.encode() for piece in (PLAIN, HTML, PHOTO, NOTE, "\n", "\n\n", "> ", *WROTE[:4])),
        b"Content-Type: text/plain; charset*0*=utf-8''%ff; charset=\"\x00\"\n",
        b"Content-Transfer-Encoding: x-uuencode\n\nbegin 666 x\n#86%Aaa\n",
        b'Content-Type: multipart/mixed; boundary="a"\n\n--a\n',
        b"--a--\n",
        b"=?utf-7?B?!!?= =?x?q?=ff?=",
        b"<blockquote><!--<style>",
        b"\xed\xa0\x80\xff\xfe\x00",
        b"(((((<a@b",
        b"Date: Mon, 20 May 2024 10:00:00 +99999999999999999999\n",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=30))
@settings(max_examples=300, deadline=None)
@example([b'Content-Type: text/plain; charset="\x00"\n\nx'])
@example([b"From: " + b"(" * 3000])
def test_any_bytes_are_a_mail(pieces: list[bytes]) -> None:
    parsed = parse_mail(b"".join(pieces))
    mention = to_mention(parsed, source="mail", received_at=NOW, fetched_at=NOW)
    assert mention.external_id and len(mention.text) <= 40_000
    mention.text.encode()
    mention.author.handle.encode()


@pytest.mark.parametrize(
    "body",
    [
        "On a" * 60_000,
        "> " * 120_000,
        "From: a\n" * 30_000,
        "On 3 May 2024\n" * 18_000,
        "<blockquote>" * 20_000,
        "<div class=gmail_quote " * 11_000,
        "<!--" * 60_000,
        "_" * 250_000,
        "=?utf-8?Q?" * 25_000,
        "-- " * 80_000,
        "a \n" * 80_000,
        "-" * 125_000 + " " + "-" * 125_000,
    ],
    ids=lambda body: body[:12].strip() or "spaces",
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html", "text/plain; format=flowed"])
@pytest.mark.timeout(60)  # they take less than a second; hours, where a pattern backtracks
def test_hostile_mails_end(body: str, kind: str) -> None:
    head = f"{HEAD.replace('My parcel', body[:3000])}Content-Type: {kind}\n\n"
    assert parse_mail((head + body).encode()).address == "ann@mail.example"
