"""Check the classifier contract; a test and `earful model check` both run these checks.

Each check takes a classifier and returns the fault as a sentence, or "" when there is none. Errors
of the classifier pass through.
"""

from __future__ import annotations

import platform
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from earful.contracts import Classifier
from earful.enums import Sentiment
from earful.judgements import Scores

ALONE = "a text's scores depend on the text alone"

Check = Callable[[Classifier], str]
Model = TypeVar("Model")

# How far the same text's scores may differ in an exact classifier: elsewhere than on x86, sums in
# float32 may be added up in another order.
LAST_BIT = 0.0 if platform.machine().lower() in {"x86_64", "amd64"} else 1e-6

# How far they may differ in a foreign model: above this a flag cannot be replayed honestly.
NOTICEABLE = 0.01

POSTS = (
    "Still no refund after nineteen days, and nobody picks up the phone.",
    "Great flight, friendly crew, and we landed early. Thank you!",
    "Does the shop on the corner open on Sundays?",
    "Your app logged me out four times today. Fix it!!!",
    "Meh. It does what the box says.",
    "@northwind three emails, not one answer. I am done with you",
    "Picked up my parcel at noon https://example.org/track/18 all fine",
    "love love LOVE the new menu 😍",
    "😡😡 second broken screen in a month",
    "Περιμένω δύο ώρες στη γραμμή και δεν απαντά κανείς, ντροπή.",
    "Ευχαριστώ πολύ για τη γρήγορη εξυπηρέτηση!",
    "Huduma yenu ni mbaya, nimesubiri siku tano.",
    "Asante sana, mmenisaidia haraka!",
    "El pedido llegó roto y no me devuelven el dinero.",
    "Todo perfecto, repetiré seguro.",
    "Le train de 8 h 12 part de la voie 4.",
    "Der Kundendienst war freundlich und hat alles sofort geklärt.",
    "Due settimane senza internet, è uno scandalo.",
    "O motorista foi muito simpático, obrigada!",
    "الطلب تأخر أسبوعين ولا أحد يرد على رسائلي",
    "ok",
    "Not bad at all, but not worth the price either",
)

SILENT = (
    "",
    " \n\t ",
    "https://example.org/a?b=c",
    "www.example.org",
    "@northwind",
    "@northwind @someone https://example.org",
    "12:30",
    "...",
)

LONG = "good but " * 1200

HOSTILE = (
    "half an emoji \ud83d here",
    "\udfff",
    "nul \0 in the middle",
    "\0",
    "\u202eback to front\u202c and \u2066set apart\u2069",
    "ze\u200bro\u200dwid\ufeffth",
    "e" + "\u0301" * 500,
    "😀" * 300,
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽",
    "\uffff\ufdd0 \U000e0041 \ue000",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "&amp;" * 500,
    "&#x110000; &#xd800; &bogus;",
    "%s %n {0} ${x} \\",
    LONG,
    "a" * 10_000,
    "ab " * 3400,
    "! " * 5000,
    "ಠ_ಠ ¯\\_(ツ)_/¯",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference in the scores of the same texts, and the number of changed labels."""

    largest: float
    labels: int


def sample_posts(number: int = 300) -> list[str]:
    """Return ``number`` posts of different lengths: ``POSTS`` and fixed mixtures of their words."""
    rng = random.Random(11)  # noqa: S311 - the same texts every time
    words = " ".join(POSTS).split()
    mixed = (" ".join(rng.choices(words, k=rng.randint(3, 40))) for _ in range(number))
    return [*POSTS, *mixed][:number]


def check_empty_list(classifier: Classifier) -> str:
    """Check that ``[]`` gives ``[]``."""
    answers = classifier.classify([])
    return "" if answers == [] else f"classify([]) gave {answers!r}; it must give []"


def check_single_text(classifier: Classifier) -> str:
    """Check that a text instead of a list of texts raises TypeError."""
    try:
        answers = classifier.classify("not a list")
    except TypeError:
        return ""
    return f"classify of one text gave {len(answers)} answers; it must raise TypeError"


def check_answer_count(classifier: Classifier) -> str:
    """Check that each text gives one Scores, also when the same text comes twice."""
    for texts in (list(POSTS), ["ok"], ["ok"] * 50, ["", *POSTS[:3], ""]):
        answers = classifier.classify(texts)
        if len(answers) != len(texts):
            counts = f"{len(texts)} texts gave {len(answers)} answers"
            return f"{counts}; there must be one each, in order"
        invalid = [answer for answer in answers if not isinstance(answer, Scores)]
        if invalid:
            return f"an answer is {invalid[0]!r}; it must be Scores"
    return ""


def check_probabilities(classifier: Classifier) -> str:
    """Check that three probabilities in 0..1 sum to 1, and the largest gives the label."""
    texts = [*sample_posts(100), *SILENT]
    labels = (Sentiment.NEGATIVE, Sentiment.NEUTRAL, Sentiment.POSITIVE)
    for text, scores in zip(texts, classifier.classify(texts), strict=True):
        three = probabilities_of(scores)
        if not all(0.0 <= share <= 1.0 for share in three) or abs(sum(three) - 1.0) > 1e-6:
            return f"{text[:60]!r} got {three}; three probabilities must be in 0..1 and sum to 1"
        by_label = dict(zip(labels, three, strict=True))
        label = scores.sentiment
        if by_label[label] < max(three):
            return f"{text[:60]!r} got {three} and the label {label}: it is not the largest"
    return ""


def check_silent_texts(classifier: Classifier) -> str:
    """Check that an empty text, or only links, handles and digits, is "could not tell"."""
    answers = zip(SILENT, classifier.classify(list(SILENT)), strict=True)
    judged = [text for text, scores in answers if not scores.could_not_tell]
    return f'{judged} say nothing, but were judged; they must be "could not tell"' * bool(judged)


def check_hostile_texts(classifier: Classifier) -> str:
    """Check that broken, endless and malicious texts raise no error, alone or together."""
    answers = classifier.classify(list(HOSTILE))
    if len(answers) != len(HOSTILE):
        return f"{len(HOSTILE)} hostile texts gave {len(answers)} answers"
    unanswered = [text for text in HOSTILE if len(classifier.classify([text])) != 1]
    return f"{unanswered[0][:40]!r} alone gave no answer" if unanswered else ""


def compare_with_neighbours(classifier: Classifier) -> Difference:
    """Compare the scores of texts in one list with those alone, reordered, and repeated."""
    texts = [*sample_posts(60), *SILENT[:2], LONG]
    together = classifier.classify(texts)
    order = random.Random(9).sample(range(len(texts)), len(texts))  # noqa: S311 - a fixed order
    shuffled = classifier.classify([texts[index] for index in order])
    reordered = [shuffled[order.index(index)] for index in range(len(texts))]
    alone = [classifier.classify([text])[0] for text in texts]
    runs = [classifier.classify(texts), reordered, alone]
    gaps = [difference(together, scores) for scores in runs]
    return Difference(max(gap.largest for gap in gaps), max(gap.labels for gap in gaps))


def difference(first: Sequence[Scores], second: Sequence[Scores]) -> Difference:
    """Compare two runs over the same texts; "could not tell" in one run only counts as 1."""
    largest, labels = 0.0, 0
    for a, b in zip(first, second, strict=True):
        labels += (a.sentiment, a.could_not_tell) != (b.sentiment, b.could_not_tell)
        pairs = zip(probabilities_of(a), probabilities_of(b), strict=True)
        apart = a.could_not_tell != b.could_not_tell
        largest = max(largest, float(apart), *(abs(p - q) for p, q in pairs))
    return Difference(largest, labels)


def check_neighbours(classifier: Classifier, tolerance: float = LAST_BIT) -> str:
    """Check that a text's scores are the same alone, among others and in any order."""
    gap = compare_with_neighbours(classifier)
    if gap.largest <= tolerance:
        return ""
    return (
        f"the same text's scores differ by up to {gap.largest:.2g} with its neighbours "
        f"({gap.labels} labels change); a flag could not be replayed. Dynamic quantisation "
        "does this: use weights that are static or not quantised"
    )


def check_model_id(classifier: Classifier, reloaded: Classifier) -> str:
    """Check that ``model_id`` is not empty, and is the same for the same model loaded twice."""
    first, second = classifier.model_id, reloaded.model_id
    if not isinstance(first, str) or not first.strip():
        return f"model_id is {first!r}; it must name weights and text preparation"
    if first != second:
        return f"model_id is {first!r}, and {second!r} when loaded again; it must stay the same"
    return ""


def probabilities_of(scores: Scores) -> tuple[float, float, float]:
    """Return negative, neutral and positive."""
    return scores.negative, scores.neutral, scores.positive


# Checks of one loaded classifier by their sentences; ``run`` adds two that need more.
CHECKS: dict[str, Check] = {
    "no texts, no answers": check_empty_list,
    "one text instead of a list is refused": check_single_text,
    "as many answers as texts": check_answer_count,
    "probabilities sum to 1 and the label is the largest": check_probabilities,
    'empty texts and bare links are "could not tell"': check_silent_texts,
    "broken and hostile texts raise nothing": check_hostile_texts,
}


def run(
    classifier: Classifier, load_again: Callable[[], Classifier], tolerance: float = LAST_BIT
) -> Iterator[tuple[str, str]]:
    """Run all checks, yielding (sentence of the check, fault or "") for each.

    ``load_again`` loads the same model a second time. ``tolerance`` limits how far a text's scores
    may depend on its neighbours: LAST_BIT, or NOTICEABLE for a foreign model. An error that the
    classifier raises is reported as the fault.
    """

    def neighbours(classifier: Classifier) -> str:
        return check_neighbours(classifier, tolerance)

    def model_id(classifier: Classifier) -> str:
        return check_model_id(classifier, load_again())

    checks = CHECKS | {
        ALONE: neighbours,
        "loaded twice, it has the same model_id": model_id,
    }
    for name, check in checks.items():
        yield name, fault(check, classifier)


def fault(check: Callable[[Model], str], classifier: Model) -> str:
    """Return the fault that a check finds; an error that the classifier raises is one too."""
    try:
        return check(classifier)
    except Exception as error:  # noqa: BLE001 - the check exists to report any error
        return f"it raised {type(error).__name__}: {str(error)[:200]}"
