"""The source "mastodon" against mastodon-mock, a server of the whole API, and its faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from mastodon_mock.testing.server import MockServer

from earful import clock
from earful.contracts import EdgeError, Transient
from earful.types import Batch, Mention, Query
from listeners.http import session
from listeners.http.deadline import deadline
from listeners.mastodon.listener import Mastodon


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer(startup_timeout=60, shutdown_timeout=60) as server:
        # so that its uris name the address that it is asked under, as on a real server
        server.config.domain = server.base_url.partition("://")[2]
        yield server
        server._server.force_exit = True  # it holds the connection of the fault "timeout" for 30 s


@pytest.fixture(autouse=True)
def _no_proxy(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("EARFUL_MASTODON_ACCESS_TOKEN", "alice_token")
    yield
    requests.delete(f"{mock.base_url}/api/v1/_mock/faults", timeout=60)


class Poller:
    def __init__(self, mock: MockServer, tag: str, kinds: list[str]) -> None:
        self.query = Query(
            id="mastodon/a",
            brand_id="a",
            source="mastodon",
            any_of=(tag,),
            options={"instances": [mock.base_url], "kinds": kinds},
        )
        self.position: str | None = None
        self.mentions: list[Mention] = []

    def poll(self) -> list[str]:
        batches: list[Batch] = []
        for batch in Mastodon(clock=clock.now).poll(self.query, self.position):
            batches.append(batch)
            self.position = batch.position
        self.mentions = [mention for batch in batches for mention in batch.mentions]
        return sorted({mention.text for mention in self.mentions})


def test_hashtags_edits_and_deletions(mock: MockServer) -> None:
    bob = mock.client("bob")
    poller = Poller(mock, "Lantern", ["hashtag"])
    posts = [bob.status_post(f"#lantern number {n}") for n in range(3)]
    assert poller.poll() == [f"#lantern number {n}" for n in range(3)]
    stored = poller.mentions
    assert all(mention.author.handle.startswith("bob@127.0.0.1") for mention in stored)
    later_posts = [bob.status_post(f"#lantern later {n:03}") for n in range(90)]
    bob.status_delete(posts[2])
    assert [text for text in poller.poll() if "later" in text] == [
        f"#lantern later {n:03}" for n in range(90)
    ]
    bob.status_update(posts[0], "#lantern is fine")
    bob.status_delete(later_posts[0])
    batch = Mastodon(clock=clock.now).recheck(poller.query, stored)
    assert [(mention.text, mention.edited_at is not None) for mention in batch.mentions] == [
        ("#lantern is fine", True)
    ]
    assert [post.external_id for post in batch.gone] == [posts[2].uri]


def test_search_and_mentions(mock: MockServer) -> None:
    bob = mock.client("bob")
    bob.status_post("nobody answers at Larkspur")
    poller = Poller(mock, "larkspur", ["search"])
    assert poller.poll() == ["nobody answers at Larkspur"]
    mentions_poller = Poller(mock, "", ["mentions"])
    bob.status_post("@alice where is my parcel?", visibility="direct")
    (text,) = mentions_poller.poll()
    assert "where is my parcel?" in text
    assert mentions_poller.mentions[0].direct
    bob.status_post("@alice hello? anybody?")
    assert any("anybody" in text for text in mentions_poller.poll())


FAULTS: dict[str, tuple[dict[str, Any], type[EdgeError]]] = {
    "ratelimit": ({"type": "ratelimit", "headers": {"Retry-After": "17"}}, Transient),
    "status": ({"type": "status", "status": 503}, Transient),
    "malformed": ({"type": "malformed"}, Transient),
    "latency": ({"type": "latency", "delay_ms": 2000}, Transient),
    "timeout": ({"type": "timeout"}, Transient),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_between_pages_lose_nothing(
    mock: MockServer, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = f"fault{fault}"
    effect, error = FAULTS[fault]
    poller = Poller(mock, tag, ["hashtag"])
    bob = mock.client("bob")
    expected = [bob.status_post(f"#{tag} {n:03}").uri for n in range(60)]
    rule = {"match": {"path": f"/api/v1/timelines/tag/{tag}"}, "effect": effect, "count": 1}
    seen: set[str] = set()
    first = True
    listener = Mastodon(clock=clock.now)
    with pytest.raises(error) as caught:
        for batch in listener.poll(poller.query, None):
            seen |= {mention.external_id for mention in batch.mentions}
            poller.position = batch.position
            if first:
                added = requests.post(f"{mock.base_url}/api/v1/_mock/faults", json=rule, timeout=60)
                added.raise_for_status()
                if fault in ("latency", "timeout"):  # from here on less time than the fault takes
                    monkeypatch.setattr(session, "deadline", lambda _seconds: deadline(0.5))
                first = False
    monkeypatch.setattr(session, "deadline", deadline)
    assert len(seen) == 40
    if fault == "ratelimit":
        assert isinstance(caught.value, Transient)
        assert caught.value.retry_after == 17
    poller.poll()
    seen |= {mention.external_id for mention in poller.mentions}
    assert seen == set(expected)


def test_the_clock_of_the_mock_is_ours(mock: MockServer) -> None:
    """The tests above need posts that are dated now, so that ``since`` reaches them."""
    posted = mock.client("bob").status_post("#dated")
    assert abs(posted.created_at - clock.now()) < timedelta(minutes=1)
