"""The source "mail" against a live SMTP and IMAP server."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import pytest
from imap_site import Box, ImapSite, imap_site
from mail_server import PASSWORD, MailServer, cutting_proxy, dovecot, imap_of, mail_server

import listeners
from earful.contracts import Permanent, Transient
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.settings.errors import SettingsError
from earful.types import Batch, Mention, Query
from listeners.mail.listener import Mail
from listeners.mail.mailbox import quote_folder

_numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as one:
        yield one


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", PASSWORD)


@pytest.fixture
def user() -> str:
    """A mailbox that no other test has."""
    return f"help{next(_numbers)}@kestrova.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1; its key lies beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so there is no certificate to test TLS with")
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made += ["-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    return file


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)


def query(number: int, user: str, **options: object) -> Query:
    place = {"host": "127.0.0.1", "port": number, "security": "none", "username": user}
    usual: dict[str, object] = {"timeout": 60, "deadline": 120, **place}
    return Query(id="mail/kestrova", brand_id="k", source="mail", options=usual | options)


def poll(asked: Query, position: str | None = None, at: datetime | None = None) -> list[Batch]:
    return list(Mail(clock=lambda: at or now()).poll(asked, position))


def mentions(batches: list[Batch]) -> list[Mention]:
    return [one for batch in batches for one in batch.mentions]


def ids(batches: list[Batch]) -> list[str]:
    return [one.external_id.partition("@")[0] for one in mentions(batches)]


def mail(number: int = 1, body: str = "It never came.", *headers: str) -> bytes:
    sent = format_datetime(datetime.now(UTC) - timedelta(minutes=1))
    more = "".join(f"{line}\r\n" for line in headers)
    return (
        f"From: Ann <ann@mail.example>\r\nTo: help@kestrova.example\r\nSubject: Parcel {number}\r\n"
        f"Date: {sent}\r\nMessage-ID: <{number}@mail.example>\r\n{more}\r\n{body}\r\n"
    ).encode()


def test_what_people_send_is_heard_in_order(server: MailServer, user: str) -> None:
    for number in range(1, 4):
        server.send(user, mail(number))
    batches = poll(query(server.imap, user))
    assert ids(batches) == ["1", "2", "3"]
    first = mentions(batches)[0]
    assert first.text == "Parcel 1\nIt never came."
    assert first.author.handle == "ann@mail.example"
    assert first.direct
    (seen,) = batches[-1].seen
    assert seen.until - seen.since >= timedelta(days=7)


def test_what_was_read_is_not_read_again(server: MailServer, user: str) -> None:
    server.send(user, mail(1))
    first = poll(query(server.imap, user))
    again = poll(query(server.imap, user), first[-1].position)
    # "n:*" names the last message though its number is below n
    assert ids(again) == [] and again[-1].seen
    server.send(user, mail(2))
    assert ids(poll(query(server.imap, user), again[-1].position)) == ["2"]


def test_mails_stay_unread(server: MailServer, user: str) -> None:
    server.send(user, mail(1))
    assert ids(poll(query(server.imap, user))) == ["1"]
    with server.login(user) as imap:
        assert imap.search(None, "UNSEEN")[1] == [b"1"]
        assert b"Seen" not in imap.fetch("1", "(FLAGS)")[1][0]


def test_what_is_deleted_meanwhile_is_passed_over(server: MailServer, user: str) -> None:
    for number in range(1, 5):
        server.send(user, mail(number))
    first = poll(query(server.imap, user, max_messages=1))
    assert first[-1].more
    with server.login(user) as imap:
        imap.store("2:3", "+FLAGS", "\\Deleted")
        imap.expunge()
    assert ids(poll(query(server.imap, user), first[-1].position)) == ["4"]


def test_a_poll_has_an_end_and_says_so(server: MailServer, user: str) -> None:
    for number in range(1, 6):
        server.send(user, mail(number))
    asked = query(server.imap, user, max_messages=2)
    first = poll(asked)
    (gap,) = first[-1].gaps
    assert (ids(first), first[-1].more, gap.kind, gap.lost) == (["1", "2"], True, "limit", False)
    second = poll(asked, first[-1].position)
    third = poll(asked, second[-1].position)
    assert (ids(second), ids(third), third[-1].more) == (["3", "4"], ["5"], False)
    (seen,) = third[-1].seen
    assert seen.since <= gap.since and gap.until <= seen.until


def test_what_no_person_wrote_to_us_is_no_mention(server: MailServer, user: str) -> None:
    for number, header in enumerate(
        ["Auto-Submitted: auto-replied", "List-Id: <x.mail.example>", "X-Earful-Key: flag-1"]
    ):
        server.send(user, mail(number, "away", header))
    server.send(user, mail(7).replace(b"ann@mail", b"bob@team.kestrova"))
    server.send(user, mail(8).replace(b"ann@mail.example", user.encode()))
    server.send(user, mail(9))
    batches = poll(query(server.imap, user, mine=["@team.Kestrova.example"]))
    assert ids(batches) == ["9"]
    assert not any(batch.rejected for batch in batches)


def test_of_a_large_mail_only_the_head_is_fetched(server: MailServer, user: str) -> None:
    server.send(user, mail(1, "Late.\r\n" + ("x" * 70 + "\r\n") * 20_000))
    meter = UnlimitedMeter()
    asked = query(server.imap, user, max_bytes=4096)
    (one,) = mentions(list(Mail(clock=now, meter=meter).poll(asked, None)))
    assert one.text.startswith("Parcel 1\nLate.\nxxx")
    assert meter.received < 20_000
    assert meter.requests == 4  # login, folder, search, mails


@pytest.mark.parametrize("after", [10, 150, 400, 900, 2000, 9000])
def test_a_connection_that_breaks_in_the_middle(server: MailServer, user: str, after: int) -> None:
    server.send(user, *map(mail, range(1, 61)))
    with cutting_proxy(server.imap, after) as port:
        got: list[Batch] = []
        with pytest.raises(Transient, match=f"127.0.0.1:{port}"):
            for batch in Mail(clock=now).poll(query(port, user), None):
                got.append(batch)
    position = got[-1].position if got else None
    rest = poll(query(server.imap, user), position)
    assert sorted(map(int, ids(got) + ids(rest))) == list(range(1, 61))


def test_an_outage_is_a_gap_that_closes(server: MailServer, user: str) -> None:
    begun = now()
    first = poll(query(server.imap, user), at=begun)
    with cutting_proxy(server.imap, 10) as port:
        got: list[Batch] = []
        position = first[-1].position
        with pytest.raises(Transient):
            for batch in Mail(clock=lambda: begun + timedelta(hours=1)).poll(
                query(port, user), position
            ):
                got.append(batch)
    # another port of the same host and user is the same mailbox
    (gap,) = got[-1].gaps
    assert (gap.kind, gap.since, gap.until) == (GapKind.OUTAGE, begun, begun + timedelta(hours=1))
    later = poll(query(server.imap, user), got[-1].position, begun + timedelta(hours=2))
    assert later[-1].seen[0].since == begun


def test_a_wrong_password_says_what_to_do(
    server: MailServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", "wrong")
    with pytest.raises(Permanent, match=r"refused .*app password") as error:
        poll(query(server.imap, user))
    assert "wrong" not in str(error.value)
    monkeypatch.delenv("EARFUL_MAIL_PASSWORD")
    with pytest.raises(Permanent, match="EARFUL_MAIL_PASSWORD is not set"):
        poll(query(server.imap, user))


def test_passwords_may_hold_any_letter(
    server: MailServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_MAIL_PASSWORD", 'κωδικός \\"\r\n')
    with pytest.raises(Permanent, match="refused"):
        poll(query(server.imap, user))


def test_a_folder_that_is_not_there(server: MailServer, user: str) -> None:
    with pytest.raises(Permanent, match=r"'Unterstützung' cannot be opened"):
        poll(query(server.imap, user, folder="Unterstützung"))


def test_a_folder_of_any_name(server: MailServer, user: str) -> None:
    name = 'Hilfe & "Lob" Größe'
    with server.login(user) as imap:
        assert imap.create(quote_folder(name))[0] == "OK"
        assert imap.append(quote_folder(name), None, None, mail(5))[0] == "OK"
    assert ids(poll(query(server.imap, user, folder=name))) == ["5"]


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("INBOX", '"INBOX"'),
        ("R&D", '"R&-D"'),
        ("Entwürfe", '"Entw&APw-rfe"'),
        ("~peter/mail/台北/日本語", '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
    ],
)
def test_names_of_folders_in_modified_utf7(name: str, quoted: str) -> None:
    assert quote_folder(name) == quoted  # the examples of RFC 3501 section 5.1.3 among them


def test_nobody_listens() -> None:
    with pytest.raises(Transient, match=r"127\.0\.0\.1:9: cannot talk to the mail server"):
        poll(query(9, "help@kestrova.example"))


def test_the_server_numbers_anew() -> None:
    box, user = Box(), "renumbered"
    imap_site().boxes[user] = box
    for number in range(1, 4):
        box.put(now() - timedelta(hours=1), mail(number))
    first = poll(query(imap_site().port, user))
    box.number_anew()
    box.put(now() - timedelta(minutes=1), mail(4))
    again = poll(query(imap_site().port, user), first[-1].position)
    assert ids(again) == ["1", "2", "3", "4"]  # known ones under the ids that they had
    assert ids(poll(query(imap_site().port, user), again[-1].position)) == []


def test_a_folder_that_is_numbered_anew_before_it_was_read_is_read_from_the_same_day_on() -> None:
    box, user = Box(), "restored-early"
    imap_site().boxes[user] = box
    begun = now()
    for number, days in enumerate((6.9, 6.8, 1)):
        box.put(begun - timedelta(days=days), mail(number))
    asked = query(imap_site().port, user, since="7d", max_messages=1)
    first = poll(asked, at=begun)
    (gap,) = first[-1].gaps
    box.number_anew()  # and the server was away for half a day
    later = begun + timedelta(days=0.5)
    rest = poll(query(imap_site().port, user, since="7d"), first[-1].position, later)
    assert set(ids(first + rest)) == {"0", "1", "2"}
    (seen,) = rest[-1].seen
    assert (seen.since, seen.until) == (gap.since, later)


def test_the_first_look_goes_back_as_far_as_since() -> None:
    box, user = Box(), "long-known"
    imap_site().boxes[user] = box
    for number, days in enumerate((30, 8, 6, 1)):
        box.put(now() - timedelta(days=days), mail(number))
    asked = query(imap_site().port, user, since="7d", max_messages=1)
    first = poll(asked)
    rest = poll(asked, first[-1].position)
    last = poll(asked, rest[-1].position)
    assert ids(first + rest + last) == ["2", "3"]
    box.put(now() - timedelta(days=30), mail(9))  # somebody moves an old mail into the folder
    assert ids(poll(asked, last[-1].position)) == ["9"]


def test_nothing_is_asked_that_changes_the_mailbox() -> None:
    box, user = Box(), "watched"
    imap_site().boxes[user] = box
    box.put(now() - timedelta(hours=1), mail(1))
    assert ids(poll(query(imap_site().port, user))) == ["1"]
    verbs = {" ".join(one.split()[:2]).upper() for one in box.asked}
    assert verbs == {"AUTHENTICATE PLAIN", 'EXAMINE "INBOX"', "UID SEARCH", "UID FETCH", "LOGOUT"}
    assert all("BODY.PEEK" in one for one in box.asked if "FETCH" in one)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "mail.example", "security": "none"}, "would send the password in clear"),
        ({"security": "ssl"}, "security"),
        ({"folder": "a\r\nLOGOUT"}, "folder"),
        ({"username": "a\r\nLOGOUT"}, "username"),
        ({"port": 0}, "port"),
        ({"hots": "x"}, "did you mean 'host'"),
    ],
)
def test_wrong_options(options: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        listeners.check_query(query(993, "a@b.example", **options))


class TestTls:
    """Passwords travel encrypted, to the right server."""

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    def test_letters_arrive(
        self, security: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = secure_site(certificate, security)
        with pytest.raises(Permanent, match="certificate is not to be trusted"):
            poll(query(site.port, "ann", security=security))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ids(poll(query(site.port, "ann", security=security))) == ["1"]
        with pytest.raises(Permanent, match="Name the host as its certificate does"):
            poll(query(site.port, "ann", security=security, host="localhost"))

    def test_what_is_said_before_tls_is_not_believed(
        self, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = secure_site(certificate, "starttls")
        site.injected = "\r\n* CAPABILITY IMAP4rev1\r\n* BYE go away"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        # without AUTH=PLAIN the password would go by LOGIN, and after a BYE nowhere
        assert ids(poll(query(site.port, "ann", security="starttls"))) == ["1"]
        assert site.boxes["ann"].asked[0] == "AUTHENTICATE PLAIN"

    def test_no_starttls(self) -> None:
        imap_site().boxes["plain"] = box = Box()
        with pytest.raises(Permanent, match="offers no STARTTLS"):
            poll(query(imap_site().port, "plain", security="starttls"))
        assert box.asked == []

    def test_tls_where_there_is_none(self) -> None:
        with pytest.raises(Permanent, match='"starttls" on 143'):
            poll(query(imap_site().port, "plain", security="tls"))


def secure_site(certificate: Path, security: str) -> ImapSite:
    """A server with TLS, and a letter for ann."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    site = ImapSite(context, implicit=security == "tls")
    site.boxes["ann"] = box = Box()
    box.put(now() - timedelta(hours=1), mail(1))
    return site


@pytest.mark.slow
def test_dovecot(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    name = "Größe & Maß"
    with dovecot(certificate, PASSWORD) as (tls, starttls):
        with imap_of(tls, certificate) as box:
            box.create(quote_folder(name))
            for number in range(1, 121):
                box.append(quote_folder(name), None, None, mail(number, "x" * number * 50))
            box.select(quote_folder(name))
            box.store("5:10", "+FLAGS", "\\Deleted")
            box.expunge()
        places = {"tls": tls, "starttls": starttls}
        expected = [str(number) for number in range(1, 121) if not 5 <= number <= 10]
        for security, port in places.items():
            asked = query(port, "ann", security=security, folder=name, max_bytes=2048)
            batches = poll(asked)
            assert ids(batches) == expected
            again = poll(asked, batches[0].position)
            assert ids(batches[:1]) + ids(again) == expected
            assert ids(poll(asked, again[-1].position)) == []
            with pytest.raises(Permanent, match="cannot be opened"):
                poll(query(port, "ann", security=security, folder="None"))
        monkeypatch.setenv("EARFUL_MAIL_PASSWORD", "wrong")
        with pytest.raises(Permanent, match="AUTHENTICATIONFAILED"):
            poll(query(tls, "ann", security="tls"))
        with imap_of(tls, certificate) as box:
            box.select(quote_folder(name))
            assert len(box.search(None, "UNSEEN")[1][0].split()) == 114
