"""The source "bluesky" against the real services of the network, run on loopback (slow).

It needs node, redis-server and PostgreSQL, and BLUESKY_NETWORK naming a folder in which
`npm i @atproto/dev-env@0.3.215` was done (../shared/TESTING.md tells the rest).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from throwaway_postgres import Cluster

from earful import clock
from earful.types import Mention, Query
from listeners.bluesky import client
from listeners.bluesky.listener import Bluesky

RECIPE = Path(__file__).resolve().parents[3] / "shared" / "recipes" / "bluesky_network.cjs"
PASSWORD = "shop-password"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    yield port
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def network(
    postgres: Cluster, redis: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The addresses of its services."""
    modules = Path(os.environ.get("BLUESKY_NETWORK", "/nowhere")) / "node_modules"
    if not modules.is_dir() or not RECIPE.is_file():
        pytest.skip("BLUESKY_NETWORK names no folder with @atproto/dev-env in it")
    environment = os.environ | {
        "NODE_PATH": str(modules),
        "BASE": str(free_port(8)),
        "DB_POSTGRES_URL": postgres.url(postgres.fresh()).replace("+psycopg", ""),
        "REDIS_HOST": f"127.0.0.1:{redis}",
        "LOG_ENABLED": "false",
    }
    log = tmp_path_factory.mktemp("network") / "log"
    with log.open("w") as log_file:
        command = ["node", str(RECIPE)]
        server = subprocess.Popen(command, env=environment, stdout=log_file, stderr=log_file)
    try:
        yield _ready(server, log)
    finally:
        server.terminate()
        server.wait(20)


def _ready(server: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    for _ in range(120):
        text = log.read_text()
        if "READY" in text:
            line = next(line for line in text.splitlines() if line.startswith("READY"))
            addresses: dict[str, str] = json.loads(line.partition(" ")[2])
            return addresses
        assert server.poll() is None, text[-2000:]
        time.sleep(0.5)
    raise AssertionError(f"the network did not start: {log.read_text()[-2000:]}")


class Person:
    """A person with an account on the network."""

    def __init__(self, pds: str, name: str) -> None:
        self.pds, self.handle = pds, f"{name}.test"
        body = {"email": f"{name}@example.test", "handle": self.handle, "password": PASSWORD}
        self.token = ""
        account = self.do("com.atproto.server.createAccount", body)
        self.did, self.token = account["did"], account["accessJwt"]

    def do(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.post(f"{self.pds}/xrpc/{name}", json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def post(self, text: str, **overrides: Any) -> str:
        record = {"$type": "app.bsky.feed.post", "text": text, "langs": ["en"]}
        record |= {"createdAt": clock.now().isoformat().replace("+00:00", "Z")} | overrides
        body = {"repo": self.did, "collection": "app.bsky.feed.post", "record": record}
        return str(self.do("com.atproto.repo.createRecord", body)["uri"])

    def delete(self, uri: str) -> None:
        key = uri.rpartition("/")[2]
        body = {"repo": self.did, "collection": "app.bsky.feed.post", "rkey": key}
        self.do("com.atproto.repo.deleteRecord", body)


def test_search_mentions_and_deletions(
    network: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("EARFUL_BLUESKY_APP_PASSWORD", PASSWORD)
    monkeypatch.setattr(client, "_LOGINS", {})
    shop, kim = Person(network["pds"], "kestrova-shop"), Person(network["pds"], "kim")
    options = {"service": network["pds"], "api": network["bsky"], "handle": shop.handle}
    query = Query(
        id="b",
        brand_id="b",
        source="bluesky",
        any_of=("kestrova",),
        options=options | {"kinds": ["search", "mentions"]},
    )
    listener = Bluesky(clock=clock.now)
    posts = [kim.post(f"kestrova number {n}") for n in range(130)]
    at = {"byteStart": 0, "byteEnd": 19}
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": shop.did}
    direct_post = kim.post(
        "@kestrova-shop.test where is it?", facets=[{"index": at, "features": [feature]}]
    )

    mentions = _until(lambda: _poll(listener, query), {*posts, direct_post})
    assert {mention.external_id for mention in mentions if mention.direct} == {direct_post}
    assert {mention.author.handle for mention in mentions} == {kim.handle}
    ages = [abs(mention.published_at - clock.now()) for mention in mentions]
    assert max(ages) < timedelta(minutes=5)

    kim.delete(posts[5])
    sample = [mention for mention in mentions if mention.external_id in posts[:20]]
    gone: list[str] = []
    for _ in range(60):
        gone = [post.external_id for post in listener.recheck(query, sample).gone]
        if gone:
            break
        time.sleep(0.5)
    assert gone == [posts[5]]


def _poll(listener: Bluesky, query: Query) -> list[Mention]:
    return [mention for batch in listener.poll(query, None) for mention in batch.mentions]


def _until(ask: Any, expected: set[str]) -> list[Mention]:
    """Poll until the network has indexed the expected posts."""
    mentions: list[Mention] = []
    for _ in range(60):
        mentions = ask()
        if {mention.external_id for mention in mentions} >= expected:
            break
        time.sleep(0.5)
    assert {mention.external_id for mention in mentions} == expected
    return mentions


def free_port(row: int = 1) -> int:
    """Return a free port; likely the ``row - 1`` ports behind it are free too."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1]) - row
