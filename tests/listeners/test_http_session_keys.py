"""A key goes where it should, as it is, and an error does not tell it."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from loopback import Reply, Site

from earful import clock
from earful.contracts import Permanent, Transient
from earful.limits import UnlimitedMeter
from listeners.http.session import HttpSession


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> HttpSession:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return HttpSession(clock=clock.now, meter=UnlimitedMeter())


def test_a_netrc_lying_about_replaces_no_token(
    session: HttpSession, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    site.script = lambda _asked: Reply(body=b"{}")
    session.get(site.url, headers={"Authorization": "Bearer token"})
    session.get(site.url)
    session.get(site.url.replace("//", "//reader:key@"))
    sent = [asked.headers["Authorization"] for asked in site.asked]
    assert sent == ["Bearer token", None, "Basic cmVhZGVyOmtleQ=="]


@pytest.mark.parametrize("key", ["two\nlines-7Qd2", "tab\x00-7Qd2", "’-7Qd2", "\ud800-7Qd2"])
def test_a_key_that_cannot_be_sent_is_not_told(key: str, session: HttpSession, site: Site) -> None:
    for asked in (
        {"headers": {"Authorization": f"Bearer {key}"}},
        {"params": {"k": f"\ud800{key}"}},
    ):
        with pytest.raises(Permanent, match=str(site.port)) as error:
            session.get(site.url, **asked)
        assert "7Qd2" not in "".join(traceback.format_exception(error.value))
    assert not site.asked


@pytest.mark.parametrize(
    "address", ["http://[", "https://", "x", "https://" + "a" * 70 + ".example"]
)
def test_what_is_no_address_is_said_so(address: str, session: HttpSession) -> None:
    with pytest.raises(Permanent, match="is not a web address"):
        session.get(address)


def test_a_retry_after_of_no_calendar_is_none(session: HttpSession, site: Site) -> None:
    later = {"Retry-After": "Mon, 20 May 2024 10:00:00 +99999999999999"}
    site.script = lambda _asked: Reply(status=503, headers=later)
    with pytest.raises(Transient) as error:
        session.get(site.url)
    assert error.value.retry_after is None
