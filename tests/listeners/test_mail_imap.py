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
    with mail_server() as running:
        yield running


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
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return file


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)


def query(number: int, user: str, **options: object) -> Query:
    place = {"host": "127.0.0.1", "port": number, "security": "none", "username": user}
    usual: dict[str, object] = {"timeout": 60, "deadline": 120, **place}
    return Query(id="mail/kestrova", brand_id="k", source="mail", options=usual | options)


def poll(polled: Query, position: str | None = None, at: datetime | None = None) -> list[Batch]:
    return list(Mail(clock=lambda: at or now()).poll(polled, position))


def mentions(batches: list[Batch]) -> list[Mention]:
    return [mention for batch in batches for mention in batch.mentions]


def ids(batches: list[Batch]) -> list[str]:
    return [mention.external_id.partition("@")[0] for mention in mentions(batches)]


def mail(number: int = 1, body: str = "It never came.", *headers: str) -> bytes:
    sent = format_datetime(datetime.now(UTC) - timedelta(minutes=1))
    extra = "".join(f"{line}\r\n" for line in headers)
    return (
        f"From: Ann <ann@mail.example>\r\nTo: help@kestrova.example\r\nSubject: Parcel {number}\r\n"
        f"Date: {sent}\r\nMessage-ID: <{number}@mail.example>\r\n{extra}\r\n{body}\r\n"
    ).encode()


def test_mails_arrive_in_order(server: MailServer, user: str) -> None:
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


def test_a_mail_is_read_once(server: MailServer, user: str) -> None:
    server.send(user, mail(1))
    first = poll(query(server.imap, user))
    second = poll(query(server.imap, user), first[-1].position)
    # "n:*" names the last message though its number is below n
    assert ids(second) == [] and second[-1].seen
    server.send(user, mail(2))
    assert ids(poll(query(server.imap, user), second[-1].position)) == ["2"]


def test_mails_stay_unread(server: MailServer, user: str) -> None:
    server.send(user, mail(1))
    assert ids(poll(query(server.imap, user))) == ["1"]
    with server.login(user) as imap:
        assert imap.search(None, "UNSEEN")[1] == [b"1"]
        assert b"Seen" not in imap.fetch("1", "(FLAGS)")[1][0]


def test_a_mail_that_is_deleted_meanwhile_is_skipped(server: MailServer, user: str) -> None:
    for number in range(1, 5):
        server.send(user, mail(number))
    first = poll(query(server.imap, user, max_messages=1))
    assert first[-1].more
    with server.login(user) as imap:
        imap.store("2:3", "+FLAGS", "\\Deleted")
        imap.expunge()
    assert ids(poll(query(server.imap, user), first[-1].position)) == ["4"]


def test_a_poll_stops_at_its_limit_and_reports_a_gap(server: MailServer, user: str) -> None:
    for number in range(1, 6):
        server.send(user, mail(number))
    polled = query(server.imap, user, max_messages=2)
    first = poll(polled)
    (gap,) = first[-1].gaps
    assert (ids(first), first[-1].more, gap.kind, gap.lost) == (["1", "2"], True, "limit", False)
    second = poll(polled, first[-1].position)
    third = poll(polled, second[-1].position)
    assert (ids(second), ids(third), third[-1].more) == (["3", "4"], ["5"], False)
    (seen,) = third[-1].seen
    assert seen.since <= gap.since and gap.until <= seen.until


def test_automatic_and_own_mails_are_no_mentions(server: MailServer, user: str) -> None:
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


def test_only_the_head_of_a_large_mail_is_fetched(server: MailServer, user: str) -> None:
    server.send(user, mail(1, "Late.\r\n" + ("x" * 70 + "\r\n") * 20_000))
    meter = UnlimitedMeter()
    polled = query(server.imap, user, max_bytes=4096)
    (mention,) = mentions(list(Mail(clock=now, meter=meter).poll(polled, None)))
    assert mention.text.startswith("Parcel 1\nLate.\nxxx")
    assert meter.received < 20_000
    assert meter.requests == 4  # login, folder, search, mails


@pytest.mark.parametrize("after", [10, 150, 400, 900, 2000, 9000])
def test_a_connection_that_breaks_in_the_middle(server: MailServer, user: str, after: int) -> None:
    server.send(user, *map(mail, range(1, 61)))
    with cutting_proxy(server.imap, after) as port:
        batches: list[Batch] = []
        with pytest.raises(Transient, match=f"127.0.0.1:{port}"):
            for batch in Mail(clock=now).poll(query(port, user), None):
                batches.append(batch)
    position = batches[-1].position if batches else None
    later_batches = poll(query(server.imap, user), position)
    assert sorted(map(int, ids(batches) + ids(later_batches))) == list(range(1, 61))


def test_an_outage_is_a_gap_that_closes(server: MailServer, user: str) -> None:
    begun = now()
    first = poll(query(server.imap, user), at=begun)
    with cutting_proxy(server.imap, 10) as port:
        batches: list[Batch] = []
        position = first[-1].position
        with pytest.raises(Transient):
            for batch in Mail(clock=lambda: begun + timedelta(hours=1)).poll(
                query(port, user), position
            ):
                batches.append(batch)
    # another port of the same host and user is the same mailbox
    (gap,) = batches[-1].gaps
    assert (gap.kind, gap.since, gap.until) == (GapKind.OUTAGE, begun, begun + timedelta(hours=1))
    later = poll(query(server.imap, user), batches[-1].position, begun + timedelta(hours=2))
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


def test_a_port_without_a_server() -> None:
    with pytest.raises(Transient, match=r"127\.0\.0\.1:9: cannot talk to the mail server"):
        poll(query(9, "help@kestrova.example"))


def test_the_server_renumbers_the_folder() -> None:
    box, user = Box(), "renumbered"
    imap_site().boxes[user] = box
    for number in range(1, 4):
        box.deliver(now() - timedelta(hours=1), mail(number))
    first = poll(query(imap_site().port, user))
    box.renumber()
    box.deliver(now() - timedelta(minutes=1), mail(4))
    second = poll(query(imap_site().port, user), first[-1].position)
    assert ids(second) == ["1", "2", "3", "4"]  # stored ones under the same ids
    assert ids(poll(query(imap_site().port, user), second[-1].position)) == []


def test_a_folder_that_is_renumbered_before_it_was_read_is_read_from_the_same_day_on() -> None:
    box, user = Box(), "restored-early"
    imap_site().boxes[user] = box
    begun = now()
    for number, days in enumerate((6.9, 6.8, 1)):
        box.deliver(begun - timedelta(days=days), mail(number))
    polled = query(imap_site().port, user, since="7d", max_messages=1)
    first = poll(polled, at=begun)
    (gap,) = first[-1].gaps
    box.renumber()  # and the server was away for half a day
    later = begun + timedelta(days=0.5)
    later_batches = poll(query(imap_site().port, user, since="7d"), first[-1].position, later)
    assert set(ids(first + later_batches)) == {"0", "1", "2"}
    (seen,) = later_batches[-1].seen
    assert (seen.since, seen.until) == (gap.since, later)


def test_the_first_poll_goes_back_as_far_as_since() -> None:
    box, user = Box(), "long-known"
    imap_site().boxes[user] = box
    for number, days in enumerate((30, 8, 6, 1)):
        box.deliver(now() - timedelta(days=days), mail(number))
    polled = query(imap_site().port, user, since="7d", max_messages=1)
    first = poll(polled)
    later_batches = poll(polled, first[-1].position)
    last = poll(polled, later_batches[-1].position)
    assert ids(first + later_batches + last) == ["2", "3"]
    box.deliver(now() - timedelta(days=30), mail(9))  # a person moves an old mail into the folder
    assert ids(poll(polled, last[-1].position)) == ["9"]


def test_no_command_changes_the_mailbox() -> None:
    box, user = Box(), "watched"
    imap_site().boxes[user] = box
    box.deliver(now() - timedelta(hours=1), mail(1))
    assert ids(poll(query(imap_site().port, user))) == ["1"]
    verbs = {" ".join(command.split()[:2]).upper() for command in box.commands}
    assert verbs == {"AUTHENTICATE PLAIN", 'EXAMINE "INBOX"', "UID SEARCH", "UID FETCH", "LOGOUT"}
    assert all("BODY.PEEK" in command for command in box.commands if "FETCH" in command)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "mail.example", "security": "none"}, "would send the password in clear"),
        ({"security": "ssl"}, "security"),
        ({"folder": "a\r\nLOGOUT"}, "folder"),
        ({"username": "a\r\nLOGOUT"}, "username"),
        ({"port": 0}, "port"),
        ({"hots": "x"}, "did you mean 'host'"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        listeners.check_query(query(993, "a@b.example", **options))


class TestTls:
    """Passwords travel encrypted, to the right server."""

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    def test_mails_arrive(
        self, security: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = secure_site(certificate, security)
        with pytest.raises(Permanent, match="certificate is not to be trusted"):
            poll(query(site.port, "ann", security=security))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ids(poll(query(site.port, "ann", security=security))) == ["1"]
        with pytest.raises(Permanent, match="Name the host as its certificate does"):
            poll(query(site.port, "ann", security=security, host="localhost"))

    def test_bytes_before_tls_are_dropped(
        self, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = secure_site(certificate, "starttls")
        site.injected = "\r\n* CAPABILITY IMAP4rev1\r\n* BYE go away"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        # without AUTH=PLAIN the password would go by LOGIN, and after a BYE nowhere
        assert ids(poll(query(site.port, "ann", security="starttls"))) == ["1"]
        assert site.boxes["ann"].commands[0] == "AUTHENTICATE PLAIN"

    def test_no_starttls(self) -> None:
        imap_site().boxes["plain"] = box = Box()
        with pytest.raises(Permanent, match="offers no STARTTLS"):
            poll(query(imap_site().port, "plain", security="starttls"))
        assert box.commands == []

    def test_tls_where_there_is_none(self) -> None:
        with pytest.raises(Permanent, match='"starttls" on 143'):
            poll(query(imap_site().port, "plain", security="tls"))


def secure_site(certificate: Path, security: str) -> ImapSite:
    """A server with TLS, and a letter for ann."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    site = ImapSite(context, implicit=security == "tls")
    site.boxes["ann"] = box = Box()
    box.deliver(now() - timedelta(hours=1), mail(1))
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
            polled = query(port, "ann", security=security, folder=name, max_bytes=2048)
            batches = poll(polled)
            assert ids(batches) == expected
            second = poll(polled, batches[0].position)
            assert ids(batches[:1]) + ids(second) == expected
            assert ids(poll(polled, second[-1].position)) == []
            with pytest.raises(Permanent, match="cannot be opened"):
                poll(query(port, "ann", security=security, folder="None"))
        monkeypatch.setenv("EARFUL_MAIL_PASSWORD", "wrong")
        with pytest.raises(Permanent, match="AUTHENTICATIONFAILED"):
            poll(query(tls, "ann", security="tls"))
        with imap_of(tls, certificate) as box:
            box.select(quote_folder(name))
            assert len(box.search(None, "UNSEEN")[1][0].split()) == 114
