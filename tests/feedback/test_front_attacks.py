"""What somebody may try against the one part that faces the internet."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from front_world import PATIENCE, Front, serving, settings_in
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from earful.web.impatient import AHEAD, Impatient
from earful.web.visitors import visitor_of
from feedback import app, busy, serve
from listeners.inbox.inbox import Inbox

GONE = (ConnectionResetError, BrokenPipeError)
HEAD = b"GET /healthz HTTP/1.1\r\nHost: kestrova.example\r\n"
WIDGET = b"GET /widget.js HTTP/1.1\r\nHost: a\r\n\r\n"
LARGEST_SEND_BUFFER = 4 * 2**20  # Linux' own bound, net.ipv4.tcp_wmem
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FEW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def connected(front: Front) -> socket.socket:
    found = socket.create_connection(("127.0.0.1", front.settings.feedback.port), PATIENCE)
    found.settimeout(PATIENCE)
    return found


def is_hung_up(connection: socket.socket) -> bool:
    """Reads to the end; fails with a timeout where the other side keeps the connection."""
    try:
        while connection.recv(65536):
            pass
    except GONE:
        pass
    return True


@contextmanager
def unread(front: Front) -> Iterator[socket.socket]:
    """A connection on whose side hardly anything of an answer finds room."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", front.settings.feedback.port))
        yield connection


def is_cut(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, with nothing read here."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            connection.send(b"G")  # to a closed connection, the next one fails
        except GONE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        HEAD,
        HEAD + b"\r\n" + HEAD,
        b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nx",
    ],
    ids=["nothing", "half a head", "half a second head", "a body that nobody wants"],
)
def test_who_dawdles_loses_the_connection(
    begun: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "head", 0.3)
    with serving(Front(settings_in(tmp_path))) as front, connected(front) as connection:
        connection.sendall(begun)
        assert is_hung_up(connection)
        assert front.send().status_code == 201, "everybody else is served"


def test_who_does_not_take_an_answer_loses_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "answer", 0.5)
    with serving(Front(settings_in(tmp_path))) as front, unread(front) as connection:
        size = len(front.session.get(f"{front.base}/widget.js", timeout=PATIENCE).content)
        requests = LARGEST_SEND_BUFFER // size + 2
        assert requests * len(WIDGET) < AHEAD, "few enough to be allowed"
        connection.sendall(WIDGET * requests)
        assert is_cut(connection)
        assert front.send().status_code == 201


def test_who_asks_far_ahead_of_the_answers_loses_the_connection(front: Front) -> None:
    with unread(front) as connection:
        with suppress(*GONE):
            connection.sendall(WIDGET * (2 * AHEAD // len(WIDGET)))
        assert is_cut(connection)
        assert front.send().status_code == 201


def test_who_asks_a_little_ahead_is_answered(front: Front) -> None:
    with connected(front) as connection:
        connection.sendall((HEAD + b"\r\n") * 2 + HEAD + b"Connection: close\r\n\r\n")
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answers.count(b"HTTP/1.1 200") == 3


def test_a_wish_for_a_websocket_is_not_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wish = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    with serving(Front(settings_in(tmp_path))) as front:
        for sent, status in ((HEAD + wish, b"200"), (b"nonsense\r\n\r\n", b"400")):
            with connected(front) as connection:
                connection.sendall(sent)
                assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)
    told = capfd.readouterr().err
    assert "Invalid HTTP request" in told  # the log is looked at
    assert "upgrade" not in told.lower() and "websocket" not in told.lower()


def test_nonsense_behind_an_answer_writes_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(Front(settings_in(tmp_path))) as front, connected(front) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        connection.sendall(b"no number\r\n")
        assert is_hung_up(connection)
        assert front.send().status_code == 201
    told = capfd.readouterr().err
    assert "Invalid HTTP request" in told and "Traceback" not in told


def test_a_slow_disk_holds_up_nobody_who_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, is_back, logged = threading.Event(), threading.Event(), threading.Event()
    append, log = Inbox.append, app._log

    def slow_append(self: Inbox, lines: Iterable[Mapping[str, Any]]) -> None:
        at_work.set()
        assert is_back.wait(PATIENCE)
        append(self, lines)

    def noted_log(counts: Mapping[str, Counter[str]]) -> None:
        logged.set()
        log(counts)

    monkeypatch.setattr(app, "_LOG_EVERY", 0.05)
    monkeypatch.setattr(app, "_log", noted_log)
    monkeypatch.setattr(Inbox, "append", slow_append)
    with serving(Front(settings_in(tmp_path))) as front, ThreadPoolExecutor(1) as pool:
        try:
            sent = pool.submit(Front(front.settings, front.clock).send)
            assert at_work.wait(PATIENCE)
            logged.clear()
            assert logged.wait(PATIENCE), "the service counts on meanwhile"
            asked = front.session.get(f"{front.base}/f/shop/texts", timeout=PATIENCE)
            assert asked.status_code == 200
        finally:
            is_back.set()
        assert sent.result().status_code == 201


def test_a_head_without_an_end_is_refused(front: Front) -> None:
    with connected(front) as connection:
        connection.sendall(HEAD)
        with pytest.raises(GONE):
            for number in range(2000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"a" * 60_000))
        assert front.send().status_code == 201


@pytest.mark.parametrize(
    ("address", "visitor"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a proxy's nonsense", "a proxy's nonsense"),
    ],
)
def test_who_counts_as_one_visitor(address: str, visitor: str) -> None:
    assert visitor_of(address) == visitor


def test_people_behind_an_old_line_are_not_one_visitor(tmp_path: Path) -> None:
    trusting = settings_in(tmp_path, feedback='trusted_proxies = ["127.0.0.1"]', per_minute=1)
    with serving(Front(trusting)) as front:
        for last in range(3):
            front.session.headers["X-Forwarded-For"] = f"::ffff:203.0.113.{last}"
            assert front.send().status_code == 201


@pytest.mark.parametrize("depth", [60, 300, 700, 900, 950, 980, 100_000])
def test_a_deeply_nested_item_is_refused(depth: int, front: Front) -> None:
    for field in ("ticket", "score", "else"):
        body = b'{"%s": %s%s}' % (field.encode(), b"[" * depth, b"]" * depth)
        assert front.hook(body[:250_000]).status_code in (400, 422)
    assert not front.lines("hook-help-desk")


@FEW
@given(item=ANYTHING, text=ANYTHING, number=ANYTHING, score=ANYTHING, at=ANYTHING)
def test_any_item_gets_an_answer(
    front: Front, item: object, text: object, number: object, score: object, at: object
) -> None:
    made = {"ticket": {"body": text, "number": number, "at": at}, "score": score, "from": item}
    answer = front.hook(json.dumps([item, made]).encode())
    assert answer.status_code in (202, 400)


@FEW
@example(field="rating", value=float("inf"))
@example(field="rating", value=float("nan"))
@given(field=st.sampled_from(["rating", "why", "email", "id", "token", "else"]), value=ANYTHING)
def test_any_submission_gets_an_answer(front: Front, field: str, value: object) -> None:
    answer = front.send(**{field: value})
    assert answer.status_code in (201, 403, 422, 429)
    assert "Traceback" not in answer.text


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except GONE:
        return False


@pytest.mark.parametrize(
    "begun",
    [b"", HEAD, b"POST /f/shop HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nx"],
    ids=["nothing", "half a head", "half a body"],
)
def test_waiting_connections_of_one_address_shut_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(serve, "MAX_PER_VISITOR", 8)
    with serving(Front(settings_in(tmp_path))) as front, ExitStack() as stack:
        waiting = [stack.enter_context(connected(front)) for _ in range(30)]
        for connection in waiting:
            with suppress(*GONE):
                connection.sendall(begun)
        front.session.close()
        assert front.session.get(f"{front.base}/healthz", timeout=PATIENCE).status_code == 200
        assert front.send().status_code == 201
        end = time.monotonic() + PATIENCE
        while sum(map(is_open, waiting)) > 8:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert is_open(waiting[-1]) and not is_open(waiting[0]), "the oldest ones go first"


def test_a_trusted_proxy_brings_the_connections_of_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "MAX_PER_VISITOR", 4)
    trusting = settings_in(tmp_path, feedback='trusted_proxies = ["127.0.0.0/8"]')
    with serving(Front(trusting)) as front, ExitStack() as stack:
        waiting = [stack.enter_context(connected(front)) for _ in range(12)]
        assert front.session.get(f"{front.base}/healthz", timeout=PATIENCE).status_code == 200
        assert all(map(is_open, waiting))


def test_all_connections_together_have_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "MAX_CONNECTIONS", 6)
    trusting = settings_in(tmp_path, feedback='trusted_proxies = ["127.0.0.1"]')
    with serving(Front(trusting)) as front, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(front))
        assert front.session.get(f"{front.base}/healthz", timeout=PATIENCE).status_code == 200


def test_too_much_work_at_once_is_refused_and_health_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy, "MAX_REQUESTS", 0)
    with serving(Front(settings_in(tmp_path))) as front:
        answer = front.send()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json() == {"error": "too many requests at once"}
        assert front.session.get(f"{front.base}/healthz", timeout=PATIENCE).status_code == 200
