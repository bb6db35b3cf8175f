"""The contract of a classifier, kept by the model that ships."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import pytest

from earful.contracts import Classifier
from earful.enums import Sentiment
from earful.judgements import Scores
from sentiment import contract

HAPPY = {
    "en": "The crew was wonderful and my bag arrived first. Thank you so much!",
    "el": "Υπέροχη εξυπηρέτηση, σας ευχαριστώ πολύ, είστε καταπληκτικοί!",
    "sw": "Huduma nzuri sana, nimefurahi sana, asanteni!",
    "es": "Me encanta esta tienda, el servicio fue excelente, ¡muchas gracias!",
    "fr": "Service excellent, équipe adorable, je suis ravie, merci beaucoup !",
    "de": "Super Service, sehr freundlich und schnell, ich bin begeistert!",
    "it": "Servizio fantastico, personale gentilissimo, sono felicissima!",
    "pt": "Adorei o atendimento, equipe maravilhosa, muito obrigada!",
    "ar": "خدمة رائعة جدا، أنا سعيد للغاية، شكرا لكم!",
    "hi": "बहुत बढ़िया सेवा, मैं बहुत खुश हूँ, धन्यवाद!",
}
ANGRY = {
    "en": "Three hours on hold and nobody helps. Worst company ever, I want my money back.",
    "el": "Απαράδεκτη εξυπηρέτηση, περιμένω τρεις ώρες, ντροπή σας! Ποτέ ξανά.",
    "sw": "Huduma mbaya sana, mmeniibia pesa zangu, nimechukia kabisa!",
    "es": "Pésimo servicio, llevo tres horas esperando, es una vergüenza. Nunca más.",
    "fr": "Service horrible, trois heures d'attente, c'est une honte. Plus jamais !",
    "de": "Furchtbarer Service, seit drei Stunden warte ich, eine Frechheit. Nie wieder!",
    "it": "Servizio pessimo, tre ore di attesa, è una vergogna. Mai più!",
    "pt": "Péssimo atendimento, três horas esperando, que vergonha. Nunca mais!",
    "ar": "خدمة سيئة جدا، أنتظر منذ ثلاث ساعات ولا أحد يرد، أسوأ شركة!",
    "hi": "बहुत घटिया सेवा, तीन घंटे से इंतज़ार कर रहा हूँ, बेकार कंपनी!",
}
PLAIN = [
    "The store on Main Street opens at nine on Monday.",
    "Is there a flight from Athens to Nairobi on Tuesday?",
    "Το κατάστημα ανοίγει στις εννέα τη Δευτέρα.",
    "Die Sitzung beginnt am Montag um neun Uhr.",
]


def some_texts() -> list[str]:
    plain = [*HAPPY.values(), *ANGRY.values(), *PLAIN, "", "http", "ok", "😡", "@user", "a " * 900]
    rng = random.Random(3)
    words = " ".join(plain).split()
    return plain + [" ".join(rng.sample(words, rng.randint(1, 40))) for _ in range(60)]


@pytest.mark.parametrize("check", contract.CHECKS.values(), ids=contract.CHECKS)
def test_it_keeps_the_contract(classifier: Classifier, check: contract.Check) -> None:
    assert check(classifier) == ""


def test_a_text_alone_scores_exactly_as_among_others(classifier: Classifier) -> None:
    """What makes the replay of evidence honest: neighbours, order and batch size do not matter."""
    assert contract.check_neighbours(classifier) == ""


def test_threads_may_share_it(classifier: Classifier) -> None:
    texts = some_texts()
    expected = classifier.classify(texts)
    found: list[list[Scores]] = []
    workers = [
        threading.Thread(target=lambda: found.append(classifier.classify(texts))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    assert all(contract.difference(one, expected).largest <= contract.LAST_BIT for one in found)


@pytest.mark.parametrize("lang", HAPPY)
def test_the_obvious(classifier: Classifier, lang: str) -> None:
    happy, angry = classifier.classify([HAPPY[lang], ANGRY[lang]])
    assert happy.sentiment is Sentiment.POSITIVE
    assert angry.sentiment is Sentiment.NEGATIVE
    assert not happy.could_not_tell
    assert not angry.could_not_tell


def test_plain_facts_are_neutral(classifier: Classifier) -> None:
    assert [s.sentiment for s in classifier.classify(PLAIN)] == [Sentiment.NEUTRAL] * len(PLAIN)


@pytest.mark.parametrize(
    "text", ["", " ", "https://example.org/x", "@someone", "@a @b http://c.example", "12:30", "\0"]
)
def test_nothing_to_judge(classifier: Classifier, text: str) -> None:
    (scores,) = classifier.classify([text])
    assert scores.could_not_tell
    assert contract.probabilities_of(scores) == (1 / 3, 1 / 3, 1 / 3)


@pytest.mark.parametrize("text", ["𓀀𓁐𓂀𓃰 𓀀𓁐𓂀", "𐎠𐎡𐎢𐎣 𐎤𐎥𐎦", "ꦲꦤꦕꦫꦏ ꦢꦠꦱꦮꦭ", "மிகவும் மோசமான சேவை"])
def test_scripts_that_it_cannot_read(classifier: Classifier, text: str) -> None:
    assert classifier.classify([text])[0].could_not_tell


def test_could_not_tell_is_not_neutral(classifier: Classifier) -> None:
    assert not any(s.could_not_tell for s in classifier.classify(PLAIN))


def test_hostile_texts(classifier: Classifier, shared: Path) -> None:
    texts = json.loads((shared / "data/hostile/blns.json").read_text("utf-8"))
    scores = classifier.classify(texts)
    assert len(scores) == len(texts)
    assert all(abs(sum(contract.probabilities_of(s)) - 1) < 1e-9 for s in scores)


def test_broken_text(classifier: Classifier) -> None:
    texts = ["great \0 service", "great \ud83d service", "\udfff", "\u202egreat service\u202c"]
    scores = classifier.classify(texts)
    assert [s.sentiment for s in scores if not s.could_not_tell] == [Sentiment.POSITIVE] * 3
    assert scores[2].could_not_tell


@pytest.mark.timeout(60)  # it takes a tenth of a second
def test_a_megabyte_is_read_at_its_start(classifier: Classifier) -> None:
    scores = classifier.classify(["I hate this awful bank. " + "x" * 1_000_000, "🤬" * 300_000])
    assert len(scores) == 2
