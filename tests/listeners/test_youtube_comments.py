"""YouTube's comments as Mentions, and those that are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from youtube_server import VIDEO, YoutubeServer, _thread

from earful.matching import Matcher
from listeners.youtube.comments import InvalidAnswer, Reader, ids_of

AT = datetime(2024, 5, 20, 11, 0, tzinfo=UTC)
NOW = datetime(2024, 5, 20, 12, 0, tzinfo=UTC)
READER = Reader(fetched_at=NOW)
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "recorded" / "youtube"


def threads(**more: object) -> list[object]:
    server = YoutubeServer()
    server.comment(AT, **more)
    return [_thread(one) for one in server.threads]


def answer(*items: object, **more: object) -> dict[str, object]:
    return {"items": list(items)} | more


def test_a_comment_is_a_mention() -> None:
    (mention,) = READER.threads(answer(*threads(likeCount=4))).mentions
    assert mention.text == "Kestrova is late again"
    assert mention.author.handle == "user1" and mention.author.external_id == f"UC{1:022d}"
    assert mention.author.url == f"https://www.youtube.com/channel/UC{1:022d}"
    assert mention.url == f"https://www.youtube.com/watch?v={VIDEO}&lc={mention.external_id}"
    assert (mention.published_at, mention.fetched_at, mention.edited_at) == (AT, NOW, None)
    assert mention.engagement.likes == 4 and mention.reply_to is None and not mention.direct


def test_replies_beside_a_thread_are_read_and_missing_ones_told() -> None:
    server = YoutubeServer()
    top = server.comment(AT)
    names = [server.reply(top, NOW) for _ in range(7)]
    found = READER.threads(answer(_thread(server.threads[0])))
    assert [one.external_id for one in found.mentions] == [top, *names[2:]]
    reply = found.mentions[1]
    assert reply.reply_to == top and f"watch?v={VIDEO}&lc=" in (reply.url or "")
    (left,) = found.unfinished
    assert (left.id, left.video, left.at) == (top, VIDEO, AT)
    assert (found.oldest, found.newest) == (AT, AT)


def test_an_edited_comment_and_one_without_a_channel() -> None:
    edited, anonymous = READER.threads(
        answer(
            *threads(updatedAt="2024-05-20T11:30:00.123Z"),
            *threads(authorChannelId=None, authorDisplayName=None),
        )
    ).mentions
    assert edited.edited_at == datetime(2024, 5, 20, 11, 30, 0, 123000, tzinfo=UTC)
    assert anonymous.author.handle == "anonymous"
    assert anonymous.author.external_id == f"anonymous-{anonymous.external_id}"


def test_one_malformed_item_costs_no_other() -> None:
    bad = [
        None,
        7,
        {"snippet": []},
        *threads(publishedAt="yesterday"),
        *threads(textDisplay=""),
        *threads(textDisplay=["x"]),
    ]
    broken_id = threads()
    broken_id[0]["snippet"]["topLevelComment"]["id"] = "../x"  # type: ignore[index]
    found = READER.threads(answer(*threads(), *bad, *broken_id, *threads()))
    assert len(found.mentions) == 2
    assert len(found.rejected) == len(bad) + 1
    assert all(one.reason and one.where for one in found.rejected)


def test_only_what_is_wanted_and_only_harmless_links() -> None:
    reader = Reader(fetched_at=NOW, direct=True, matcher=Matcher(["Kestrova"]))
    items = threads(authorChannelUrl="javascript:alert(1)", likeCount="many")
    other = threads(text="nothing of ours")
    found = reader.threads(answer(*items, *other))
    (mention,) = found.mentions
    assert mention.direct and mention.author.url.startswith("https://www.youtube.com/channel/")  # type: ignore[union-attr]
    assert mention.engagement.likes == 0
    assert not found.rejected


def test_videos_of_a_search() -> None:
    server = YoutubeServer()
    server.film(AT, "abcdefghij1")
    bad = {"id": {"kind": "youtube#channel"}, "snippet": {}}
    found = READER.videos(answer(server.videos[0], bad, None, nextPageToken="x"))
    (mention,) = found.mentions
    assert mention.text == "Kestrova & me\na film"
    assert mention.external_id == "abcdefghij1"
    assert mention.url == "https://www.youtube.com/watch?v=abcdefghij1"
    assert mention.author.handle == "Mo films"
    assert len(found.rejected) == 2 and found.token == "x"


@pytest.mark.parametrize(
    "said", [None, [], "", b"<html>", {}, {"items": {}}, answer(nextPageToken=7)]
)
def test_what_is_no_answer(said: object) -> None:
    for read in (READER.threads, READER.comments, READER.videos, ids_of):
        with pytest.raises(InvalidAnswer):
            read(said)


def test_the_recorded_page_is_read() -> None:
    if not RECORDED.is_dir():
        pytest.skip("../shared/data/recorded/youtube is not here")
    page = json.loads((RECORDED / "comment_threads_by_video_paged_1.json").read_text("utf-8"))
    found = READER.threads(page)
    assert len(found.mentions) == 5 and not found.rejected
    assert found.token and found.newest == datetime(2019, 11, 26, 15, 51, 44, tzinfo=UTC)
    assert found.mentions[0].author.handle == "himani agarwal"
    assert "<br" not in found.mentions[3].text
