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
    with log.open("w") as out:
        command = ["node", str(RECIPE)]
        server = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
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
            found: dict[str, str] = json.loads(line.partition(" ")[2])
            return found
        assert server.poll() is None, text[-2000:]
        time.sleep(0.5)
    raise AssertionError(f"the network did not start: {log.read_text()[-2000:]}")


class Person:
    """Somebody with an account on the network."""

    def __init__(self, pds: str, name: str) -> None:
        self.pds, self.handle = pds, f"{name}.test"
        body = {"email": f"{name}@example.test", "handle": self.handle, "password": PASSWORD}
        self.token = ""
        made = self.do("com.atproto.server.createAccount", body)
        self.did, self.token = made["did"], made["accessJwt"]

    def do(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.post(f"{self.pds}/xrpc/{name}", json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def post(self, text: str, **more: Any) -> str:
        record = {"$type": "app.bsky.feed.post", "text": text, "langs": ["en"]}
        record |= {"createdAt": clock.now().isoformat().replace("+00:00", "Z")} | more
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
    letter = kim.post(
        "@kestrova-shop.test where is it?", facets=[{"index": at, "features": [feature]}]
    )

    found = _until(lambda: _poll(listener, query), {*posts, letter})
    assert {one.external_id for one in found if one.direct} == {letter}
    assert {one.author.handle for one in found} == {kim.handle}
    assert all(abs(one.published_at - clock.now()) < timedelta(minutes=5) for one in found)

    kim.delete(posts[5])
    some = [one for one in found if one.external_id in posts[:20]]
    gone: list[str] = []
    for _ in range(60):
        gone = [one.external_id for one in listener.recheck(query, some).gone]
        if gone:
            break
        time.sleep(0.5)
    assert gone == [posts[5]]


def _poll(listener: Bluesky, query: Query) -> list[Mention]:
    return [one for batch in listener.poll(query, None) for one in batch.mentions]


def _until(ask: Any, wanted: set[str]) -> list[Mention]:
    """The network indexes posts a moment after they were written."""
    found: list[Mention] = []
    for _ in range(60):
        found = ask()
        if {one.external_id for one in found} >= wanted:
            break
        time.sleep(0.5)
    assert {one.external_id for one in found} == wanted
    return found


def free_port(row: int = 1) -> int:
    """A port that is free, and likely so many behind it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1]) - row
