"""Our traffic held against X's own contract (OpenAPI 2.166), and X's recorded answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import Asked, Reply, Site
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from test_x import OUR_ACCOUNT, name_us, publish, stored
from vcr.cassette import Cassette
from x_watch import NOW, Watch

from earful.contracts import Permanent

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RECORDED = datetime(2022, 10, 7, 22, 43, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def official() -> OpenAPI:
    file = SHARED / "x" / "openapi-2.166.json"
    if not file.is_file():
        pytest.skip("no ../shared beside the project: it holds X's OpenAPI document")
    problems = {"application/problem+json": json.loads}
    config = Config(extra_media_type_deserializers=problems)
    return OpenAPI.from_dict(json.loads(file.read_text()), config=config)


@pytest.fixture
def watch(site: Site, monkeypatch: pytest.MonkeyPatch, official: OpenAPI) -> Iterator[Watch]:
    """A watch whose every request and answer is X's own, by its contract."""
    watch = Watch(site, monkeypatch)
    traffic: list[tuple[Asked, Reply]] = []

    def listen(asked: Asked) -> Reply:
        reply = watch.server(asked)
        traffic.append((asked, reply))
        return reply

    site.script = listen
    yield watch
    assert traffic
    for asked, reply in traffic:
        request = MockRequest(
            "https://api.x.com",
            "get",
            asked.path,
            args=asked.query,
            headers=dict(asked.headers.items()),
        )
        official.validate_request(request)
        kind = reply.headers["Content-Type"]
        official.validate_response(
            request, MockResponse(reply.body, status_code=reply.status, content_type=kind)
        )


def test_searches_are_x_s(watch: Watch) -> None:
    publish(watch, 320, first=-4000)
    watch.ask_for(any_of=("Kestrova", "@kestrova", "Kestrova & co"), languages=("en", "el"))
    watch.poll()
    watch.later(minutes=15)
    watch.poll()
    assert len(watch.seen) == 320


def test_a_stretch_that_was_cut_is_asked_for_as_x_wants_it(watch: Watch) -> None:
    watch.ask_for(options=watch.query.options | {"max_requests": 4})
    publish(watch, 900, first=-4000)
    watch.poll()
    watch.later(minutes=15)
    watch.poll()
    assert any("end_time" in asked.query for asked in watch.site.asked)


def test_timelines_are_x_s(watch: Watch) -> None:
    watch.ask_for(options=watch.query.options | {"kind": "mentions", "user_ids": [OUR_ACCOUNT]})
    watch.server.post("we are Kestrova", NOW - timedelta(days=30), author=OUR_ACCOUNT)
    watch.server.users[OUR_ACCOUNT]["username"] = "kestrova"
    name_us(watch, 220, first=-4000)
    watch.poll()
    assert len(watch.seen) == 220


def test_lookups_and_counts_are_x_s(watch: Watch) -> None:
    kept, gone, hidden = sorted(publish(watch, 3, first=-4000))
    watch.server.deleted.add(gone)
    watch.server.posts[2].author = "6"
    watch.server.hidden_users.add("6")
    batch = watch.listener().recheck(
        watch.query, [stored(one, "Kestrova") for one in (kept, gone, hidden)]
    )
    assert {one.external_id for one in batch.gone} == {gone, hidden}
    assert watch.listener().forecast(watch.query) == pytest.approx(2 / 7 * (1 + 5 / 15) + 96)


def test_a_refusal_is_x_s(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARFUL_X_BEARER_TOKEN", "another")
    with pytest.raises(Permanent, match="401"):
        watch.poll()


def recorded(name: str) -> Reply:
    """What X answered tweepy, byte for byte, headers too."""
    file = SHARED / "recorded" / "tweepy" / f"{name}.yaml"
    if not file.is_file():
        pytest.skip("no ../shared beside the project: it holds recorded answers")
    ((_, response),) = list(zip(*_loaded(file), strict=True))
    headers = {key: values[0] for key, values in response["headers"].items()}
    kept = ("content-type", "content-encoding", "x-rate-limit-remaining", "x-rate-limit-reset")
    return Reply(
        status=response["status"]["code"],
        body=response["body"]["string"],
        headers={key: value for key, value in headers.items() if key in kept},
    )


def _loaded(file: Path) -> tuple[list[object], list[dict]]:
    cassette = Cassette.load(path=str(file), record_mode="none")
    return cassette.requests, cassette.responses


@pytest.fixture
def plain(site: Site, monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch(site, monkeypatch)
    watch.now = RECORDED
    return watch


def test_a_recorded_search_is_read(plain: Watch) -> None:
    plain.ask_for(any_of=("Tweepy",))
    answer = recorded("test_client_search_recent_tweets")
    plain.site.script = lambda asked: (
        Reply(body=b'{"meta": {"result_count": 0}}') if "next_token" in asked.query else answer
    )
    assert len(plain.poll()) == 10
    assert not plain.rejected
    newest = max(plain.seen.values(), key=lambda one: one.published_at)
    # the recording asked for no fields: ids hold the times, and nobody's name is known
    assert RECORDED - timedelta(minutes=15) < newest.published_at < RECORDED
    assert all(one.author.handle == "anonymous" for one in plain.seen.values())


def test_a_recorded_timeline_is_read(plain: Watch) -> None:
    plain.ask_for(options=plain.query.options | {"kind": "mentions", "user_ids": ["783214"]})
    answer = recorded("test_client_get_users_mentions")
    plain.site.script = lambda asked: (
        Reply(body=b'{"meta": {"result_count": 0}}')
        if "pagination_token" in asked.query
        else answer
    )
    assert plain.poll()
    assert all(one.direct for one in plain.seen.values())


def test_a_recorded_lookup_is_read(plain: Watch) -> None:
    answer = recorded("test_client_get_tweets")
    plain.site.script = lambda _asked: answer
    asked = [stored("1293593516040269825", "as it was"), stored("1293595870563381249", "as it was")]
    batch = plain.listener().recheck(plain.query, asked)
    assert {one.external_id for one in batch.mentions} <= {one.external_id for one in asked}
    assert batch.mentions
