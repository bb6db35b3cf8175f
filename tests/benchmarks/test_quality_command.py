"""``benchmarks/quality.py`` on a folder of invented posts, as a person runs it."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "benchmarks" / "quality.py"
PAGE = ROOT / "docs" / "model.md"

# VADER's words for the first two of each, none that it knows in the third
ENGLISH = [
    ("This is terrible, I hate it", "negative"),
    ("Awful. Horrible. Never again", "negative"),
    ("Day 19 and the parcel is not here", "negative"),
    ("I love it, this is wonderful", "positive"),
    ("Great people, excellent food", "positive"),
    ("The shop opens at nine", "neutral"),
    ("The bus leaves from gate four", "neutral"),
    ("Terrible, terrible, terrible", "neutral"),
]
GERMAN = [
    ("Furchtbar, nie wieder", "negative"),
    ("Wunderbar, vielen Dank", "positive"),
    ("Der Laden öffnet um neun", "neutral"),
]
TWO_LABELS = [("I hate this film", "negative"), ("I love this film", "positive")]


def put(folder: Path, name: str, rows: list[tuple[str, str, str, str]]) -> None:
    lines = ["text\tlabel\tlang\tsource\tsplit"]
    lines += [f"{text}\t{label}\t{lang}\t{name}\t{split}" for text, label, lang, split in rows]
    with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def of(posts: list[tuple[str, str]], lang: str, split: str) -> list[tuple[str, str, str, str]]:
    return [(text, label, lang, split) for text, label in posts]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    put(folder, "tweeteval_sentiment", of(ENGLISH, "en", "test") + of(GERMAN, "en", "val"))
    put(folder, "umsab", of(ENGLISH, "en", "test") + of(GERMAN, "de", "test"))
    put(folder, "nollysenti", of(TWO_LABELS, "en", "test"))
    put(folder, "greek_bank_tweets", of([("Χάλια", "negative")], "el", "val"))
    return folder


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COMMAND), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


@dataclass(frozen=True)
class Done:
    printed: str
    said: str
    figures: dict[str, Any]
    page: Path

    def of(self, data_set: str, lang: str) -> dict[str, Any]:
        (one,) = [
            one
            for one in self.figures["judged"]
            if (one["data_set"], one["lang"]) == (data_set, lang)
        ]
        return one

    def cells(self, name: str) -> list[str]:
        """The first line of a table that begins with this name."""
        (line, *_) = [line for line in self.printed.splitlines() if line.startswith(f"| {name} |")]
        return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run on the tests that also writes into a copy of the page."""
    folder = tmp_path_factory.mktemp("docs")
    page = folder / "model.md"
    shutil.copy(PAGE, page)
    found = run("--data", data, "--write", "--page", page, "--json", folder / "all.json")
    assert found.returncode == 0, found.stderr
    figures = json.loads((folder / "all.json").read_text(encoding="utf-8"))
    return Done(found.stdout, found.stderr, figures, page)


def test_vader_is_measured_as_by_hand(done: Done) -> None:
    # negative 2 of 3, positive 2 of 2, neutral 2 of 3; called negative 3, neutral 3, positive 2
    vader = done.of("tweeteval_sentiment", "en")["vader"]
    assert vader["rows"] == 8
    assert vader["accuracy"] == pytest.approx(75.0)
    assert vader["macro_recall"] == pytest.approx(100 * (2 / 3 + 1 + 2 / 3) / 3)
    assert vader["macro_f1"] == pytest.approx(100 * (4 / 6 + 1 + 4 / 6) / 3)
    assert vader["weighted_f1"] == pytest.approx(100 * (3 * 4 / 6 + 2 * 1 + 3 * 4 / 6) / 8)
    assert done.cells("TweetEval, English")[-3:] == ["77.8", "77.8", "75.0"]


def test_vader_on_another_language_is_marked(done: Done) -> None:
    assert all(cell.endswith("¹") for cell in done.cells("UMSAB, German")[-3:])


def test_the_tables_say_what_the_figures_say(done: Done) -> None:
    one = done.of("umsab", "de")
    found = one["measures"]
    assert done.cells("UMSAB, German")[1:8] == [
        "3",
        f"{found['macro_recall']:.1f}",
        f"{found['macro_f1']:.1f}",
        f"{found['weighted_f1']:.1f}",
        f"{found['accuracy']:.1f}",
        f"{found['calibration_error']:.3f}",
        f"{100 * one['unsure']:.1f}",
    ]
    f1 = [done.of("umsab", lang)["measures"]["macro_f1"] for lang in ("de", "en")]
    assert done.cells("**UMSAB, mean of 2 languages**")[3] == f"**{sum(f1) / 2:.1f}**"


def test_the_model_tells_plain_praise_from_plain_anger(done: Done) -> None:
    (angry, _, (_, _, pleased)) = done.of("umsab", "en")["confusion"]
    assert angry[0] >= 2
    assert pleased == 2
    assert [sum(row) for row in done.of("umsab", "en")["confusion"]] == [3, 3, 2]


def test_published_figures_stand_beside_with_their_source(done: Done) -> None:
    assert done.cells("TweetEval English, macro recall")[-1].endswith("TimeLMs-2021 73.7")
    assert done.cells("UMSAB German, macro F1")[-1] == "XLM-R 72.8 · XLM-T 77.3"
    assert "Loureiro et al. 2022" in done.printed


def test_only_the_split_asked_for_is_read(done: Done) -> None:
    sets = {one["data_set"] for one in done.figures["judged"]}
    assert sets == {"tweeteval_sentiment", "umsab", "nollysenti", "own_posts"}
    assert done.of("tweeteval_sentiment", "en")["measures"]["rows"] == len(ENGLISH)


def test_two_labels_are_judged_as_two_and_stay_out_of_the_pool(done: Done) -> None:
    one = done.of("nollysenti", "en")
    assert one["binary"]
    assert one["measures"]["accuracy"] == one["vader"]["accuracy"] == 100.0
    pooled = {pool["name"]: pool["measures"]["rows"] for pool in done.figures["pooled"]}
    own = sum(o["measures"]["rows"] for o in done.figures["judged"] if o["group"] == "own")
    assert pooled == {
        "public": 2 * len(ENGLISH) + len(GERMAN),
        "own": own,
        "everything": 2 * len(ENGLISH) + len(GERMAN) + own,
    }


def test_the_default_threshold_is_marked_and_more_is_flagged_below_it(done: Done) -> None:
    from earful.settings.load import RuleSettings

    (public,) = [pool for pool in done.figures["pooled"] if pool["name"] == "public"]
    shares = [one["share"] for one in public["flagged"]]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0
    thresholds = [one["threshold"] for one in public["flagged"]]
    assert {0.3, 0.55, 0.9, RuleSettings().negative_at} <= set(thresholds)
    bold = re.findall(r"^\| \*\*(\d\.\d\d)\*\* \|", done.printed, re.MULTILINE)
    # one more where the model is a reader: toward the brand
    assert set(bold) == {f"{RuleSettings().negative_at:.2f}"}


def test_a_missing_set_is_named_and_the_rest_is_judged(done: Done) -> None:
    assert "afrisenti.tsv.gz is not there: going on without afrisenti" in done.said
    assert "afrisenti" in done.figures["absent"]
    assert "Not at hand, so not judged: AfriSenti, " in done.printed


def around(page: str) -> tuple[str, str]:
    before, _, rest = page.partition("<!-- quality:begin -->")
    return before, rest.partition("<!-- quality:end -->")[2]


def test_only_what_is_between_the_marks_is_rewritten(done: Done) -> None:
    page = done.page.read_text(encoding="utf-8")
    assert around(page) == around(PAGE.read_text(encoding="utf-8"))
    assert done.of("umsab", "de")["measures"]["rows"] == 3
    assert "| UMSAB, German | 3 |" in page
    for picture in re.findall(r"\]\((images/quality-[^)]+)\)", page):
        drawn = (done.page.parent / picture).read_text(encoding="utf-8")
        assert drawn.startswith("<svg")
        assert "NaN" not in drawn
    assert "German" in (done.page.parent / "images" / "quality-languages.svg").read_text("utf-8")


@pytest.mark.slow
def test_writing_again_changes_nothing(done: Done, data: Path) -> None:
    files = [done.page, *(done.page.parent / "images").iterdir()]
    assert len(files) >= 3
    before = [file.read_bytes() for file in files]
    assert run("--data", data, "--write", "--page", done.page).returncode == 0
    assert [file.read_bytes() for file in files] == before


def test_val_and_a_quick_look(data: Path) -> None:
    found = run("--data", data, "--split", "val", "--limit", "2")
    assert found.returncode == 0, found.stderr
    assert "| TweetEval, English | 2 |" in found.stdout
    assert "| Greek bank tweets, Greek | 1 |" in found.stdout
    assert "UMSAB" not in found.stdout
    assert "published" not in found.stdout


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Fine\tgood\ten\tx\ttest", "line 3: label 'good' is none of negative, neutral, positive"),
        ("Fine\tpositive", "line 3: no lang, split; a row needs text, label, lang and split"),
    ],
)
def test_a_row_that_is_off_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    put(tmp_path, "umsab", of(GERMAN[:1], "de", "test"))
    with gzip.open(tmp_path / "umsab.tsv.gz", "at", encoding="utf-8") as out:
        out.write(line + "\n")
    found = run("--data", tmp_path)
    assert found.returncode == 1
    assert f"quality: {tmp_path / 'umsab.tsv.gz'}, {complaint}" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    put(tmp_path, "umsab", of(GERMAN, "de", "test"))
    whole = (tmp_path / "umsab.tsv.gz").read_bytes()
    (tmp_path / "umsab.tsv.gz").write_bytes(whole[:-20])
    found = run("--data", tmp_path)
    assert found.returncode == 1
    assert "umsab.tsv.gz cannot be read as a gzipped table in UTF-8" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "nowhere"], "nowhere: no such folder"),
        (["--data", ".", "--limit", "0"], "give 1 or more"),
        (["--data", ".", "--write", "--limit", "5"], "--write is for whole tests"),
        (["--data", ".", "--write", "--split", "val"], "--write is for whole tests"),
        (["--data", ".", "--confusion", "table.json"], "--confusion is for whole val splits"),
    ],
)
def test_what_makes_no_sense_is_said_before_any_work(arguments: list[str], complaint: str) -> None:
    found = run(*arguments)
    assert found.returncode == 2
    assert complaint in found.stderr


def test_a_page_without_marks_is_left_alone(tmp_path: Path, data: Path) -> None:
    page = tmp_path / "model.md"
    page.write_text("# Nothing to fill in\n", encoding="utf-8")
    found = run("--data", data, "--write", "--page", page)
    assert found.returncode == 1
    assert "needs one <!-- quality:begin -->" in found.stderr
    assert page.read_text(encoding="utf-8") == "# Nothing to fill in\n"
