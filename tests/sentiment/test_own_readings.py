"""Our own posts with readings are well formed, and what is kept back is never learned."""

from __future__ import annotations

import random

import pytest

from earful.enums import Intent
from sentiment.brand_markers import OURS
from sentiment.training import own_readings
from sentiment.training.rows import key_of


def test_many_languages_have_posts_of_every_intent_and_reason() -> None:
    posts = own_readings.to_train_on() + own_readings.kept_back()
    assert len({post.template for post in posts}) >= 11_000
    with_readings = {path.stem for path in own_readings.READINGS.glob("*.tsv")}
    assert len(with_readings) == 24
    for lang in with_readings:
        of_language = [post for post in posts if post.lang == lang]
        intents = {intent for post in of_language for intent in post.intents}
        assert intents == {intent.value for intent in Intent}
        assert len({reason for post in of_language for reason in post.reasons}) == 10
        assert any(post.ironic for post in of_language)


def test_what_is_kept_back_is_never_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_readings, "TIMES", 1)
    monkeypatch.setattr(own_readings, "TIMES_OLDER", 1)
    rows = own_readings.training_rows(random.Random(1))
    learned = {key_of(row.text.replace(OURS, "")) for row in rows}
    judging = {key_of(row.text.replace(OURS, "")) for row in own_readings.choosing_rows()}
    assert not learned & judging
    assert 0.1 < len(judging) / len(own_readings.to_train_on() + own_readings.kept_back()) < 0.15


def test_a_post_varies_by_its_choices_only() -> None:
    variants = {own_readings.vary("a [[b|c]] {us} [[d|e]]", random.Random(n)) for n in range(40)}
    assert variants == {"a b {us} d", "a b {us} e", "a c {us} d", "a c {us} e"}


def test_reasons_are_known_of_the_unhappy_only() -> None:
    for row in own_readings.choosing_rows():
        assert bool(row.reasons) == any(value for _, value in row.reasons)


@pytest.mark.parametrize("line", ["en-1\tonly two", "en-1\tt\tx\tn\tcomplaint\tlate\t-"])
def test_a_line_that_is_no_post_is_refused_with_its_place(line: str) -> None:
    with pytest.raises(ValueError, match=r"en\.tsv 3"):
        own_readings._parse(line, "en.tsv 3", "en")


def test_labels_of_an_older_post_name_its_brand() -> None:
    labels = ["5", "Tello > Mobi24", "n", "leaving", "price", "-"]
    post = own_readings._older_post(labels, "n\tTello costs more, so Mobi24 it is", "x", "en")
    assert (post.names, post.other_brands) == (("Tello",), ("Mobi24",))
    assert (post.tone, post.toward, post.intents) == (0, 0, {"leaving"})
    with pytest.raises(ValueError, match="'Tella' is not in the post"):
        own_readings._older_post(["5", "Tella", *labels[2:]], "n\tTello", "labels/en.tsv 5", "en")
