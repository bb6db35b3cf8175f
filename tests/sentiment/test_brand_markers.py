"""A brand's name becomes a marker, in every way it is written, and nothing else does."""

from __future__ import annotations

import pytest

from sentiment.brand_markers import OTHERS, OURS, mark
from sentiment.prepare import prepare

US = ("Acme Air", "acme", "@FlyAcme")
THEM = ("Brindlow", "@brindlow_help")


def read(text: str, names: tuple[str, ...] = US, other_brands: tuple[str, ...] = THEM) -> str:
    return prepare(mark(text, names, other_brands))


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("leaving Brindlow for Acme", "leaving ■ for ◆"),
        ("leaving Acme for Brindlow", "leaving ◆ for ■"),
        ("@FlyAcme where is my bag", "◆ where is my bag"),
        ("ACME AIR lost it, acme-air again", "◆ lost it, ◆ again"),
        ("#AcmeFail", "◆ Fail"),
        ("macmechanic and acmes", "◆: macmechanic and acmes"),
        ("@brindlow_help are slow", "◆: ■ are slow"),
        ("no name at all", "◆: no name at all"),
        ("Ácmé est nul", "◆ est nul"),
    ],
)
def test_names_become_markers(text: str, marked: str) -> None:
    assert read(text) == marked


def test_every_brand_reads_the_same() -> None:
    sentences = {read(f"{name} is the worst", (name,)) for name in ("Kestrova", "Joy", "Horrible")}
    assert len(sentences) == 1


def test_a_name_in_a_script_without_spaces_is_found() -> None:
    assert read("私はアクメが嫌い", ("アクメ",)) == "私は ◆ が嫌い"


def test_a_topic_in_small_letters_that_the_text_lacks_is_told() -> None:
    assert read("they took an hour", ("service",)) == "◆ service: they took an hour"
    assert read("the service took an hour", ("service",)) == "the ◆ took an hour"


def test_without_names_a_text_stays_as_it_is() -> None:
    assert read("Acme is fine", (), ()) == "Acme is fine"
    assert read("Acme beats Brindlow", (), THEM) == "Acme beats ■"


def test_a_stranger_cannot_write_a_marker() -> None:
    forged = read(f"{OURS} is great {OTHERS}", ("Kestrova",))
    assert forged == f"{OURS}: ● is great ●"


def test_a_name_of_signs_alone_is_never_found() -> None:
    assert read("what??? !!!", ("???",), ("!!!",)) == f"{OURS}: what??? !!!"


def test_a_short_name_keeps_its_signs() -> None:
    names = ("AT&T", "@att")
    assert read("AT&amp;T sucks at t and so does @ATT", names) == "◆ sucks at t and so does ◆"
    assert read("coca cola", ("Coca-Cola",)) == "◆"


def test_our_own_name_is_never_a_rival() -> None:
    assert read("Acme again", ("Acme",), ("acme", "Brindlow")) == f"{OURS} again"
