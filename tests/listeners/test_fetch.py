"""Our own bounded fetch, against a real server that misbehaves."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest
from loopback import Reply, Site

from earful.contracts import Permanent, Transient
from earful.limits import UnlimitedMeter
from listeners.http.errors import safe_url
from listeners.http.fetch import Fetcher, HttpResponse
from listeners.http.session import SessionLimits

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)


PATIENT = SessionLimits(timeout=60, deadline=120, max_bytes=100_000)
QUICK = SessionLimits(timeout=0.5, deadline=1.0, max_bytes=100_000)  # where the end is waited for


def get(site: Site, path: str = "/x", limits: SessionLimits = PATIENT, **more: str) -> HttpResponse:
    with Fetcher(lambda: NOW, limits, meter=UnlimitedMeter()) as web:
        return web.get(site.url + path, **more)


def always(site: Site, reply: Reply) -> None:
    site.script = lambda _asked: reply


def test_an_answer_is_whole(site: Site) -> None:
    headers = {"ETag": '"7"', "Last-Modified": "Mon, 20 May 2024 10:00:00 GMT"}
    always(site, Reply(body=b"hello", headers=headers | {"Content-Type": "text/plain"}))
    answer = get(site, "/a?key=1")
    assert (answer.body, answer.etag, answer.content_type) == (b"hello", '"7"', "text/plain")
    assert answer.modified == headers["Last-Modified"]
    assert not answer.not_modified


def test_conditional_requests(site: Site) -> None:
    always(site, Reply(status=304))
    answer = get(site, etag='"7"', modified="Mon, 20 May 2024 10:00:00 GMT")
    assert answer.not_modified
    assert site.asked[0].headers["If-None-Match"] == '"7"'
    assert site.asked[0].headers["If-Modified-Since"] == "Mon, 20 May 2024 10:00:00 GMT"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_later_may_work(site: Site, status: int) -> None:
    always(site, Reply(status=status))
    with pytest.raises(Transient, match=str(status)) as error:
        get(site)
    assert error.value.retry_after is None
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("Mon, 20 May 2024 12:02:00 GMT", 120),
        ("Mon, 20 May 2024 11:00:00 GMT", 0),
        ("99999999999999999999", 7 * 86400),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(site: Site, value: str, seconds: float | None) -> None:
    always(site, Reply(status=429, headers={"Retry-After": value}))
    with pytest.raises(Transient) as error:
        get(site)
    assert error.value.retry_after == seconds


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 451])
def test_a_person_must_act(site: Site, status: int) -> None:
    always(site, Reply(status=status))
    with pytest.raises(Permanent, match=f"answered {status}: ") as error:
        get(site, "/feed?token=hunter2#hunter2")
    assert f"{site.url}/feed?…" in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("fault", ["reset", "cut", "silence", "drip", "drip headers"])
def test_a_bad_connection_is_transient_and_ends_in_time(site: Site, fault: str) -> None:
    always(site, Reply(body=b"x" * 5000, fault=fault))
    with pytest.raises(Transient) as error:
        get(site, "/feed?token=hunter2", QUICK)
    if fault in ("silence", "drip", "drip headers"):  # it goes on for longer than we wait
        assert "in time" in str(error.value)
    assert "hunter2" not in repr(error.value)
    assert error.value.__cause__ is None


def test_nobody_listens() -> None:
    with (
        Fetcher(lambda: NOW, SessionLimits(timeout=0.5), meter=UnlimitedMeter()) as web,
        pytest.raises(Transient),
    ):
        web.get("http://127.0.0.1:9/feed")


@pytest.mark.parametrize("announced", [True, False])
def test_too_big(site: Site, announced: bool) -> None:
    body = b"x" * 200_000
    packed = gzip.compress(body)
    plain = Reply(body=body)
    bomb = Reply(body=packed, headers={"Content-Encoding": "gzip"})
    always(site, plain if announced else bomb)
    with pytest.raises(Permanent, match=r"over 100,000 bytes\. Raise the option max_bytes"):
        get(site)


def test_gzip_is_unpacked(site: Site) -> None:
    packed = gzip.compress(b"hello" * 1000)
    always(site, Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    assert get(site).body == b"hello" * 1000


def test_a_compression_that_is_none(site: Site) -> None:
    always(site, Reply(body=b"not gzip at all", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(Transient):
        get(site)


def test_redirects_on_the_same_host_are_followed(site: Site) -> None:
    def script(asked: object) -> Reply:
        path = asked.path  # type: ignore[attr-defined]
        return Reply(body=b"here") if path == "/b" else Reply(status=301, headers={"Location": "b"})

    site.script = script
    assert get(site, "/a").body == b"here"


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{port}/b",
        "http://127.0.0.1:1/b",
        "http://elsewhere.example/b?token=hunter2",
        "//elsewhere.example/b",
        "ftp://127.0.0.1/b",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[bad/",
        "",
    ],
)
def test_redirects_to_anywhere_else_are_refused(site: Site, location: str) -> None:
    target = location.format(port=site.port)
    always(site, Reply(status=302, headers={"Location": target}))
    with pytest.raises(Permanent, match="another host") as error:
        get(site)
    assert len(site.asked) == 1
    assert "hunter2" not in str(error.value)


def test_the_body_of_a_redirect_is_not_read(site: Site) -> None:
    always(site, Reply(status=302, headers={"Location": "/b"}, body=b"x" * 3000, fault="drip"))
    with pytest.raises(Permanent, match="more than 5 redirects"):
        get(site)  # whoever reads it waits until the site is tired, and misses its end


def test_redirects_in_a_circle_end(site: Site) -> None:
    always(site, Reply(status=302, headers={"Location": "/again"}))
    with pytest.raises(Permanent, match="more than 5 redirects"):
        get(site)


@pytest.mark.parametrize(
    "url", ["", "feed.xml", "ftp://a.example/x", "file:///etc/passwd", "http://", "http://[1"]
)
def test_only_web_addresses(url: str) -> None:
    with (
        Fetcher(lambda: NOW, meter=UnlimitedMeter()) as web,
        pytest.raises(Permanent, match="Write it as https"),
    ):
        web.get(url)


def test_login_and_query_are_not_shown() -> None:
    assert safe_url("https://me:pw@a.example/feed?key=1#f") == "https://a.example/feed?…"
