"""The gate in front of Streamlit: which requests and messages pass, and for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from factories import FrozenClock
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from dashboard.gate import endpoints, sign_in
from dashboard.gate.attempts import SignInAttempts
from dashboard.gate.gate import Gate
from dashboard.gate.messages import MAX_MESSAGE, PLAIN_RUN
from dashboard.gate.sessions import LASTS, Sessions
from dashboard.gate.sign_in import SignInDesk

SECRET = "correct horse battery"
PORT = 8501
HOST = f"127.0.0.1:{PORT}"
RUN = BackMsg(rerun_script=ClientState(query_string="case=1")).SerializeToString()


@dataclass
class Streamlit:
    """Stands for Streamlit's application: answers everything, and keeps what reached it."""

    requests: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(scope["path"])
        if scope["type"] == "http":
            headers = [(b"access-control-allow-origin", b"*"), (b"server", b"x")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"streamlit"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.messages.append(message["bytes"])


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    text: str


class Post:
    """A gate with a fake Streamlit behind it, and visitors before it."""

    def __init__(self, password: str | None, clock: FrozenClock) -> None:
        self.behind = Streamlit()
        self.sessions = None if password is None else Sessions(password, port=PORT, clock=clock)
        self.attempts = SignInAttempts(clock=lambda: clock().timestamp())
        desk = None
        if self.sessions is not None and password is not None:
            desk = SignInDesk(self.sessions, password, self.attempts)
        self.gate = Gate(self.behind, sessions=self.sessions, desk=desk)

    async def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        form: dict[str, str] | bytes | None = None,
        address: str = "203.0.113.7",
        cookies: dict[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        body = form if isinstance(form, bytes) else urlencode(form or {}).encode()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        bare, _, query = path.partition("?")
        scope = scope_of("http", bare, headers, cookies, address)
        scope |= {"method": method, "query_string": query.encode(), "scheme": "http"}
        await self.gate(scope, receive, send)
        raw = sent[0]["headers"]
        named = {name.decode(): value.decode() for name, value in raw if name != b"set-cookie"}
        given = dict(
            value.decode().partition(";")[0].split("=", 1)
            for name, value in raw
            if name == b"set-cookie"
        )
        text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
        return Answer(sent[0]["status"], named, given, text)

    async def sign_in(
        self, password: str = SECRET, visitor: str = "Maria", **rest: str | dict[str, str]
    ) -> Answer:
        form = {"visitor": visitor, "password": password, "next": "/unhappy?case=1"}
        origin = str(rest.pop("origin", f"http://{HOST}"))
        return await self.ask("/sign-in", "POST", form=form, origin=origin, **rest)  # type: ignore[arg-type]

    async def stream(
        self,
        messages: Sequence[bytes | str] = (),
        *,
        cookies: dict[str, str] | None = None,
        path: str = endpoints.STREAM,
        **headers: str,
    ) -> list[Message]:
        """Open the websocket, send messages, and return what the server sent."""
        headers = {"origin": f"http://{HOST}", **headers}
        events: list[Message] = [{"type": "websocket.connect"}]
        for message in messages:
            kind = "text" if isinstance(message, str) else "bytes"
            events.append({"type": "websocket.receive", kind: message})
        events.append({"type": "websocket.disconnect", "code": 1000})
        sent: list[Message] = []

        async def receive() -> Message:
            return events.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        scope = scope_of("websocket", path, headers, cookies, "203.0.113.7")
        await self.gate(scope, receive, send)
        return sent


def scope_of(
    kind: str,
    path: str,
    headers: dict[str, str],
    cookies: dict[str, str] | None,
    address: str,
) -> Scope:
    named = {"host": HOST, **{name.replace("_", "-"): text for name, text in headers.items()}}
    if cookies:
        named["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    raw = [(name.encode(), value.encode()) for name, value in named.items() if value]
    return {"type": kind, "path": path, "headers": raw, "client": (address, 1), "scheme": "http"}


@pytest.fixture
def post(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Post:
    async def at_once(_seconds: float) -> None:
        return None

    monkeypatch.setattr(sign_in.asyncio, "sleep", at_once)
    return Post(SECRET, clock)


@pytest.fixture
def open_post(clock: FrozenClock) -> Post:
    return Post(None, clock)


async def _cookies(post: Post) -> dict[str, str]:
    return (await post.sign_in()).cookies


def test_nothing_of_streamlit_answers_before_the_password(post: Post) -> None:
    async def walk() -> None:
        for path in ("/", "/unhappy?case=1", "/command_center"):
            answer = await post.ask(path)
            assert (answer.status, 'name="password"' in answer.text) == (200, True), path
        for path in ("/_stcore/health", "/_stcore/host-config", "/static/js/a.js", "/media/a.png"):
            assert (await post.ask(path)).status == 401, path
        for path in ("/_stcore/metrics", "/component/x/y", "/_stcore/agent/mcp", "/auth/login"):
            assert (await post.ask(path)).status == 404, path
        for method in ("PUT", "DELETE", "POST", "OPTIONS", "PATCH"):
            assert (await post.ask("/_stcore/upload_file/a/b", method)).status == 405, method
        assert (await post.stream([RUN]))[0]["type"] == "websocket.close"
        assert (await post.ask("/healthz")).text == "ok\n"

    asyncio.run(walk())
    assert post.behind.requests == []


def test_the_password_opens_the_page_that_was_asked_for(post: Post) -> None:
    async def walk() -> None:
        answer = await post.sign_in()
        assert (answer.status, answer.headers["location"]) == (303, "/unhappy?case=1")
        page = await post.ask("/unhappy?case=1", cookies=answer.cookies)
        assert page.text == "streamlit"
        assert (await post.stream([RUN], cookies=answer.cookies))[0]["type"] == "websocket.accept"
        session = post.sessions and post.sessions.read(answer.cookies)
        assert session is not None
        assert session.visitor == "Maria"

    asyncio.run(walk())
    assert post.behind.messages == [RUN]


def test_the_cookie_is_for_the_browser_alone(post: Post) -> None:
    async def set_cookies(**headers: str) -> list[str]:
        sent: list[Message] = []

        async def receive() -> Message:
            form = urlencode({"visitor": "Maria", "password": SECRET}).encode()
            return {"type": "http.request", "body": form}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = scope_of("http", "/sign-in", headers, None, "203.0.113.7")
        await post.gate({**scope, "method": "POST", "query_string": b""}, receive, send)
        return [value.decode() for name, value in sent[0]["headers"] if name == b"set-cookie"]

    plain = asyncio.run(set_cookies(origin=f"http://{HOST}"))
    assert len(plain) == 2
    assert all("HttpOnly" in one and "SameSite=strict" in one for one in plain)
    assert not any("Secure" in one for one in plain)
    behind_tls = asyncio.run(set_cookies(host="talk.example", origin="https://talk.example"))
    assert all("Secure" in one for one in behind_tls)


def test_a_sign_in_ends_after_twelve_hours_or_at_once(post: Post, clock: FrozenClock) -> None:
    async def walk() -> None:
        cookies = await _cookies(post)
        clock.forward(seconds=LASTS.total_seconds() - 1)
        assert (await post.ask("/", cookies=cookies)).text == "streamlit"
        clock.forward(seconds=2)
        assert "Sign in" in (await post.ask("/", cookies=cookies)).text
        cookies = await _cookies(post)
        # another port of this machine is the same site, and may send this link or form
        for sender in ("same-site", "cross-site", ""):
            answer = await post.ask("/sign-out", cookies=cookies, sec_fetch_site=sender)
            assert answer.status == 200
        foreign = "http://127.0.0.1:9999"
        assert (await post.ask("/sign-out", "POST", cookies=cookies, origin=foreign)).status == 403
        assert (await post.ask("/", cookies=cookies)).text == "streamlit"
        await post.ask("/sign-out", cookies=cookies, sec_fetch_site="same-origin")
        assert "Sign in" in (await post.ask("/", cookies=cookies)).text

    asyncio.run(walk())


def test_an_open_page_sees_the_end_of_its_sign_in(post: Post, clock: FrozenClock) -> None:
    """A part of the page that refreshes by itself would go on; a plain run shows the end."""
    cookies = asyncio.run(_cookies(post))
    session = post.sessions and post.sessions.read(cookies)
    assert session is not None

    class Ending(Streamlit):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            assert post.sessions is not None
            post.sessions.end(session)
            await super().__call__(scope, receive, send)

    post.behind = post.gate._app = Ending()
    stop = BackMsg(stop_script=True).SerializeToString()
    asyncio.run(post.stream([RUN, stop, RUN], cookies=cookies))
    assert post.behind.messages == [PLAIN_RUN, PLAIN_RUN]


@pytest.mark.parametrize(
    "forged",
    ["", ".", "x", "a.b", "é.é", "eyJpZCI6ICIxIn0." + "0" * 64, "x" * 5000],
)
def test_a_forged_cookie_opens_nothing(post: Post, clock: FrozenClock, forged: str) -> None:
    sessions = Sessions(SECRET, port=PORT, clock=clock)  # another start has another key
    for value in (forged, sessions.issue("Eve"), sessions.issue_browser()):
        cookies = {f"earful_session_{PORT}": value}
        assert "Sign in" in asyncio.run(post.ask("/", cookies=cookies)).text
    assert post.sessions is not None
    mark = {f"earful_session_{PORT}": post.sessions.issue_browser()}
    assert "Sign in" in asyncio.run(post.ask("/", cookies=mark)).text


def test_another_password_ends_every_sign_in(clock: FrozenClock) -> None:
    before = Sessions(SECRET, port=PORT, key="k", clock=clock)
    cookies = {before.cookie: before.issue("Maria")}
    assert Sessions(SECRET, port=PORT, key="k", clock=clock).read(cookies) is not None
    assert Sessions(SECRET + "!", port=PORT, key="k", clock=clock).read(cookies) is None


def test_a_sign_in_from_the_future_is_not_trusted(post: Post, clock: FrozenClock) -> None:
    cookies = asyncio.run(_cookies(post))
    clock.forward(days=-1)
    assert "Sign in" in asyncio.run(post.ask("/", cookies=cookies)).text


def test_parallel_guesses_count_one_by_one(post: Post) -> None:
    async def guess() -> list[int]:
        guesses = (post.sign_in(f"guess {number}") for number in range(120))
        return [answer.status for answer in await asyncio.gather(*guesses)]

    statuses = asyncio.run(guess())
    assert statuses.count(403) == 5
    assert statuses.count(429) == 115
    # nothing that a visitor sends resets the count, and the right password waits its turn too
    assert asyncio.run(post.sign_in()).status == 429


def test_guesses_from_an_address_leave_others_and_known_browsers_alone(post: Post) -> None:
    async def walk() -> None:
        known = await _cookies(post)
        for number in range(50):
            await post.sign_in(f"guess {number}")
        assert (await post.sign_in()).status == 429
        assert (await post.sign_in(cookies=known)).status == 303
        assert (await post.sign_in(address="198.51.100.9")).status == 303

    asyncio.run(walk())


@pytest.mark.parametrize(
    ("origin", "host", "passes"),
    [
        (f"http://{HOST}", HOST, True),
        ("http://localhost:8501", "localhost:8501", True),
        ("http://[::1]:8501", "[::1]:8501", True),
        ("http://127.0.0.1:9999", HOST, False),
        ("http://localhost:8501", HOST, False),
        ("http://127.0.0.1", HOST, False),
        ("http://evil.example", HOST, False),
        ("null", HOST, False),
        ("", HOST, False),
        ("http://evil.example:8501", "evil.example:8501", False),
    ],
)
def test_only_its_own_page_opens_the_websocket(
    open_post: Post, origin: str, host: str, passes: bool
) -> None:
    sent = asyncio.run(open_post.stream([RUN], origin=origin, host=host))
    assert (sent[0]["type"] == "websocket.accept") is passes
    assert bool(open_post.behind.messages) is passes


def test_a_name_that_points_at_this_machine_is_refused(open_post: Post) -> None:
    assert asyncio.run(open_post.ask("/", host="evil.example:8501")).status == 403
    assert asyncio.run(open_post.ask("/", host="")).status == 403
    assert asyncio.run(open_post.ask("/", host="localhost:8501")).text == "streamlit"


def test_the_sign_in_form_of_another_site_is_refused(post: Post) -> None:
    for origin in ("http://127.0.0.1:9999", "http://evil.example", "null", ""):
        assert asyncio.run(post.sign_in(origin=origin)).status == 403


@pytest.mark.parametrize(
    "message",
    [
        BackMsg(clear_cache=True),
        BackMsg(load_git_info=True),
        BackMsg(set_run_on_save=True),
        BackMsg(debug_shutdown_runtime=True),
        BackMsg(debug_disconnect_websocket=True),
        BackMsg(file_urls_request={"request_id": "1"}),  # type: ignore[arg-type]
        BackMsg(backend_operation_request={"request_id": "1"}),  # type: ignore[arg-type]
        BackMsg(),
    ],
    ids=lambda message: message.WhichOneof("type") or "none",
)
def test_orders_that_no_page_needs_are_dropped(open_post: Post, message: BackMsg) -> None:
    asyncio.run(open_post.stream([message.SerializeToString(), b"\xff\xff", RUN]))
    assert open_post.behind.messages == [RUN]


@pytest.mark.parametrize("message", ["text", b"x" * (MAX_MESSAGE + 1)], ids=["text", "long"])
def test_a_message_of_the_wrong_kind_or_size_ends_the_connection(
    open_post: Post, message: bytes | str
) -> None:
    sent = asyncio.run(open_post.stream([RUN, message, RUN]))
    assert sent[-1] == {"type": "websocket.close", "code": 1003}
    assert open_post.behind.messages == [RUN]


def test_every_answer_carries_the_security_headers(post: Post, open_post: Post) -> None:
    async def answers() -> list[Answer]:
        refused = await post.ask("/_stcore/upload_file/a/b", "PUT")
        return [await post.ask("/"), refused, await post.sign_in(), await open_post.ask("/")]

    for answer in asyncio.run(answers()):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_a_form_too_long_or_strange_is_refused(post: Post) -> None:
    for form in (b"password=" + b"x" * 10_000, b"\xff", b"a=1&" * 30):
        answer = asyncio.run(post.ask("/sign-in", "POST", form=form, origin=f"http://{HOST}"))
        assert answer.status == 400
    no_name = asyncio.run(post.sign_in(visitor=" \u200b "))
    assert (no_name.status, "enter your name" in no_name.text) == (400, True)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/unhappy\r\nX: y",
        "/sign-out",
        "/unhappy/../x",
    ],
)
def test_a_sign_in_leads_to_pages_of_ours_only(target: str) -> None:
    assert endpoints.local_target(target, endpoints.page_paths()) == "/"


def test_names_and_targets_are_escaped(post: Post) -> None:
    wrong = asyncio.run(post.sign_in("wrong password", visitor='"><script>alert(1)</script>'))
    assert "<script>" not in wrong.text
    page = asyncio.run(post.ask('/unhappy?case="><script>'))
    assert "<script>" not in page.text


def test_a_link_in_a_mail_keeps_its_reader_signed_in(post: Post) -> None:
    """SameSite=Strict keeps the cookie at home; our own page asks again, with the cookie."""
    answer = asyncio.run(post.ask("/unhappy?case=7", sec_fetch_site="cross-site"))
    assert 'content="0;url=/unhappy?case=7"' in answer.text
    again = asyncio.run(post.ask("/unhappy?case=7", sec_fetch_site="same-origin"))
    assert 'name="password"' in again.text


def test_a_slash_behind_an_address_is_forgiven(open_post: Post) -> None:
    answer = asyncio.run(open_post.ask("/unhappy/"))
    assert (answer.status, answer.headers["location"]) == (303, "/unhappy")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "//evil.example",
        "/static//x",
        "/media/.x",
        "/\x00",
        "/static/a\\b",
        "/" * 400,
    ],
)
def test_strange_paths_lead_nowhere(open_post: Post, path: str) -> None:
    assert asyncio.run(open_post.ask(path)).status == 404
    assert open_post.behind.requests == []


def test_an_address_without_a_page_says_so(open_post: Post) -> None:
    answer = asyncio.run(open_post.ask("/nothing", accept="text/html"))
    assert (answer.status, "no such page" in answer.text) == (404, True)
