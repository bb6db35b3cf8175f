"""The source "bluesky" in its mode "jetstream", against a websocket on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jetstream_server
import pytest
from bluesky_server import Network
from jetstream_server import Jetstream
from loopback import Reply, Site

from earful.contracts import Permanent, Spent, Transient
from earful.enums import GapKind
from earful.limits import UnlimitedMeter
from earful.types import Batch, Mention, Query
from listeners.bluesky import jetstream
from listeners.bluesky.listener import Bluesky

NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
EPOCH = NOW.timestamp()


@pytest.fixture
def stream() -> Iterator[Jetstream]:
    with jetstream_server.serve() as running:
        yield running


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is slow to begin has not gone quiet."""
    monkeypatch.setattr(jetstream, "_QUIET_AFTER", 60.0)


class Watch:
    def __init__(self, site: Site, stream: Jetstream, **options: object) -> None:
        site.script = Network()
        self.site = site
        self.now = NOW
        self.position: str | None = None
        self.meter = UnlimitedMeter()
        self.batches: list[Batch] = []
        self.query = Query(
            id="bluesky/kestrova",
            brand_id="kestrova",
            source="bluesky",
            any_of=("Kestrova",),
            options={
                "mode": "jetstream",
                "jetstream": stream.url,
                "api": site.url,
                "timeout": 60,
                "seconds": 60,
            }
            | options,
        )

    def poll(self) -> list[Mention]:
        self.batches = []
        for batch in Bluesky(clock=lambda: self.now, meter=self.meter).poll(
            self.query, self.position
        ):
            self.batches.append(batch)
            self.position = batch.position
        return [mention for batch in self.batches for mention in batch.mentions]

    def gaps(self) -> list[tuple[datetime, datetime, GapKind, bool]]:
        gaps = [gap for batch in self.batches for gap in batch.gaps]
        return [(gap.since, gap.until, gap.kind, gap.lost) for gap in gaps]

    def seen(self) -> list[tuple[datetime, datetime]]:
        return [(span.since, span.until) for batch in self.batches for span in batch.seen]


def poll_first(watch: Watch, stream: Jetstream) -> None:
    """Poll for the first time: the stream begins now."""
    stream.post(EPOCH - 3600, 1, "kestrova, long ago")
    stream.event(EPOCH + 1, kind="identity")
    assert watch.poll() == []


def test_posts_that_name_us_are_kept_with_their_authors(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    named = stream.post(EPOCH + 60, 2, "kestrova is late")
    stream.post(EPOCH + 61, 3, "nothing of interest")
    facet = {
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://kestrova.example/"}]
    }
    linked = stream.post(EPOCH + 62, 4, "look: kes…", facets=[facet])
    changed = stream.post(EPOCH + 63, 5, "Kestrova again", operation="update")
    stream.post(EPOCH + 64, 2, "", operation="delete")
    stream.event(EPOCH + 900)
    watch.now += timedelta(minutes=15)
    mentions = watch.poll()
    assert [mention.external_id for mention in mentions] == [named, linked, changed]
    assert mentions[0].author.handle == "author2.bsky.example"
    assert mentions[0].author.followers == 12
    assert mentions[0].published_at == NOW - timedelta(hours=1)
    assert mentions[0].url == "https://bsky.app/profile/did:plc:author2/post/2"
    assert watch.seen()[-1][1] == watch.now
    assert watch.gaps() == []
    assert watch.batches[-1].more is False
    assert stream.queries[-1]["wantedCollections"] == ["app.bsky.feed.post"]
    assert stream.agents[-1].startswith("Earful/")
    assert watch.meter.received > 1000
    assert watch.meter.requests == len(stream.queries) + len(site.asked)


def test_it_reads_on_a_little_before_where_it_was(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    stream.event(EPOCH + 900)
    watch.now += timedelta(minutes=15)
    watch.poll()
    late_uri = stream.post(EPOCH + 898, 9, "kestrova")
    stream.events.sort(key=lambda event: event["time_us"])
    stream.event(EPOCH + 1800)
    watch.now += timedelta(minutes=15)
    assert [mention.external_id for mention in watch.poll()] == [late_uri]


def test_many_posts_come_in_several_batches(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    expected = [stream.post(EPOCH + 1 + n / 20, n, f"kestrova {n}") for n in range(12_000)]
    watch.now += timedelta(seconds=12_000 / 20 + 1)
    stream.event(EPOCH + 12_000 / 20 + 2)
    assert [mention.external_id for mention in watch.poll()] == expected
    assert len(watch.batches) >= 3
    assert all(batch.more for batch in watch.batches[:-1])


def test_a_poll_that_runs_out_of_time_leaves_a_gap_and_goes_on(
    site: Site, stream: Jetstream
) -> None:
    watch = Watch(site, stream, seconds=0.001)
    expected = {stream.post(EPOCH + n, n, "kestrova") for n in range(1, 600)}
    uris = {mention.external_id for mention in watch.poll()}
    stream.event(EPOCH + 600)
    watch.now += timedelta(minutes=10)
    uris |= {mention.external_id for mention in watch.poll()}
    assert not uris >= expected
    assert [(until, kind, lost) for _, until, kind, lost in watch.gaps()] == [
        (watch.now, GapKind.LIMIT, False)
    ]
    assert watch.batches[-1].more
    watch.query.options["seconds"] = 60  # type: ignore[index]
    assert uris | {mention.external_id for mention in watch.poll()} == expected
    assert watch.seen()[-1][1] == watch.now


def test_posts_that_the_stream_dropped_are_lost(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    watch.now += timedelta(days=4)
    stream.events.clear()
    oldest = watch.now - timedelta(hours=24)
    stream.post(oldest.timestamp(), 5, "kestrova")
    stream.event(watch.now.timestamp() + 1)
    assert len(watch.poll()) == 1
    ((since, until, kind, lost),) = watch.gaps()
    assert since <= NOW + timedelta(seconds=1)
    assert (until, kind, lost) == (oldest, GapKind.WINDOW, True)
    assert watch.seen()[0][0] == oldest


def test_a_connection_that_breaks_keeps_the_posts_before_it(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    expected = {stream.post(EPOCH + n, n, "kestrova") for n in range(10, 100)}
    stream.event(EPOCH + 900)
    watch.now += timedelta(minutes=15)
    stream.cut_after = 40
    uris: set[str] = set()
    for _ in range(2):
        with pytest.raises(Transient, match="the connection failed"):
            watch.poll()
        uris |= {mention.external_id for batch in watch.batches for mention in batch.mentions}
        ((since, until, kind, _),) = watch.gaps()
        assert (until, kind) == (watch.now, GapKind.OUTAGE)
        assert watch.seen()[-1][1] == since  # the span before the break counts as seen
    uris |= {mention.external_id for mention in watch.poll()}
    assert uris == expected
    assert watch.gaps() == []


def test_an_event_too_large_to_be_a_post_breaks_nothing(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    stream.post(EPOCH + 5, 1, "kestrova " + "<" * 2_000_000)
    good = stream.post(EPOCH + 6, 2, "kestrova")
    stream.event(EPOCH + 900)
    watch.now += timedelta(minutes=15)
    assert [mention.external_id for mention in watch.poll()] == [good]
    assert watch.gaps() == []


def test_unreadable_events_are_reported(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    stream.events += ['{"did":', "[1]", '{"time_us": "x"}', "[" * 50_000, "null"]
    stream.event(EPOCH + 5, kind="commit", commit=7)
    stream.event(EPOCH + 6, kind="commit", commit={"operation": "create", "record": []})
    stream.post(EPOCH + 7, 8, "kestrova", createdAt=[], langs=7, facets=[7], embed=["x"], tags={})
    good = stream.post(EPOCH + 8, 9, "kestrova \x00\u202e")
    stream.event(EPOCH + 900)
    watch.now += timedelta(minutes=15)
    mentions = watch.poll()
    assert mentions[-1].external_id == good
    assert mentions[-1].text == "kestrova"
    assert len([reject for batch in watch.batches for reject in batch.rejected]) == 5


def test_an_author_without_a_profile_has_the_did_as_handle(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    poll_first(watch, stream)
    stream.post(EPOCH + 8, 9, "kestrova")
    stream.event(EPOCH + 900)
    watch.now += timedelta(minutes=15)
    site.script = lambda _request: Reply(status=503)
    (mention,) = watch.poll()
    assert mention.author.handle == "did:plc:author2"


@pytest.mark.parametrize(
    ("status", "error"), [(404, Permanent), (401, Permanent), (429, Transient), (503, Transient)]
)
def test_a_stream_that_refuses(
    site: Site, stream: Jetstream, status: int, error: type[Exception]
) -> None:
    watch = Watch(site, stream)
    stream.refuses = status
    with pytest.raises(error, match=f"answered {status}"):
        watch.poll()


def test_a_stream_that_sends_us_elsewhere_is_refused(site: Site, stream: Jetstream) -> None:
    with jetstream_server.serve() as second_stream:
        stream.refuses, stream.elsewhere = 302, second_stream.url
        with pytest.raises(Permanent, match="answered 302"):
            Watch(site, stream).poll()
        assert second_stream.queries == []


def test_a_stream_that_is_not_there_is_transient(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream, jetstream=f"ws://127.0.0.1:{site.port}/nothing")
    site.script = lambda _request: Reply(body=b"<html>")
    with pytest.raises(Transient):
        watch.poll()
    watch = Watch(site, stream, jetstream="ws://127.0.0.1:1/")
    with pytest.raises(Transient, match="It will be tried again"):
        watch.poll()


def test_a_spent_budget_opens_no_connection(site: Site, stream: Jetstream) -> None:
    class Empty(UnlimitedMeter):
        def reserve(self, *, requests: int = 0, reads: int = 0, units: int = 0) -> None:
            raise Spent("nothing is left", kind=GapKind.BUDGET)

    watch = Watch(site, stream)
    watch.meter = Empty()
    with pytest.raises(Spent):
        watch.poll()
    assert stream.queries == []


def test_a_damaged_position_begins_now(site: Site, stream: Jetstream) -> None:
    watch = Watch(site, stream)
    for damaged in ("{", "[]", "7", '{"jetstream": "x"}', '{"jetstream": -1}'):
        watch.position = damaged
        stream.event(EPOCH + 1)
        assert watch.poll() == []


def test_the_stream_has_no_mentions_of_an_account(site: Site, stream: Jetstream) -> None:
    with pytest.raises(Permanent, match="the stream has no mentions"):
        Watch(site, stream, kinds=["mentions"]).poll()
    with pytest.raises(Permanent, match="is no address"):
        Watch(site, stream, jetstream="ws://elsewhere.example/").poll()
