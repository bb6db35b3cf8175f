"""What ``benchmarks/quality.py`` tells of a reader's other answers, on invented posts."""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from earful.judgements import Reading, Scores

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
BAD = Scores(negative=0.7, neutral=0.2, positive=0.1)
CALM = Scores(negative=0.1, neutral=0.8, positive=0.1)
GOOD = Scores(negative=0.1, neutral=0.2, positive=0.7)

# Texts, their targets and their sentiment toward them, as the sets hold them.
MAMS = [
    ("food good, waiter bad", "positive", "food", "mams_atsa"),
    ("food good, waiter bad", "negative", "waiter", "mams_atsa"),
    ("food good, waiter bad", "neutral", "place", "mams_acsa"),
]


class FakeReader:
    """Reads "NAME good" and "NAME bad" toward a name; the first such word is the text's own."""

    model_id = "fake"

    def __init__(self) -> None:
        self.calls: list[Sequence[str]] = []

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        return [_first_word(text) for text in texts]

    def read(
        self, items: Sequence[tuple[str, Sequence[str]]], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        self.calls.append(other_brands)
        return [
            Reading(
                scores=_first_word(text),
                toward=_toward(text, names) if names else _first_word(text),
                intents={
                    "complaint": 0.9 if "bad" in text else 0.1,
                    "question": 0.8 if "?" in text else 0.2,
                    "resolved": 0.95 if "solved" in text else 0.0,
                },
                reasons={"price": 0.9 if "fee" in text else 0.0, "late": 0.6},
                ironic="wow" in text,
            )
            for text, names in items
        ]


def _first_word(text: str) -> Scores:
    places = {text.find(word): scores for word, scores in (("good", GOOD), ("bad", BAD))}
    return min(((at, scores) for at, scores in places.items() if at >= 0), default=(0, CALM))[1]


def _toward(text: str, names: Sequence[str]) -> Scores:
    for word, scores in (("good", GOOD), ("bad", BAD)):
        if any(f"{name} {word}" in text for name in names):
            return scores
    return CALM


@dataclass(frozen=True)
class Post:
    """One of our own posts: its text names Acme, and perhaps Rival."""

    text: str
    tone: int
    toward: int
    intents: frozenset[str]
    reasons: frozenset[str] = frozenset()
    ironic: bool = False
    lang: str = "en"
    names: tuple[str, ...] = ("Acme",)
    other_brands: tuple[str, ...] = ("Rival",)


OWN = [
    Post("Acme bad fee", 0, 0, frozenset({"complaint"}), frozenset({"price"})),
    Post("wow Acme bad", 0, 0, frozenset({"complaint", "leaving"}), frozenset({"late"}), True),
    Post("Rival bad, Acme good", 0, 2, frozenset({"praise"}), lang="de"),
    Post("Acme bad, now solved", 2, 2, frozenset({"resolved"})),
    Post("open today?", 1, 1, frozenset({"question"}), lang="de"),
]


def put(folder: Path, name: str, rows: list[tuple[str, str, str, str, str, str]]) -> None:
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / f"{name}.tsv.gz", "wt", encoding="utf-8") as out:
        out.writelines("\t".join(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of the sentiment sets; the others lie beside it, one of them inside."""
    inside, beside = tmp_path / "sentiment", tmp_path / "understanding"
    put(inside, "target_semeval2016_topics", [("x good", "very positive", "x", "en", "s", "val")])
    mams = [(text, label, target, "en", s, "test") for text, label, target, s in MAMS]
    put(beside, "target_mams", [*mams, ("x bad", "negative", "x", "en", "mams_atsa", "train")])
    irony = [("wow", "sarcastic", "", "en", "i", "test"), ("wow", "not", "", "en", "i", "test")]
    put(beside, "irony_isarcasmeval", [*irony, ("bad", "sarcastic", "", "ar", "i", "test")])
    bank = [
        ("bad fee?", "fee", "", "en", "b", "test"),
        ("hello", "greeting", "", "en", "b", "test"),
    ]
    put(beside, "intent_banking77", bank)
    return inside


def banking(row: Any, name: str) -> Any:
    """Map a row as training does: the names that it knows, with 1 where they hold."""
    if row.label == "greeting":
        return None
    return SimpleNamespace(intents=(("question", 1.0), ("praise", 0.0)), reasons=(("price", 1.0),))


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("readings", "readings_page", "readings_pictures", "page", "judging")
    modules = {name: importlib.import_module(f"quality_{name}") for name in names}
    monkeypatch.setattr(modules["readings"], "kept_back", lambda: OWN)
    monkeypatch.setitem(modules["readings"]._MAPPINGS, "intent_banking77", banking)
    return SimpleNamespace(**modules, quality=importlib.import_module("quality"))


def judge(modules: SimpleNamespace, data: Path, reader: Any, split: str = "test") -> Any:
    return modules.readings.report(data, split, None, reader, lambda line: None)


def test_toward_is_judged_by_part_and_as_a_whole_beside_the_text_alone(
    modules: SimpleNamespace, data: Path
) -> None:
    report = judge(modules, data, FakeReader())
    figures = {(t.data_set, t.part): t.measures for t in report.toward}
    whole = figures["target_mams", ""]
    assert (whole.toward.rows, whole.toward.macro_f1) == (3, 100.0)
    assert whole.text_alone.accuracy == pytest.approx(100 / 3)
    assert figures["target_mams", "atsa"].toward.rows == 2
    assert figures["target_mams", "acsa"].toward.rows == 1
    assert figures["target_semeval2016_topics", ""].toward.accuracy == 100.0
    assert {"target_mabsa6", "target_newsmtsc"} <= set(report.absent)


def test_our_own_posts_are_read_for_their_brand_with_the_rivals(
    modules: SimpleNamespace, data: Path
) -> None:
    reader = FakeReader()
    report = judge(modules, data, reader)
    assert ("Rival",) in reader.calls
    figures = {t.part: t.measures for t in report.toward if t.data_set == "own_readings"}
    assert figures[""].toward.rows == 5
    assert figures["de"].toward.accuracy == 100.0
    assert report.tone.rows == 5


def test_names_are_counted_where_a_row_knows_them(modules: SimpleNamespace, data: Path) -> None:
    report = judge(modules, data, FakeReader())
    intents = {c.name: c for c in report.named("intents", "own_readings").counts}
    # "bad" stands in four posts, two of which complain
    assert (intents["complaint"].answered, intents["complaint"].right) == (4, 2)
    assert intents["leaving"].f1 == 0.0
    reasons = report.named("reasons", "own_readings")
    assert reasons.rows == 2
    late = next(count for count in reasons.counts if count.name == "late")
    assert (late.actual, late.answered) == (1, 2)
    mapped = report.named("intents", "mapped")
    assert mapped.rows == 1
    assert [c.name for c in mapped.counts if c.rows] == ["question", "praise"]
    assert mapped.macro_f1 == 100.0


def test_irony_is_judged_by_language(modules: SimpleNamespace, data: Path) -> None:
    report = judge(modules, data, FakeReader())
    english, arabic = (
        next(i.counts for i in report.irony if (i.data_set, i.lang) == ("irony_isarcasmeval", lang))
        for lang in ("en", "ar")
    )
    assert (english.precision, english.recall) == (50.0, 100.0)
    assert (arabic.precision, arabic.recall, arabic.f1) == (None, 0.0, 0.0)


def test_a_threshold_stands_beside_its_costs(modules: SimpleNamespace, data: Path) -> None:
    report = judge(modules, data, FakeReader())
    by_reading = {f.threshold: f for f in report.flagged}
    assert sorted(by_reading) == [0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8]
    # the two complaints; neither the rival's nor the solved one
    assert (by_reading[0.5].share, by_reading[0.5].precision) == (40.0, 100.0)
    assert by_reading[0.5].recall == 100.0
    assert (by_reading[0.8].share, by_reading[0.8].precision) == (0.0, None)
    by_text = next(f for f in report.flagged_by_text if f.threshold == 0.5)
    assert (by_text.share, by_text.precision) == (80.0, 50.0)


def test_a_run_on_val_reads_only_val(modules: SimpleNamespace, data: Path) -> None:
    report = judge(modules, data, FakeReader(), "val")
    sets = {t.data_set for t in report.toward}
    assert sets == {"target_semeval2016_topics", "own_readings"}
    assert report.named("intents", "mapped") is None


def test_a_model_without_readings_is_not_judged_on_them(
    modules: SimpleNamespace, data: Path
) -> None:
    class Plain:
        model_id = "plain"

        def classify(self, texts: Sequence[str]) -> list[Scores]:
            return [CALM for _ in texts]

    assert judge(modules, data, Plain()) is None
    assert list(modules.readings_page.sections(None, {})) == []


def test_page_json_and_pictures_tell_the_same(
    modules: SimpleNamespace, data: Path, tmp_path: Path
) -> None:
    readings = judge(modules, data, FakeReader())
    report = modules.judging.Report(
        model_id="fake",
        vader_id="v",
        split="test",
        limit=None,
        judged=[],
        absent=[],
        pooled=[],
        readings=readings,
    )
    pictures = modules.readings_pictures.write(readings, tmp_path / "images")
    page = modules.page.block(report, pictures)
    assert "| MAMS, atsa | 2 | **100.0** |" in page
    assert "| MAMS | 3 | **100.0** | 16.7 | +83.3 | 100.0 | 100.0 |" in page
    assert "| SemEval-2016, topics val | 1 |" in page
    assert "| complaint | 2 | 50.0 | 100.0 | 66.7 |" in page
    assert "| iSarcasmEval, English | 2 | 1 | 50.0 | 100.0 | **66.7** |" in page
    assert "the best system of the shared task reached an F1 of 60.5 (Abu Farha" in page
    assert "| **0.50** | **100.0** | **100.0** | **40.0** | **50.0** |" in page
    assert "Not at hand, so not judged: M-ABSA, NewsMTSC" in page
    for picture in ("quality-toward.svg", "quality-intents.svg"):
        assert f"](images/{picture})" in page
        drawn = (tmp_path / "images" / picture).read_text(encoding="utf-8")
        assert drawn.startswith("<svg")
        assert "NaN" not in drawn
    figures = json.loads(modules.quality.as_json(report))["readings"]
    assert figures["irony"][1]["counts"]["f1"] == pytest.approx(200 / 3)


def test_confusions_are_counted_by_language_on_val(
    modules: SimpleNamespace, tmp_path: Path
) -> None:
    confusion = importlib.import_module("quality_confusion")
    lines = ["text\tlabel\tlang\tsource\tsplit"]
    lines += [f"{text}\t{label}\ten\tx\tval" for text, label in (("bad", "negative"),) * 3]
    lines += ["bad\tpositive\ten\tx\tval", "bad\tnegative\ten\tx\ttest"]
    content = gzip.compress("\n".join(lines).encode())
    for name in ("umsab", "goemotions_sentiment", "nollysenti"):
        (tmp_path / f"{name}.tsv.gz").write_bytes(content)
    table = confusion.count(tmp_path, "val", FakeReader(), lambda line: None)
    english = table.of("en")
    # only umsab and our own posts: the others know emotions, or no neutral
    assert set(english.sets) == {"umsab", "own_posts"}
    assert english.sets["umsab"] == 4
    assert english.counts[2][0] >= 1
    assert (table.model_id, table.split) == ("fake", "val")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a\tb\tc\n", "line 1: 3 fields; a row has 6"),
        (b"\x1f\x8b\x08cut", "cannot be read as a gzipped table in UTF-8"),
    ],
)
def test_a_set_that_cannot_be_read_is_named(
    modules: SimpleNamespace, tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "target_mams.tsv.gz"
    path.write_bytes(content if content[:1] == b"\x1f" else gzip.compress(content))
    with pytest.raises(ValueError, match=complaint):
        judge(modules, tmp_path, FakeReader())
