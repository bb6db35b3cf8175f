"""Every way in which settings can be wrong is named: file, place, value, and how to fix it."""

from __future__ import annotations

from pathlib import Path

import pytest

from earful.settings import load
from earful.settings.errors import SettingsError, nearest
from earful.settings.load import Settings, slug

BRAND = '[[brand]]\nname = "Acme Air"\ncompetitors = ["Rival Jet"]\n'
LISTEN = '[[listen]]\nsource = "rss"\nbrand = "Acme Air"\n'
DESK = '[[channel]]\nname = "desk"\nkind = "print"\n'


def _load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return load.load(file)


def _error(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # unknown keys: the nearest right one, or what there is
        ("brnd = 1", "settings.toml: unknown key 'brnd' (did you mean 'brand'?)"),
        (
            BRAND + LISTEN + 'evry = "5m"',
            "settings.toml: [[listen]] 1: unknown key 'evry' (did you mean 'every'?)",
        ),
        (
            BRAND + LISTEN + BRAND.replace("Acme", "Zed") + 'aliass = ["x"]',
            "settings.toml: [[brand]] 2: unknown key 'aliass' (did you mean 'aliases'?)",
        ),
        (
            "[rules]\nnegative = 0.5",
            "settings.toml: [rules]: unknown key 'negative' (did you mean 'negative_at'?)",
        ),
        (
            "[schedule]\nxyzzy = 1",
            "settings.toml: [schedule]: unknown key 'xyzzy' "
            "(there is: classify, deliver, flag, recheck, recheck_within)",
        ),
        (
            '[[brand]]\nname="A"\ncompetitors=[{name="B", handels=["b"]}]',
            "settings.toml: [[brand]] 1 competitors.1: unknown key 'handels' "
            "(did you mean 'handles'?)",
        ),
        # missing
        ("[[brand]]\naliases = []", "settings.toml: [[brand]] 1: 'name' is missing"),
        # values
        (
            "[rules]\nnegative_at = 1.5",
            "settings.toml: [rules] negative_at: 1.5 input should be less than or equal to 1",
        ),
        (
            '[rules]\nintents = ["leave"]',
            "settings.toml: [rules] intents.1: 'leave' should be 'complaint' or 'leaving' "
            "(did you mean 'leaving'?)",
        ),
        (
            '[rules]\nreasons = ["late", "prise"]',
            "settings.toml: [rules] reasons.2: 'prise' should be 'late', 'missing', 'staff', "
            "'price', 'broken', 'digital', 'cancelled', 'unreachable', 'safety' or 'other' "
            "(did you mean 'price'?)",
        ),
        (
            '[rules]\ntoward = ["negativ"]',
            "settings.toml: [rules] toward.1: 'negativ' should be 'negative', 'neutral' or "
            "'positive' (did you mean 'negative'?)",
        ),
        (
            '[rules]\nurgent_reasons = "safety"',
            "settings.toml: [rules] urgent_reasons: 'safety' should be a list, as in "
            'urgent_reasons = ["…"]',
        ),
        (
            "[rules]\nreasons = []",
            "settings.toml: [rules] reasons: [] should hold 1 or more",
        ),
        (
            '[rules]\nurgent_at = "high"',
            "settings.toml: [rules] urgent_at: 'high' input should be a valid integer",
        ),
        ("[dashboard]\nport = 99999", "settings.toml: [dashboard] port: 99999 input should be"),
        ("[dashboard]\nport = true", "settings.toml: [dashboard] port: True"),
        (
            BRAND + LISTEN + 'every = "soon"',
            "settings.toml: [[listen]] 1 every: 'soon' is not a duration; "
            "write it as 90s, 15m, 72h or 14d",
        ),
        (BRAND + LISTEN + 'every = "²m"', "'²m' is not a duration"),
        (BRAND + LISTEN + 'every = ""', "'' is not a duration"),
        (BRAND + LISTEN + 'every = "0s"', "[[listen]] 1 every: '0s' input should be greater"),
        (BRAND + LISTEN + "every = -5", "[[listen]] 1 every: -5 input should be greater"),
        (BRAND + LISTEN + "every = inf", "[[listen]] 1 every: inf"),
        (BRAND + LISTEN + "every = nan", "[[listen]] 1 every: nan"),
        (BRAND + LISTEN + 'every = "999999999999999d"', "[[listen]] 1 every:"),
        (BRAND + LISTEN + "every = 1e300", "[[listen]] 1 every:"),
        ('[rules]\nlook_back = "9999999d"', "[rules] look_back:"),
        (
            '[[brand]]\nname = "A"\ntimezone = "Athens"',
            "settings.toml: [[brand]] 1 timezone: 'Athens' is not a time zone; "
            "write it as Europe/Athens or UTC",
        ),
        (
            '[[brand]]\nname = "A"\ntimezone = "../../etc/passwd"',
            "'../../etc/passwd' is not a time zone",
        ),
        (
            '[digest]\nat = "25:00"',
            "settings.toml: [digest] at: '25:00' is not a time of day; write it as 09:00",
        ),
        ("[digest]\nat = 9", "settings.toml: [digest] at: 9 is not a time of day"),
        (
            '[digest]\nwhen_nothing = "shout"',
            "settings.toml: [digest] when_nothing: 'shout' should be 'say' or 'skip'",
        ),
        (
            '[sentiment]\nbackend = "gpu"',
            "[sentiment] backend: 'gpu' should be 'onnx', 'transformers' or 'lexicon'",
        ),
        (
            '[sentiment]\nbackend = "transformer"',
            "should be 'onnx', 'transformers' or 'lexicon' (did you mean 'transformers'?)",
        ),
        (
            '[sentiment]\nmodel = "m"\nlabels = { LABEL_0 = "negativ" }',
            "[sentiment] labels.LABEL_0: 'negativ' should be 'negative', 'neutral' or 'positive' "
            "(did you mean 'negative'?)",
        ),
        (
            '[sentiment]\nbackend = "transformers"',
            "settings.toml: [sentiment]: backend 'transformers' needs model = \"name or folder\"",
        ),
        (
            '[sentiment]\nlabels = { LABEL_0 = "negative" }',
            "settings.toml: [sentiment] labels: the shipped model has its own. Remove the line",
        ),
        (
            '[sentiment]\nbackend = "lexicon"\nmodel = "m"',
            "settings.toml: [sentiment] model: backend 'lexicon' takes none. Remove the line",
        ),
        (
            '[sentiment]\nbackend = "lexicon"\nthreads = 2',
            "settings.toml: [sentiment] threads: backend 'lexicon' takes none. Remove the line",
        ),
        (
            '[sentiment]\nlabel = { a = "negative" }',
            "settings.toml: [sentiment]: unknown key 'label' (did you mean 'labels'?)",
        ),
        ('[[brand]]\nname = ""', "settings.toml: [[brand]] 1 name: ''"),
        (
            DESK.replace("desk", "The Desk"),
            "settings.toml: [[channel]] 1 name: 'The Desk'",
        ),
        # one [ too few
        ('[listen]\nsource = "rss"', "settings.toml: [listen]: write [[listen]]"),
        ('[brand]\nname = "A"', "settings.toml: [brand]: write [[brand]]"),
        (
            BRAND + 'aliases = "Acme"',
            "settings.toml: [[brand]] 1 aliases: 'Acme' should be a list, as in aliases = [",
        ),
        # what one block says about another
        (
            BRAND + LISTEN.replace("Acme Air", "Acme Aire"),
            "settings.toml: [[listen]] 1: there is no brand 'Acme Aire' (did you mean 'Acme Air'?)",
        ),
        (BRAND + BRAND, "settings.toml: [[brand]] 3: 'acme-air' is there twice"),
        (
            '[[brand]]\nname = "Acme Air"\n[[brand]]\nname = "ACME  air!"',
            "settings.toml: [[brand]] 2: 'acme-air' is there twice",
        ),
        (
            BRAND + LISTEN + LISTEN,
            "settings.toml: [[listen]] 2: 'rss/acme-air' is there twice. Give it a name of its "
            "own.",
        ),
        (DESK + DESK, "settings.toml: [[channel]] 2: 'desk' is there twice"),
        (
            DESK + '[digest]\nchannels = ["dsk"]',
            "settings.toml: [digest] channels: there is no [[channel]] 'dsk' "
            "(did you mean 'desk'?)",
        ),
        (
            '[alerts]\nchannels = ["desk"]',
            "settings.toml: [alerts] channels: there is no [[channel]] 'desk'",
        ),
        (
            '[[channel]]\nname = "out"\nkind = "file"',
            "settings.toml: [[channel]] 1 (out): kind 'file' needs path",
        ),
        (
            '[[channel]]\nname = "m"\nkind = "mail"\nhost = "h"\nsender = "a@b.example"',
            "settings.toml: [[channel]] 1 (m): kind 'mail' needs to",
        ),
        # syntax
        ("[[brand\nname = 1", "settings.toml: "),
        ('a = "x', "settings.toml: "),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, expected: str) -> None:
    error = _error(tmp_path, text)
    assert expected in error
    assert "\n" not in error
    assert "Traceback" not in error


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    error = _error(tmp_path, "[rules]\nnegative_at = 2\nx = 1\n[digest]\nmost = 0\n")
    assert len(error.splitlines()) == 3
    assert all(line.startswith("settings.toml: [") for line in error.splitlines())


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(b'[[brand]]\nname = "\xff\xfe"')
    with pytest.raises(SettingsError, match=r"^settings\.toml: "):
        load.load(file)


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"settings\.toml: there is no such file.*EARFUL_SETT"):
        load.load()
    monkeypatch.setenv("EARFUL_SETTINGS", str(tmp_path / "other.toml"))
    with pytest.raises(SettingsError, match=r"other\.toml: there is no such file"):
        load.load()
    monkeypatch.setenv("EARFUL_SETTINGS", str(tmp_path))
    with pytest.raises(SettingsError, match="there is no such file"):
        load.load()


def test_a_settings_file_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(BRAND)
    monkeypatch.setenv("EARFUL_SETTINGS", str(tmp_path / "mine.toml"))
    assert load.load().brand[0].name == "Acme Air"


# --- what right settings come to ------------------------------------------------------------


def test_an_empty_file_is_right_and_means_the_defaults(tmp_path: Path) -> None:
    found = _load(tmp_path, "")
    assert found.brands() == ()
    assert found.queries() == ()
    assert found.rules.negative_at == 0.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [('"90s"', 90), ('"15m"', 900), ('"1.5h"', 5400), ('"14d"', 1209600), ("30", 30), ("0.5", 0.5)],
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    (query,) = _load(tmp_path, BRAND + LISTEN + f"every = {text}").queries()
    assert query.every == seconds


def test_a_time_of_day_as_toml_itself_writes_it(tmp_path: Path) -> None:
    for written in ('"07:30"', "07:30:00"):
        assert _load(tmp_path, f"[digest]\nat = {written}").digest.at.hour == 7


def test_competitors_stand_behind_their_brand(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        '[[brand]]\nname = "Acme"\ntimezone = "Europe/Athens"\n'
        'competitors = ["Rival", {name = "Foe", aliases = ["F"]}]',
    ).brands()
    assert [(one.id, one.competitor_of, one.timezone, one.ours) for one in found] == [
        ("acme", None, "Europe/Athens", True),
        ("rival", "acme", "Europe/Athens", False),
        ("foe", "acme", "Europe/Athens", False),
    ]


def test_a_query_looks_for_the_brands_own_names_unless_told(tmp_path: Path) -> None:
    text = BRAND + 'handles = ["@acme"]\nexclude = ["acme thunder"]\n' + LISTEN
    (query,) = _load(tmp_path, text).queries()
    assert (query.id, query.any_of) == ("rss/acme-air", ("Acme Air", "@acme"))
    assert query.none_of == ("acme thunder",)
    (query,) = _load(tmp_path, text + 'any_of = ["x"]\nname = "second"').queries()
    assert (query.id, query.any_of) == ("rss/acme-air/second", ("x",))


def test_brand_names_are_compared_without_regard_to_case(tmp_path: Path) -> None:
    (query,) = _load(tmp_path, BRAND + LISTEN.replace("Acme Air", "ACME AIR")).queries()
    assert query.brand_id == "acme-air"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Acme Air", "acme-air"),
        ("  A.B.  C! ", "a-b-c"),
        ("Ωμέγα", "ωμέγα"),
        ("Cafe\u0301", "café"),  # as a Mac writes it: the same brand
        ("दिल", "दिल"),  # vowel signs are letters: this is not the next one
        ("दल", "दल"),
        ("!!!", "brand"),
    ],
)
def test_ids_of_brands(name: str, expected: str) -> None:
    assert slug(name) == expected


# --- files beside the settings --------------------------------------------------------------


def test_relative_files_lie_beside_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    found = _load(
        tmp_path,
        'database_url = "sqlite:///data/x.db"\n'
        + BRAND
        + LISTEN.replace("rss", "replay")
        + '[listen.options]\npath = "posts.jsonl"\nrejects = "bad.jsonl"\n'
        + '[[channel]]\nname = "out"\nkind = "file"\npath = "outbox"',
    )
    assert found.database_url.get_secret_value() == f"sqlite:///{tmp_path}/data/x.db"
    assert found.queries()[0].options["path"] == str(tmp_path / "posts.jsonl")
    assert found.queries()[0].options["rejects"] == str(tmp_path / "bad.jsonl")
    assert found.channel[0].path == tmp_path / "outbox"


@pytest.mark.parametrize("url", ["sqlite:////abs/x.db", "sqlite://", "postgresql://host/earful"])
def test_other_urls_stay_as_they_are(tmp_path: Path, url: str) -> None:
    assert _load(tmp_path, f'database_url = "{url}"').database_url.get_secret_value() == url


def test_nearest() -> None:
    assert nearest("evry", ["every", "source"]) == " (did you mean 'every'?)"
    assert nearest("xyz", ["every", "source"]) == " (there is: every, source)"
    assert nearest("xyz", []) == ""


def test_a_model_lies_beside_the_settings_and_a_hub_name_stays_one(tmp_path: Path) -> None:
    ours = _load(tmp_path, '[sentiment]\nmodel = "models/ours"\n')
    assert ours.sentiment.model == str(tmp_path / "models" / "ours")
    hub = '[sentiment]\nbackend = "transformers"\nmodel = "team/model"\n'
    assert _load(tmp_path, hub).sentiment.model == "team/model"
    (tmp_path / "team" / "model").mkdir(parents=True)
    assert _load(tmp_path, hub).sentiment.model == str(tmp_path / "team" / "model")


# --- accounts -------------------------------------------------------------------------------

ACCOUNT = '[[account]]\nname = "second"\nsource = "rss"\n'


def test_an_account_is_the_querys(tmp_path: Path) -> None:
    named = _load(tmp_path, BRAND + LISTEN + 'account = "second"\n' + ACCOUNT)
    assert named.queries()[0].account == "second"
    own = _load(tmp_path, BRAND + LISTEN + 'account = "rss"\n' + ACCOUNT)
    assert own.queries()[0].account == "rss"
    assert _load(tmp_path, BRAND + LISTEN + ACCOUNT).queries()[0].account == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            LISTEN + 'account = "secnd"\n' + ACCOUNT,
            "[[listen]] 1: there is no [[account]] 'secnd' (did you mean 'second'?)",
        ),
        (
            LISTEN.replace("rss", "x") + 'account = "second"\n' + ACCOUNT,
            "[[listen]] 1: the account 'second' is one of 'rss', not of 'x'. Name another",
        ),
        (
            LISTEN + ACCOUNT.replace('"rss"', '"x"').replace("second", "rss"),
            "[[listen]] 1: the account 'rss' is one of 'x', not of 'rss'. Name another account, or "
            "give that [[account]] another name.",
        ),
        (ACCOUNT + ACCOUNT, "[[account]] 2: 'second' is there twice. Give it another name."),
        (
            ACCOUNT.replace("second", "a-b") + ACCOUNT.replace("second", "a_b"),
            "[[account]] 2: 'a_b' is there twice",
        ),
        (
            ACCOUNT + "budget_month = 20",
            "[[account]] 1 (second): budget_month needs price_per_read. Set it to the price of "
            "one post.",
        ),
        (ACCOUNT + 'per = "1m"', "[[account]] 1 (second): per needs requests"),
        (ACCOUNT + "price_per_read = 0.0000001", "[[account]] 1 price_per_read"),
        (ACCOUNT + "price_per_read = -1", "[[account]] 1 price_per_read"),
        (ACCOUNT + "price_per_read = nan", "[[account]] 1 price_per_read"),
        (ACCOUNT + 'currency = "dollars"', "[[account]] 1 currency"),
        (ACCOUNT + "requests = 0", "[[account]] 1 requests"),
        (ACCOUNT.replace("second", "Second!"), "[[account]] 1 name"),
    ],
)
def test_an_account_that_cannot_be_kept_to_is_named(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert expected in _error(tmp_path, BRAND + text)
