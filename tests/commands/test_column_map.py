"""`--map` names any column that a file can have."""

from __future__ import annotations

import pytest

from commands.importing.column_map import parse_map
from commands.importing.wording import in_command_words
from earful.settings.errors import SettingsError


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("", {}),
        ("text=body,id=key", {"text": "body", "id": "key"}),
        (" text = body , id = key ", {"text": "body", "id": "key"}),
        (
            "text=What went wrong, if anything?,published_at=Timestamp",
            {"text": "What went wrong, if anything?", "published_at": "Timestamp"},
        ),
        ("text=a=b (x=y)", {"text": "a=b (x=y)"}),
        ("text=Anything else, Nell?", {"text": "Anything else, Nell?"}),
        ('text="Say it, id=5?",id=key', {"text": "Say it, id=5?", "id": "key"}),
        ('text="the ""best"" part",id=key', {"text": 'the "best" part', "id": "key"}),
        ('text=the "best" part', {"text": 'the "best" part'}),
        (
            ["text=body", "id=key,author=user.name"],
            {"text": "body", "id": "key", "author": "user.name"},
        ),
        ("text=Title+Body", {"text": "Title+Body"}),
        ("published_at=Review Created (UTC)", {"published_at": "Review Created (UTC)"}),
    ],
)
def test_a_map_is_read(texts: str | list[str], expected: dict[str, str]) -> None:
    assert parse_map(texts) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("text", "--map: 'text' is not FIELD=COLUMN. Write text=body,id=key."),
        ("text=", "--map: 'text=' is not FIELD=COLUMN"),
        ("txt=body", "--map: 'txt' is no field (did you mean 'text'?)"),
        ("text=body,autor=user", "--map: 'autor' is no field (did you mean 'author'?)"),
        ("text=Title,text=Body", "text is given twice. Write text=Title+Body to join"),
        (["text=Title", "text=Body"], "Write text=Title+Body"),
        ("id=a,id=b", "--map: id is given twice"),
    ],
)
def test_a_wrong_map_is_named_with_its_fix(texts: str | list[str], expected: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_map(texts)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'add an offset, or the option timezone = "Europe/Athens" when',
            "or --timezone Europe/Athens when",
        ),
        ('with the option encoding, as in encoding = "cp1252"', "with --encoding cp1252"),
        ('Say which it is, as in map = { text = "…" }.', "as in --map 'text=…'."),
        ('as in map = { text = "Wrong, if any?" }.', "as in --map 'text=Wrong, if any?'."),
        ('as in map = { text = "a,text=b" }.', """as in --map 'text="a,text=b"'."""),
        ('write dates = "%d/%m/%Y %H:%M"', "write --dates '%d/%m/%Y %H:%M'"),
        ("try quotes = true or header = false, skip = 4", "try --quotes or --no-header, --skip 4"),
        ('say so by the option encoding = "cp1253".', "say so by --encoding cp1253."),
        ("Check the option rejects.", "Check --rejects."),
        ('the text said = "x"', 'the text said = "x"'),
    ],
)
def test_errors_name_the_options_of_this_command(text: str, expected: str) -> None:
    assert expected in in_command_words(text)
