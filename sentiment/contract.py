"""What every classifier must do, as checks that a test and `earful model check` both run.

Each check takes a classifier and returns what is wrong in a sentence, "" when nothing is. What the
classifier raises itself goes through.
"""

from __future__ import annotations

import platform
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from earful.contracts import Classifier
from earful.enums import Sentiment
from earful.judgements import Scores

ALONE = "a text's scores depend on the text alone"

Check = Callable[[Classifier], str]

LAST_BIT = 0.0 if platform.machine().lower() in {"x86_64", "amd64"} else 1e-6
"""How far the same text's scores may differ in an exact classifier: elsewhere than on x86, sums in
float32 may be added up in another order."""

NOTICEABLE = 0.01
"""How far they may differ in a model of others: above this a flag cannot be replayed honestly."""

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
    """By how much the scores of the same texts differ, and how many labels change with it."""

    largest: float
    labels: int


def texts(number: int = 300) -> list[str]:
    """Return ``number`` posts of different lengths: those above, alone and in fixed mixtures."""
    rng = random.Random(11)  # noqa: S311 - the same texts every time
    words = " ".join(POSTS).split()
    mixed = (" ".join(rng.choices(words, k=rng.randint(3, 40))) for _ in range(number))
    return [*POSTS, *mixed][:number]


def nothing_gives_nothing(classifier: Classifier) -> str:
    """``[]`` gives ``[]``."""
    found = classifier.classify([])
    return "" if found == [] else f"classify([]) gave {found!r}; it must give []"


def one_text_is_refused(classifier: Classifier) -> str:
    """A text instead of a list of texts raises TypeError."""
    try:
        found = classifier.classify("not a list")
    except TypeError:
        return ""
    return f"classify of one text gave {len(found)} answers; it must raise TypeError"


def as_many_answers(classifier: Classifier) -> str:
    """As many answers as texts, each of them Scores, also when the same text comes twice."""
    for given in (list(POSTS), ["ok"], ["ok"] * 50, ["", *POSTS[:3], ""]):
        found = classifier.classify(given)
        if len(found) != len(given):
            return f"{len(given)} texts gave {len(found)} answers; there must be one each, in order"
        strange = [one for one in found if not isinstance(one, Scores)]
        if strange:
            return f"an answer is {strange[0]!r}; it must be Scores"
    return ""


def probabilities(classifier: Classifier) -> str:
    """The three are in 0..1 and sum to 1, and the label is the most probable one."""
    given = [*texts(100), *SILENT]
    for text, one in zip(given, classifier.classify(given), strict=True):
        three = numbers(one)
        if not all(0.0 <= share <= 1.0 for share in three) or abs(sum(three) - 1.0) > 1e-6:
            return f"{text[:60]!r} got {three}; three probabilities must be in 0..1 and sum to 1"
        by_label = dict(
            zip((Sentiment.NEGATIVE, Sentiment.NEUTRAL, Sentiment.POSITIVE), three, strict=True)
        )
        if by_label[one.sentiment] < max(three):
            return f"{text[:60]!r} got {three} and the label {one.sentiment}: it is not the largest"
    return ""


def silence_is_no_answer(classifier: Classifier) -> str:
    """An empty text, or only links, handles and digits, is "could not tell"."""
    found = classifier.classify(list(SILENT))
    judged = [text for text, one in zip(SILENT, found, strict=True) if not one.could_not_tell]
    return f'{judged} say nothing, but were judged; they must be "could not tell"' * bool(judged)


def hostile_texts(classifier: Classifier) -> str:
    """Broken, endless and malicious texts raise nothing, alone or together."""
    found = classifier.classify(list(HOSTILE))
    if len(found) != len(HOSTILE):
        return f"{len(HOSTILE)} hostile texts gave {len(found)} answers"
    lost = [text for text in HOSTILE if len(classifier.classify([text])) != 1]
    return f"{lost[0][:40]!r} alone gave no answer" if lost else ""


def neighbours(classifier: Classifier) -> Difference:
    """Compare a text's scores among others with those alone, in another order, and repeated."""
    given = [*texts(60), *SILENT[:2], LONG]
    together = classifier.classify(given)
    order = random.Random(9).sample(range(len(given)), len(given))  # noqa: S311 - a fixed order
    shuffled = classifier.classify([given[at] for at in order])
    back = [shuffled[order.index(at)] for at in range(len(given))]
    alone = [classifier.classify([text])[0] for text in given]
    others = [classifier.classify(given), back, alone]
    found = [difference(together, other) for other in others]
    return Difference(max(one.largest for one in found), max(one.labels for one in found))


def difference(some: Sequence[Scores], others: Sequence[Scores]) -> Difference:
    """Compare two answers to the same texts; one that is "could not tell" only once counts 1."""
    largest, labels = 0.0, 0
    for one, other in zip(some, others, strict=True):
        labels += (one.sentiment, one.could_not_tell) != (other.sentiment, other.could_not_tell)
        pairs = zip(numbers(one), numbers(other), strict=True)
        apart = one.could_not_tell != other.could_not_tell
        largest = max(largest, float(apart), *(abs(a - b) for a, b in pairs))
    return Difference(largest, labels)


def the_text_alone_counts(classifier: Classifier, allowed: float = LAST_BIT) -> str:
    """A text's scores are the same alone, among others and in any order."""
    found = neighbours(classifier)
    if found.largest <= allowed:
        return ""
    return (
        f"the same text's scores differ by up to {found.largest:.2g} with its neighbours "
        f"({found.labels} labels change); a flag could not be replayed. Dynamic quantisation "
        "does this: use weights that are static or not quantised"
    )


def same_name(classifier: Classifier, again: Classifier) -> str:
    """``model_id`` says something, and the same for the same model loaded twice."""
    first, second = classifier.model_id, again.model_id
    if not isinstance(first, str) or not first.strip():
        return f"model_id is {first!r}; it must name weights and text preparation"
    if first != second:
        return f"model_id is {first!r}, and {second!r} when loaded again; it must stay the same"
    return ""


def numbers(scores: Scores) -> tuple[float, float, float]:
    """Return negative, neutral and positive."""
    return scores.negative, scores.neutral, scores.positive


CHECKS: dict[str, Check] = {
    "no texts, no answers": nothing_gives_nothing,
    "one text instead of a list is refused": one_text_is_refused,
    "as many answers as texts": as_many_answers,
    "probabilities sum to 1 and the label is the largest": probabilities,
    'empty texts and bare links are "could not tell"': silence_is_no_answer,
    "broken and hostile texts raise nothing": hostile_texts,
}
"""What one loaded classifier shows; ``run`` adds the two that need to be told more."""


def run(
    classifier: Classifier, again: Callable[[], Classifier], allowed: float = LAST_BIT
) -> Iterator[tuple[str, str]]:
    """Yield (what is checked, what is wrong or ""), one after the other.

    ``again`` loads the same model anew. ``allowed`` is by how much a text's scores may depend on
    its neighbours: LAST_BIT, or NOTICEABLE for a model of others. Whatever the classifier raises
    is what is wrong with it.
    """

    def alone(one: Classifier) -> str:
        return the_text_alone_counts(one, allowed)

    def named(one: Classifier) -> str:
        return same_name(one, again())

    checks = CHECKS | {
        ALONE: alone,
        "loaded twice, it has the same model_id": named,
    }
    for name, check in checks.items():
        yield name, _raised(check, classifier)


def _raised(check: Check, classifier: Classifier) -> str:
    try:
        return check(classifier)
    except Exception as error:  # noqa: BLE001 - to find whatever it raises is the purpose
        return f"it raised {type(error).__name__}: {str(error)[:200]}"
