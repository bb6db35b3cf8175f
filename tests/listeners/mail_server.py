"""Run real mail servers for tests, and a proxy that cuts connections.

mail-devel: SMTP in, IMAP out, every address is a mailbox, one password.
"""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from imap_site import PASSWORD
from ports import free_port

_BOUND = 600  # seconds after which the server ends whatever happens


@dataclass(frozen=True, kw_only=True)
class MailServer:
    smtp: int
    imap: int

    def send(self, to: str, *mails: bytes) -> None:
        """Deliver mails, as the world does; the server delivers by the header To."""
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=60) as smtp:
            for raw in mails:
                raw = re.sub(rb"(?m)^To: .*?(?=\r?$)", b"To: " + to.encode(), raw, count=1)
                smtp.sendmail("ann@mail.example", [to], raw)

    @contextmanager
    def login(self, user: str) -> Iterator[imaplib.IMAP4]:
        """Log in as a user's mail program does."""
        imap = imaplib.IMAP4("127.0.0.1", self.imap, timeout=60)
        try:
            imap.login(user, PASSWORD)
            imap.select("INBOX")
            yield imap
        finally:
            imap.shutdown()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """mail-devel in a process of its own."""
    smtp, imap = free_port(), free_port()
    command = [
        *(sys.executable, "-m", "mail_devel", "--host", "127.0.0.1", "--multi-user"),
        *("--user", "test@kestrova.example", "--password", PASSWORD, "--no-http"),
        *("--smtp-port", str(smtp), "--imap-port", str(imap)),
        *("--no-message-id", "--smtp-no-message-id"),
    ]
    with _running(command, smtp, imap):
        yield MailServer(smtp=smtp, imap=imap)


@contextmanager
def _running(command: list[str], *ports: int) -> Iterator[None]:
    """Run a server on these ports until the block ends, at most ten minutes."""
    bounded = ["timeout", str(_BOUND), *command]
    process = subprocess.Popen(bounded, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for port in ports:
            _until_up(port, process)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _until_up(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20):
            return
        time.sleep(0.05)
    raise AssertionError(f"the mail server does not listen on {port}")


@contextmanager
def cutting_proxy(port: int, after: int) -> Iterator[int]:
    """Forward to ``port``, and break once the server has sent ``after`` bytes; yield the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    is_closed = threading.Event()

    def carry(source: socket.socket, target: socket.socket, limit: int) -> None:
        with suppress(OSError):
            while not is_closed.is_set() and limit > 0 and (data := source.recv(4096)):
                target.sendall(data[:limit])
                limit -= len(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(("127.0.0.1", port), timeout=20)
                client.settimeout(20)
                for direction in ((client, server, 2**40), (server, client, after)):
                    threading.Thread(target=carry, args=direction, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        is_closed.set()
        listening.close()


_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
first_valid_uid = 1
first_valid_gid = 1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{folder}/mail/%u
mail_uid = {user}
mail_gid = {group}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"""
# without the rights of root there is one user for everything, and no chroot
_AS_ONE = """
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
service imap-login {{
  chroot =
}}
service anvil {{
  chroot =
}}
"""


@contextmanager
def dovecot(certificate: Path, password: str) -> Iterator[tuple[int, int]]:
    """Dovecot on two ports, one that begins with TLS and one with STARTTLS."""
    binary = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
    if binary is None:
        pytest.skip("dovecot is not installed (apt-get install dovecot-imapd)")
    imap, imaps = free_port(), free_port()
    # mails are not read as root: a folder that another user may enter
    with tempfile.TemporaryDirectory(prefix="earful-dovecot-") as name:
        folder, root = Path(name), os.getuid() == 0
        user = pwd.getpwnam("mail") if root else pwd.getpwuid(os.getuid())
        if root:
            os.chown(folder, user.pw_uid, user.pw_gid)
        settings = {"user": user.pw_name, "group": grp.getgrgid(user.pw_gid).gr_name}
        settings |= {"folder": name, "password": password, "certificate": str(certificate)}
        settings |= {"key": str(certificate.with_suffix(".key")), "imap": str(imap)}
        file = folder / "dovecot.conf"
        file.write_text((_DOVECOT + ("" if root else _AS_ONE)).format(imaps=imaps, **settings))
        with _running([binary, "-F", "-c", str(file)], imap, imaps):
            yield imaps, imap


@contextmanager
def imap_of(port: int, certificate: Path) -> Iterator[imaplib.IMAP4]:
    """Ann's mail program at Dovecot."""
    context = ssl.create_default_context(cafile=str(certificate))
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=context, timeout=60) as imap:
        imap.login("ann", PASSWORD)
        yield imap
