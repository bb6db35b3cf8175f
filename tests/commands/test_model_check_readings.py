"""`earful model check` with a reader: its contract, and all its answers on a file of one's own."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cli_workspace import Workspace
from tiny_onnx import Tiny

from commands import label_cells, model, model_check
from earful.contracts import Classifier
from earful.enums import Intent, Reason
from earful.judgements import Reading, Scores
from sentiment import load, reading_contract

BAD = Scores(negative=0.8, neutral=0.1, positive=0.1)
GOOD = Scores(negative=0.1, neutral=0.1, positive=0.8)

ROWS = [
    "text,sentiment,brand,toward,intents,reasons,ironic",
    "leaving Acme Air so bad,negative,Acme Air,negative,complaint+leaving,late,no",
    "good bye Rival Jet hello Acme Air,positive,acme-air,positive,praise,-,no",
    "bad bad Rival Jet plain Acme Air,negative,Acme Air,neutral,other,,",
    "bad,,,,,,yes",
]


@dataclass
class TinyReader:
    """The tiny model, with answers that depend on the words around a brand's name."""

    inner: Classifier
    calls: list[tuple[Sequence[str], Sequence[str]]] = field(default_factory=list)

    @property
    def model_id(self) -> str:
        return self.inner.model_id

    def classify(self, texts: Sequence[str]) -> list[Scores]:
        return self.inner.classify(texts)

    def read(
        self, items: Sequence[tuple[str, Sequence[str]]], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        self.calls += [(names, other_brands) for _, names in items]
        scores = self.classify([text for text, _ in items])
        return [_read(text, names, own) for (text, names), own in zip(items, scores, strict=True)]


def _read(text: str, names: Sequence[str], scores: Scores) -> Reading:
    toward = scores
    if any(f"leaving {name}" in text for name in names):
        toward = BAD
    elif any(f"hello {name}" in text for name in names):
        toward = GOOD
    intents = dict.fromkeys((intent.value for intent in Intent), 0.1)
    intents |= {"complaint": 0.9 if "bad" in text else 0.1, "leaving": 0.7 * ("leaving" in text)}
    reasons = dict.fromkeys((reason.value for reason in Reason), 0.2) | {"late": 0.6}
    return Reading(scores=scores, toward=toward, intents=intents, reasons=reasons, ironic=False)


@pytest.fixture
def reader(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> TinyReader:
    Tiny(names=label_cells.SENTIMENTS).write(workspace.folder / "tiny")
    tiny = TinyReader(load(model=workspace.folder / "tiny"))
    for module in (model, model_check):
        monkeypatch.setattr(module, "classifier_for", lambda _chosen: tiny)
    return tiny


def write(folder: Path, lines: Sequence[str]) -> str:
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "rows.csv"


def test_a_reader_is_held_to_its_own_rules_too(workspace: Workspace, reader: TinyReader) -> None:
    done = workspace.run("model", "check", "tiny")
    assert (done.status, done.err) == (0, "")
    for rule in reading_contract.CHECKS:
        assert f"ok  {rule}" in done.out


def test_every_answer_is_measured_where_the_file_has_labels(
    workspace: Workspace, reader: TinyReader
) -> None:
    done = workspace.run("model", "check", "tiny", "--data", write(workspace.folder, ROWS))
    assert (done.status, done.err) == (0, "")
    assert "3 rows\nmacro recall" in done.out
    # toward: negative and positive right, the rival's bad words are taken for ours
    assert "toward the brand: 3 rows\nmacro recall 66.7" in done.out
    assert "intents: 3 rows" in done.out
    assert "reasons: 2 rows, macro F1 66.7" in done.out
    assert "irony: 3 rows, macro F1 0.0" in done.out
    cells = [re.findall(r"[\w.–]+", line) for line in done.out.splitlines() if "│" in line]
    assert ["complaint", "1", "2", "50.0", "100.0", "66.7"] in cells
    assert ["leaving", "1", "1", "100.0", "100.0", "100.0"] in cells
    assert ["late", "1", "2", "50.0", "100.0", "66.7"] in cells
    assert ["ironic", "1", "0", "–", "0.0", "0.0"] in cells
    assert (
        "unhappy with the brand, from negative_at 0.50 on: 66.7 % of the rows; 50.0 %" in done.out
    )


def test_a_brand_of_settings_is_read_with_all_its_names(
    workspace: Workspace, reader: TinyReader
) -> None:
    rows = [*ROWS[:3], "bad Other Co,negative,Other Co,negative,complaint,-,no"]
    workspace.run("model", "check", "tiny", "--data", write(workspace.folder, rows))
    calls = dict(reader.calls[-3:])
    assert calls["Acme Air",] == ("Rival Jet", "Other Co")
    assert set(calls["Other Co",]) == {"Acme Air", "Rival Jet"}


def test_a_file_without_sentiment_is_judged_on_what_it_has(
    workspace: Workspace, reader: TinyReader
) -> None:
    rows = ["text,intents", "bad,complaint", "good,praise"]
    out = workspace.run("model", "check", "tiny", "--data", write(workspace.folder, rows)).out
    assert "intents: 2 rows" in out
    assert not re.search("macro recall|toward|reasons|irony|unhappy", out.partition("second")[2])


def test_json_may_hold_lists_and_true(workspace: Workspace, reader: TinyReader) -> None:
    rows = workspace.file(
        "rows.jsonl",
        {"text": "bad", "intents": ["complaint", "leaving"], "reasons": [], "ironic": True},
        {"text": "good", "intents": 5},
    )
    done = workspace.run("model", "check", "tiny", "--data", rows)
    assert "intents: 1 rows" in done.out
    assert "reasons: 1 rows" in done.out
    assert "  line 2: intents is '5'; write names apart by +, as late+price" in done.err


def test_a_model_that_only_gives_the_sentiment_names_what_it_cannot_answer(
    workspace: Workspace,
) -> None:
    Tiny(names=label_cells.SENTIMENTS).write(workspace.folder / "tiny")
    done = workspace.run("model", "check", "tiny", "--data", write(workspace.folder, ROWS))
    assert done.status == 0
    assert "toward the brand: 3 rows" in done.out
    assert "not judged: intents, reasons, and ironic; this model only gives" in done.out
    assert "unhappy with the brand" not in done.out


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("x,,,angry,,,", "toward is 'angry'; allowed are negative, neutral, positive"),
        ("x,,,,complain,,", "intents: 'complain' is none (did you mean 'complaint'?)"),
        ("x,,,,,price+slow,", "reasons: 'slow' is none"),
        ("x,,,,,,maybe", "ironic is 'maybe'; allowed are yes and no"),
        ("x,,Acme,,,,", "it has no label: sentiment, toward, intents, reasons, ironic are empty"),
        ("x,glad,,,,,", "sentiment is 'glad'; allowed are negative, neutral, positive"),
    ],
)
def test_a_word_that_is_unknown_is_named_with_its_line(
    workspace: Workspace, reader: TinyReader, cells: str, says: str
) -> None:
    data = write(workspace.folder, [*ROWS, cells])
    done = workspace.run("model", "check", "tiny", "--data", data)
    assert f"  line 6: {says}" in done.err
    assert "toward the brand: 3 rows" in done.out


def test_a_packed_file_is_read_too(workspace: Workspace, reader: TinyReader) -> None:
    packed = gzip.compress("\n".join(ROWS).replace(",", "\t").encode())
    (workspace.folder / "rows.tsv.gz").write_bytes(packed)
    done = workspace.run("model", "check", "tiny", "--data", "rows.tsv.gz")
    assert "toward the brand: 3 rows" in done.out


# --- the contract of a reader -----------------------------------------------------------------


class BrokenReader(TinyReader):
    """A reader with one fault."""

    fault = ""

    def read(
        self, items: Sequence[tuple[str, Sequence[str]]], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        readings = super().read(items, other_brands=other_brands)
        if self.fault == "count":
            return readings[1:]
        if self.fault == "brand":
            return [replace(reading, toward=BAD) for reading in readings]
        if self.fault == "names":
            return [replace(reading, reasons={"late": 0.5}) for reading in readings]
        if self.fault == "share":
            return [replace(reading, irony=1.5) for reading in readings]
        if self.fault == "neighbours" and len(items) == 1:
            return [replace(reading, irony=0.5) for reading in readings]
        if self.fault == "hostile" and any("(" in names for _, names in items):
            raise ValueError("missing )")
        return readings


@pytest.mark.parametrize(
    ("fault", "rule", "says"),
    [
        ("count", "one reading for each text and brand", "there must be one each, in order"),
        ("brand", "without a brand, a text is read as it is classified", "must be the same"),
        ("names", "each intent and reason has a probability", "differs in ['broken', 'cancelled'"),
        ("share", "each intent and reason has a probability", "must be in 0..1"),
        (
            "neighbours",
            "a text's reading depends on the text and the brand alone",
            "a probability differs by 0.5",
        ),
        (
            "hostile",
            "broken and hostile texts and names raise nothing when read",
            "it raised ValueError: missing )",
        ),
    ],
)
def test_a_broken_reader_is_told_its_fault(
    tmp_path: Path, fault: str, rule: str, says: str
) -> None:
    Tiny(names=label_cells.SENTIMENTS).write(tmp_path / "tiny")
    broken = BrokenReader(load(model=tmp_path / "tiny"))
    broken.fault = fault
    assert says in dict(reading_contract.run(broken))[rule]


class SilentReader(TinyReader):
    """A reader whose weights only know the sentiment."""

    def read(
        self, items: Sequence[tuple[str, Sequence[str]]], *, other_brands: Sequence[str] = ()
    ) -> list[Reading]:
        scores = self.classify([text for text, _ in items])
        return [Reading(scores=each, toward=each) for each in scores]


def test_weights_without_intents_break_no_rule_and_are_not_judged_on_them(
    workspace: Workspace, reader: TinyReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = SilentReader(reader.inner)
    for module in (model, model_check):
        monkeypatch.setattr(module, "classifier_for", lambda _chosen: silent)
    done = workspace.run("model", "check", "tiny", "--data", write(workspace.folder, ROWS))
    assert done.status == 0
    assert "ok  each intent and reason has a probability" in done.out
    assert "not judged: intents, reasons, and ironic" in done.out
