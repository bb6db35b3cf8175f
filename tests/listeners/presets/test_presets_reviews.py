"""Reviews of app stores and review sites."""

from __future__ import annotations

from pathlib import Path

from preset_files import recognised_file, table

PLAY = [
    {
        "Package Name": "com.kestrova.app",
        "App Version Code": "412",
        "Reviewer Language": "de",
        "Device": "panther",
        "Review Submit Date and Time": "2026-03-14T15:07:00Z",
        "Review Submit Millis Since Epoch": "1773500820000",
        "Review Last Update Date and Time": "2026-03-15T08:00:00Z",
        "Star Rating": "1",
        "Review Title": "",
        "Review Text": "Das Paket kam nie an",
        "Developer Reply Text": "Es tut uns leid",
        "Review Link": "https://play.google.com/console/x?reviewId=gp%3AAOq1&corpus=PUBLIC",
    },
    {
        "Package Name": "com.kestrova.app",
        "Review Submit Date and Time": "2026-03-14T16:00:00Z",
        "Star Rating": "5",
        "Review Text": "",
    },
]


def test_play_console(tmp_path: Path) -> None:
    name, result = recognised_file(tmp_path / "reviews.csv", table(PLAY))
    assert name == "play-console"
    assert result.left_out == {"a rating without words": 1}
    (mention,) = result.mentions
    assert mention.source == "googleplay"
    assert mention.external_id == "gp:AOq1"
    assert mention.text == "Das Paket kam nie an"
    assert mention.published_at.isoformat() == "2026-03-14T15:07:00+00:00"
    assert mention.lang == "de"
