"""`earful model check`: the contract, the speed, and what a model is worth on one's own texts."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from pathlib import Path

import pytest
from cli_workspace import Workspace
from tiny_onnx import Tiny

from pipeline.app import App, classifier_for

TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
OURS = ("negative", "neutral", "positive")
ROWS = [
    ("good", "positive"),
    ("so good", "Positive"),
    ("bad", "NEGATIVE"),
    ("plain", "neutral"),
    ("bad", "positive"),
    ("https://example.org", "neutral"),
]
"""What the tiny model answers: positive twice, negative, neutral, negative (wrong), no answer."""


@pytest.fixture
def tiny(workspace: Workspace) -> Workspace:
    """A desk with the directory of a tiny model on it."""
    Tiny(names=OURS).write(workspace.folder / "tiny")
    return workspace


def table(folder: Path, name: str, rows: list[tuple[str, str]], mark: str = ",") -> str:
    lines = [mark.join(pair) for pair in [("text", "label"), *rows]]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def test_a_sound_model_passes_each_check_by_name(tiny: Workspace) -> None:
    done = tiny.run("model", "check", "tiny")
    assert (done.status, done.err) == (0, "")
    first, *lines = done.out.splitlines()
    assert re.fullmatch(r"onnx tiny: tiny-[0-9a-f]{12}-prep\d+", first)
    assert len([line for line in lines if line.startswith("ok  ")]) == 8
    assert "ok  loaded twice, it has the same model_id" in lines
    assert re.fullmatch(r"[\d,]+ posts per second on this machine", lines[-1])


def test_a_broken_model_is_told_what_is_wrong_and_judged_all_the_same(tiny: Workspace) -> None:
    Tiny(names=OURS, batch_wide=True).write(tiny.folder / "wide")
    rows = table(tiny.folder, "rows.csv", ROWS)
    done = tiny.run("model", "check", "wide", "--data", rows)
    assert done.status == 1
    assert "BAD a text's scores depend on the text alone\n      -> the same text's" in done.out
    assert "6 rows" in done.out


def test_it_takes_what_settings_name(tiny: Workspace) -> None:
    tiny.settings('[sentiment]\nmodel = "tiny"\n')
    assert f"onnx {tiny.folder / 'tiny'}: tiny-" in tiny.run("model", "check").out


def test_the_labels_of_settings_count_for_their_model(tiny: Workspace) -> None:
    Tiny().write(tiny.folder / "nameless")
    mapping = ", ".join(f'LABEL_{at} = "{word}"' for at, word in enumerate(OURS))
    tiny.settings(f'[sentiment]\nmodel = "nameless"\nlabels = {{ {mapping} }}\n')
    assert tiny.run("model", "check").status == 0
    assert "say which of negative, neutral, positive" in tiny.run("model", "check", "nameless").err
    given = "LABEL_0=negative, label_1=Neutral,LABEL_2=positive"
    assert tiny.run("model", "check", "nameless", "--labels", given).status == 0


def test_a_model_needs_no_settings_and_no_database(tiny: Workspace) -> None:
    (tiny.folder / "settings.toml").unlink()
    assert tiny.run("model", "check", "tiny").status == 0
    assert not (tiny.folder / "earful.db").exists()
    assert "there is no such file" in tiny.run("model", "check").err


def test_settings_that_the_environment_names_have_to_be_there(
    tiny: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARFUL_SETTINGS", "other.toml")
    assert "other.toml: there is no such file" in tiny.run("model", "check", "tiny").err


def test_the_list_of_words_is_checked_too(workspace: Workspace) -> None:
    workspace.settings("[sentiment]\nthreads = 1\n")
    done = workspace.run("model", "check", "--backend", "lexicon")
    assert done.status == 0
    assert done.out.startswith("lexicon: vader-")


def test_the_model_that_ships_passes(workspace: Workspace) -> None:
    done = workspace.run("model", "check")
    assert done.status == 0, done.out
    assert done.out.startswith("onnx: earful-")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--backend", "onyx"], "--backend: 'onyx' is none (did you mean 'onnx'?)"),
        (["tiny", "--labels", "a"], "--labels: 'a' is not NAME=LABEL"),
        (["tiny", "--labels", "a=bad"], "--labels: a is mapped to 'bad' (there is: negative,"),
        (["tiny", "--labels", "a=postive"], "to 'postive' (did you mean 'positive'?)"),
        (["tiny", "--labels", "a=negative"], "labels names ['a'], which tiny lacks"),
        (["--labels", "a=negative"], "the shipped model names its own: leave labels out"),
        (["./no"], "./no: there is no such directory"),
        (["no", "--backend", "onnx"], "no is not there; name the directory"),
        (["tiny", "--backend", "lexicon"], 'backend "lexicon" is one list of words'),
        (["--backend", "transformers"], 'backend "transformers" needs model'),
    ],
)
def test_what_cannot_be_checked_is_said(tiny: Workspace, words: list[str], says: str) -> None:
    done = tiny.run("model", "check", *words)
    assert (done.status, done.out) == (1, "")
    assert says in done.err


@pytest.mark.skipif(TORCH, reason="torch is installed here: nothing is missing")
def test_a_hub_name_needs_the_extra(workspace: Workspace) -> None:
    done = workspace.run("model", "check", "some-team/some-model")
    assert done.status == 1
    assert "pip install 'earful[transformers]'" in done.err


# --- quality on a file ----------------------------------------------------------------------

FOUND = [
    "6 rows",
    "macro recall 88.9 · macro F1 82.2 · weighted F1 84.4 · accuracy 83.3",
    "could not tell 16.7 %",
    "unhappy from negative_at 0.50 on: 33.3 % of the rows; 50.0 % of these",
    "100.0 % of those labelled negative",
]


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.csv.gz"])
def test_quality_is_told_whatever_the_format(tiny: Workspace, name: str) -> None:
    if name.endswith(".jsonl"):
        tiny.file(name, *({"text": text, "label": label} for text, label in ROWS))
    else:
        table(tiny.folder, name, ROWS, "\t" if ".tsv" in name else ",")
    if name.endswith(".gz"):
        (tiny.folder / name).write_bytes(gzip.compress((tiny.folder / name).read_bytes()))
    done = tiny.run("model", "check", "tiny", "--data", name)
    assert (done.status, done.err) == (0, "")
    assert [one for one in FOUND if one not in done.out] == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_the_column_may_be_called_sentiment_or_label(tiny: Workspace, name: str) -> None:
    measured = []
    for column in ("sentiment", "Label"):
        if name.endswith(".jsonl"):
            tiny.file(name, *({"text": text, column: word} for text, word in ROWS))
        else:
            lines = [f"text,{column}", *(f"{text},{word}" for text, word in ROWS)]
            (tiny.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        done = tiny.run("model", "check", "tiny", "--data", name)
        assert (done.status, done.err) == (0, "")
        measured.append(done.out.partition("rows\n")[2])
    assert measured[0] == measured[1] != ""


def test_the_confusion_table_has_what_was_labelled_by_what_was_answered(tiny: Workspace) -> None:
    rows = table(tiny.folder, "rows.csv", ROWS)
    out = tiny.run("model", "check", "tiny", "--data", rows).out
    cells = [re.findall(r"\w+", line) for line in out.splitlines() if line.startswith("│")]
    assert cells == [
        ["negative", "1", "0", "0"],
        ["neutral", "0", "2", "0"],
        ["positive", "1", "0", "2"],
    ]


def test_the_threshold_is_that_of_settings(tiny: Workspace) -> None:
    tiny.settings("[rules]\nnegative_at = 0.8\n")
    rows = table(tiny.folder, "rows.csv", ROWS)
    out = tiny.run("model", "check", "tiny", "--data", rows).out
    assert "unhappy from negative_at 0.80 on: 0.0 % of the rows; – of these" in out


def test_a_class_without_rows_is_named(tiny: Workspace) -> None:
    rows = table(tiny.folder, "rows.csv", [row for row in ROWS if row[1] != "neutral"])
    out = tiny.run("model", "check", "tiny", "--data", rows).out
    assert "no row is labelled neutral: the macro numbers leave that out" in out


def test_a_limit_takes_rows_from_all_over_the_file(tiny: Workspace) -> None:
    many = [("bad", "negative")] * 50 + [("good", "positive")] * 50
    rows = table(tiny.folder, "rows.csv", many)
    out = tiny.run("model", "check", "tiny", "--data", rows, "--limit", "10").out
    assert "10 rows" in out
    assert "accuracy 100.0" in out
    assert "33.3" not in out
    assert "unhappy from negative_at 0.50 on: 50.0 % of the rows" in out


def test_rows_that_cannot_be_read_are_named_and_the_rest_is_judged(tiny: Workspace) -> None:
    bad = [("x", "angry"), ("y", "2"), *[("z", "")] * 10]
    rows = table(tiny.folder, "rows.csv", [*bad, *ROWS])
    with (tiny.folder / rows).open("a", encoding="utf-8") as file:
        file.write("no label\na,positive,too many\n")
    done = tiny.run("model", "check", "tiny", "--data", rows)
    assert done.status == 0
    assert "6 rows" in done.out
    told = done.err.splitlines()
    assert told[0] == "14 rows could not be read and were left out:"
    assert told[1] == "  line 2: sentiment is 'angry'; allowed are negative, neutral, positive"
    assert told[2] == "  line 3: sentiment is '2'; allowed are negative, neutral, positive"
    assert len(told) == 12
    assert told[-1] == "  and 4 more"


def test_json_that_holds_something_else(tiny: Workspace) -> None:
    good = {"Text": "good", "LABEL": "positive"}
    tiny.file("rows.jsonl", good, {"text": 5, "label": "positive"}, {"label": "neutral"}, "{", "[]")
    done = tiny.run("model", "check", "tiny", "--data", "rows.jsonl")
    assert "1 rows" in done.out
    told = done.err.splitlines()
    assert told[1:3] == ["  line 2: text 5 is no text", "  line 3: 'text' is missing"]
    assert told[3].startswith("  line 4: it is not JSON")
    assert told[4].startswith("  line 5: it is JSON, but no object")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv", b"", "rows.csv: it has no rows"),
        ("rows.jsonl", b"", "rows.jsonl: it has no rows"),
        ("rows.csv", b"text,label\n", "it has no rows"),
        (
            "rows.csv",
            b"text,mood\na,positive\n",
            "names no column 'sentiment' (there is: mood, text)",
        ),
        ("rows.csv", b"texts,label\na,positive\n", "column 'text' (did you mean 'texts'?)"),
        (
            "rows.csv",
            b"text,label\na,glad\n",
            "none of its 1 rows can be read; line 2: sentiment is",
        ),
        (
            "rows.csv",
            b"text,label,Sentiment\na,positive,negative\n",
            "both a column 'sentiment' and a column 'label'. Remove one of them.",
        ),
        (
            "rows.jsonl",
            b'{"text": "a", "label": "positive"}\n'
            b'{"text": "b", "Label": "positive", "sentiment": "positive"}\n',
            "both a column 'sentiment' and a column 'label'. Remove one of them.",
        ),
        ("rows.xlsx", b"PK", "the name should end in .csv, .tsv, .jsonl, .ndjson (also with .gz)"),
        ("rows.csv", "text,label\na,positive\n".encode("utf-16"), "this is UTF-16 text"),
        ("rows.csv.gz", b"text,label\n", "the name says gzip, the content is not"),
        ("rows.csv.gz", gzip.compress(b"text,label\n" * 9999, mtime=0)[:40], "cut or damaged"),
    ],
)
def test_a_file_that_cannot_be_judged(
    tiny: Workspace, name: str, content: bytes, says: str
) -> None:
    (tiny.folder / name).write_bytes(content)
    done = tiny.run("model", "check", "tiny", "--data", name)
    assert (done.status, done.out) == (1, "")
    assert says in done.err


def test_a_file_that_is_not_there(tiny: Workspace) -> None:
    done = tiny.run("model", "check", "tiny", "--data", "rows.csv")
    assert "--data: there is no file 'rows.csv'" in done.err


def test_doctor_says_which_model_reads_and_what_is_known_of_its_languages(tiny: Workspace) -> None:
    from sentiment.shipped import describe

    trained = f"trained on posts in {len(describe().languages)} languages"
    assert f"backend onnx, the shipped model, {trained}" in tiny.run("doctor").out
    tiny.settings('[sentiment]\nmodel = "tiny"\n')
    where = tiny.folder / "tiny"
    assert f"backend onnx, {where}, its languages are not known" in tiny.run("doctor").out
    tiny.settings('[sentiment]\nbackend = "lexicon"\n')
    assert "backend lexicon, a list of words, English words alone" in tiny.run("doctor").out


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ('model = "no"', "BAD model: backend onnx, {folder}/no cannot be used: [sentiment]: "),
        ('model = "nameless"', "say which of negative, neutral, positive each is"),
        pytest.param(
            'backend = "transformers"\nmodel = "some-team/some-model"',
            'some-team/some-model cannot be used: [sentiment]: backend "transformers" needs ',
            marks=pytest.mark.skipif(TORCH, reason="torch is installed here: nothing is missing"),
        ),
        ('model = "tiny"', "?   model: tiny-"),  # it knows no word of the complaint
        ('backend = "lexicon"', "ok  model: vader-"),
    ],
)
def test_doctor_loads_the_model(
    tiny: Workspace, monkeypatch: pytest.MonkeyPatch, block: str, says: str
) -> None:
    Tiny().write(tiny.folder / "nameless")
    monkeypatch.setattr(App, "classifier", lambda app: classifier_for(app.settings.sentiment))
    tiny.settings(f"[sentiment]\n{block}\n")
    assert says.format(folder=tiny.folder) in tiny.run("doctor").out


def test_a_description_that_is_damaged_is_said(tiny: Workspace) -> None:
    (tiny.folder / "tiny" / "earful.json").write_text(json.dumps({"name": "x"}))
    done = tiny.run("model", "check", "tiny")
    assert done.status == 1
    assert "it was written for another version" in done.err
