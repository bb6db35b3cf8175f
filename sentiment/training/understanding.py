"""Read the sets that teach toward, intents, reasons and irony, and map their labels to ours.

A set is ``NAME.tsv.gz`` without header: text, label, target, language, source, split. Each teaches
only what its labels say; all else about its rows is unknown and costs nothing in the loss.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from earful.enums import Intent, Reason
from sentiment.brand_markers import mark
from sentiment.prepare import prepare
from sentiment.training.rows import LABELS, Row, key_of

UNHAPPY = (Intent.COMPLAINT, Intent.LEAVING)


@dataclass(frozen=True, slots=True)
class SetRow:
    """One line of a set, as it is there."""

    text: str
    label: str
    target: str
    lang: str
    source: str
    split: str


def read_rows(folder: Path, name: str) -> Iterator[SetRow]:
    """Yield the rows of ``NAME.tsv.gz``; FileNotFoundError or ValueError name file and line."""
    path = folder / f"{name}.tsv.gz"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such data set; give the folder that holds it")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for number, fields in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)):
            if len(fields) != 6:
                raise ValueError(f"{path}, line {number + 1}: {len(fields)} fields; a row has 6")
            yield SetRow(*fields)


def answers(*holding: str, of: Iterable[str]) -> tuple[tuple[str, float], ...]:
    """Return all names of ``of``, those that hold with 1 and the others with 0."""
    return tuple((str(name), float(name in holding)) for name in of)


def marked(text: str, target: str) -> str:
    """Return the text as the model reads it about ``target``, a topic when the text lacks it."""
    return prepare(mark(text, (target,)) if target else mark(text, ()))


_POINTS = {"very negative": "negative", "very positive": "positive"}


def three_points(label: str) -> str:
    """Return the label without "very", for which a set with five points asks too."""
    return _POINTS.get(label, label)


def toward_row(row: SetRow, name: str) -> Row | None:
    """Map a row whose label is the sentiment toward its target."""
    label = three_points(row.label)
    if label not in LABELS:
        return None
    is_news = name in ("target_newsmtsc", "target_rusentne2023")
    # persons in the news: nobody there complains or leaves
    intents = answers(Intent.OTHER, of=Intent) if is_news else ()
    return Row(
        text=marked(row.text, row.target),
        lang=row.lang,
        data_set=name,
        toward=LABELS.index(label),
        binary=name == "target_indonlu_casa_hoasa",
        intents=intents,
    )


_MABSA_REASONS = (
    ("Logistics#Speed", Reason.LATE),
    ("Seller Service#Timeliness", Reason.LATE),
    ("shipment delivery", Reason.LATE),
    ("Logistics#Lost", Reason.MISSING),
    ("shipment quality", Reason.MISSING),
    ("Seller Service#Inventory", Reason.CANCELLED),
    ("amazon availability", Reason.CANCELLED),
    ("Seller Service#Attitude", Reason.STAFF),
    ("service general", Reason.STAFF),
    ("Price#", Reason.PRICE),
    ("After-sales", Reason.PRICE),
    ("Branding/Marketing#Promotional", Reason.PRICE),
    ("Product Quality#", Reason.BROKEN),
    ("Performance#", Reason.BROKEN),
    ("Battery", Reason.BROKEN),
    ("Camera", Reason.BROKEN),
    ("Screen", Reason.BROKEN),
    ("Signal", Reason.BROKEN),
    ("Audio", Reason.BROKEN),
    ("Product Accessories", Reason.BROKEN),
    ("food quality", Reason.BROKEN),
    ("room_amenities quality", Reason.BROKEN),
    ("facilities quality", Reason.BROKEN),
    ("System#", Reason.DIGITAL),
    ("Security#", Reason.SAFETY),
)


def _mabsa_reason(category: str) -> Reason:
    if category.endswith(" prices"):
        return Reason.PRICE
    return next((r for start, r in _MABSA_REASONS if category.startswith(start)), Reason.OTHER)


def reviewed_row(row: SetRow, name: str) -> Row | None:
    """Map a review: complaint and reasons where it is negative, praise where only positive."""
    pairs = [part.rpartition(":") for part in row.label.split("+")]
    bad = {category for category, _, polarity in pairs if polarity == "negative"}
    good = {category for category, _, polarity in pairs if polarity == "positive"}
    text = prepare(mark(row.text, ("Brand",)))
    base = Row(text=text, lang=row.lang, data_set=name, weight=0.5)
    leaving = "Buyer Attitude#Repurchase and Churn Tendency"
    no_more = answers(of=(Intent.QUESTION, Intent.RESOLVED, Intent.OTHER))
    if bad:
        toward = -1 if good else 0
        reasons = {_mabsa_reason(category) for category in bad - {leaving}} or {Reason.OTHER}
        intents = answers(Intent.COMPLAINT, of=(Intent.COMPLAINT,))
        intents += answers(*([Intent.LEAVING] if leaving in bad else []), of=(Intent.LEAVING,))
        intents += no_more if good else (*answers(of=(Intent.PRAISE,)), *no_more)
        return replace(base, toward=toward, intents=intents, reasons=answers(*reasons, of=Reason))
    if good and not any(polarity == "neutral" for *_, polarity in pairs):
        calm = answers(Intent.PRAISE, of=(Intent.PRAISE, *UNHAPPY))
        return replace(base, toward=2, intents=(*calm, *no_more))
    return None


_BANKING_REASONS = (
    (("card_arrival", "pending_", "transfer_timing", "balance_not_updated"), Reason.LATE),
    (("lost_or_stolen", "transfer_not_received", "card_swallowed", "wrong_amount"), Reason.MISSING),
    (
        ("_charge", "fee", "charged_twice", "exchange_rate", "request_refund", "Refund_not"),
        Reason.PRICE,
    ),
    (("not_working", "declined_", "top_up_failed", "failed_transfer"), Reason.BROKEN),
    (("passcode", "pin_blocked", "verify_"), Reason.DIGITAL),
    (("cancel_transfer", "top_up_reverted", "reverted_card"), Reason.CANCELLED),
    (("compromised", "not_recognised"), Reason.SAFETY),
)


def banking_row(row: SetRow, name: str) -> Row | None:
    """Map a question to a bank; its reason is known where the question is about a problem."""
    reason = next(
        (r for parts, r in _BANKING_REASONS if any(part in row.label for part in parts)), None
    )
    return Row(
        text=prepare(row.text),
        lang=row.lang,
        data_set=name,
        weight=0.4,
        intents=(*answers(Intent.QUESTION, of=(Intent.QUESTION, Intent.PRAISE, Intent.OTHER)),)
        if row.label != "terminate_account"
        else answers(Intent.LEAVING, of=(Intent.LEAVING, Intent.PRAISE)),
        reasons=answers(reason, of=Reason) if reason else (),
    )


_BITEXT_REASONS = {
    "delivery_period": Reason.LATE,
    "get_refund": Reason.PRICE,
    "track_refund": Reason.PRICE,
    "payment_issue": Reason.PRICE,
    "check_cancellation_fee": Reason.PRICE,
    "recover_password": Reason.DIGITAL,
    "registration_problems": Reason.DIGITAL,
    "cancel_order": Reason.CANCELLED,
    "contact_human_agent": Reason.UNREACHABLE,
    "contact_customer_service": Reason.UNREACHABLE,
}


def request_row(row: SetRow, name: str) -> Row | None:
    """Map a line to a shop's chat: a question, a complaint, or a wish to leave."""
    if row.label == "complaint":
        intents = answers(Intent.COMPLAINT, of=(Intent.COMPLAINT, Intent.PRAISE))
    elif row.label == "delete_account":
        intents = answers(Intent.LEAVING, of=(Intent.LEAVING, Intent.PRAISE))
    elif row.label.startswith(("check_", "track_", "delivery_")):
        intents = answers(Intent.QUESTION, of=(Intent.QUESTION, Intent.PRAISE, Intent.LEAVING))
    else:
        intents = answers(of=(Intent.PRAISE, Intent.LEAVING))
    reason = _BITEXT_REASONS.get(row.label)
    reasons = answers(reason, of=Reason) if reason else ()
    text = prepare(row.text)
    return Row(
        text=text, lang=row.lang, data_set=name, weight=0.3, intents=intents, reasons=reasons
    )


def assistant_row(row: SetRow, name: str) -> Row | None:
    """Map a line to an assistant: whatever it is, nobody complains or praises."""
    intents = answers(of=(Intent.COMPLAINT, Intent.LEAVING, Intent.PRAISE, Intent.RESOLVED))
    return Row(text=prepare(row.text), lang=row.lang, data_set=name, weight=0.3, intents=intents)


def app_row(row: SetRow, name: str) -> Row | None:
    """Map a review of an app: a bug or a wish; the other labels say too little."""
    if row.label == "Bug":
        return Row(
            text=prepare(row.text),
            lang=row.lang,
            data_set=name,
            intents=answers(Intent.COMPLAINT, of=(Intent.COMPLAINT, Intent.PRAISE, Intent.OTHER)),
            reasons=answers(Reason.DIGITAL, of=(Reason.DIGITAL, Reason.LATE, Reason.STAFF)),
        )
    if row.label == "Feature":
        return Row(
            text=prepare(row.text),
            lang=row.lang,
            data_set=name,
            intents=answers(Intent.SUGGESTION, of=(Intent.SUGGESTION, Intent.OTHER)),
        )
    return None


def churn_row(row: SetRow, name: str) -> Row | None:
    """Map a line about changing the operator; moving to the target is no churn there."""
    leaving = row.label == "churn"
    return Row(
        text=marked(row.text, row.target.capitalize()),
        lang=row.lang,
        data_set=name,
        toward=0 if leaving else -1,
        intents=answers(*([Intent.LEAVING] if leaving else []), of=(Intent.LEAVING,)),
    )


_CFPB_REASONS = (
    (("Money was not available", "investigation", "Closing on"), Reason.LATE),
    (("Communication tactics", "customer service"), Reason.STAFF),
    (("ees", "interest", "payment", "charged", "charging"), Reason.PRICE),
    (("Trouble using your card",), Reason.BROKEN),
    (("mobile wallet", "Unable to get"), Reason.DIGITAL),
    (("Closing a",), Reason.CANCELLED),
    (("Dealing with",), Reason.UNREACHABLE),
    (("raud", "Improper use", "dentity theft"), Reason.SAFETY),
)


def narrative_row(row: SetRow, name: str) -> Row | None:
    """Map a complaint to an authority about a company."""
    reason = next(
        (r for parts, r in _CFPB_REASONS if any(part in row.label for part in parts)),
        Reason.OTHER,
    )
    return Row(
        text=prepare(mark(row.text, ("Company", row.target))),
        lang=row.lang,
        data_set=name,
        weight=0.5,
        toward=0,
        intents=answers(Intent.COMPLAINT, of=(Intent.COMPLAINT, Intent.PRAISE, Intent.OTHER)),
        reasons=answers(reason, of=Reason),
    )


def irony_row(row: SetRow, name: str) -> Row | None:
    """Map a row that its author or readers called sarcastic or not."""
    return Row(
        text=prepare(row.text),
        lang=row.lang,
        data_set=name,
        irony=float(row.label == "sarcastic"),
        weight=0.3 if name == "irony_mustard" else 1.0,
    )


_BAD_EMOTIONS = frozenset({"anger", "disgust", "fear", "sadness"})


def emotion_row(row: SetRow, name: str) -> Row | None:
    """Map emotions to a weak sentiment; surprise alone and mixtures say too little."""
    emotions = set(row.label.split("+"))
    bad = bool(emotions & _BAD_EMOTIONS)
    if row.lang == "sw" or emotions == {"surprise"} or (bad and "joy" in emotions):
        return None
    label = 0 if bad else 2 if "joy" in emotions else 1
    return Row(text=prepare(row.text), lang=row.lang, data_set=name, label=label, weight=0.3)


Mapping = Callable[[SetRow, str], Row | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderstandingPart:
    """A set, how its rows are mapped, the most rows of one epoch, and how often each is repeated.

    ``per_label``: the most rows of each label of the set.
    """

    data_set: str
    mapping: Mapping
    limit: int
    per_label: int = 1_000_000
    times: int = 1


PARTS = (
    UnderstandingPart(data_set="target_mams", mapping=toward_row, limit=16_000),
    UnderstandingPart(
        data_set="target_semeval2016_topics", mapping=toward_row, limit=13_000, per_label=5_000
    ),
    UnderstandingPart(data_set="target_mabsa6", mapping=toward_row, limit=14_000, per_label=7_000),
    UnderstandingPart(data_set="target_newsmtsc", mapping=toward_row, limit=4_500),
    UnderstandingPart(
        data_set="target_rusentne2023", mapping=toward_row, limit=3_000, per_label=1_200
    ),
    UnderstandingPart(
        data_set="target_indonlu_casa_hoasa", mapping=toward_row, limit=2_500, per_label=1_300
    ),
    UnderstandingPart(data_set="reason_mabsa6", mapping=reviewed_row, limit=9_000),
    UnderstandingPart(data_set="reason_cfpb_narratives", mapping=narrative_row, limit=900),
    UnderstandingPart(data_set="intent_banking77", mapping=banking_row, limit=3_000),
    UnderstandingPart(data_set="intent_bitext_customer", mapping=request_row, limit=1_200),
    UnderstandingPart(data_set="intent_clinc150", mapping=assistant_row, limit=1_500),
    UnderstandingPart(data_set="intent_appreviews_maalej", mapping=app_row, limit=700, times=2),
    UnderstandingPart(data_set="intent_churn_swisscom", mapping=churn_row, limit=700, times=3),
    UnderstandingPart(data_set="irony_isarcasmeval", mapping=irony_row, limit=9_000),
    UnderstandingPart(data_set="irony_arsarcasm", mapping=irony_row, limit=3_000, per_label=1_800),
    UnderstandingPart(data_set="irony_mustard", mapping=irony_row, limit=700),
    UnderstandingPart(data_set="emotion_brighter", mapping=emotion_row, limit=9_000),
)

# Of sets without a val split, every tenth train row is kept back for choices.
CHOOSING_EVERY = 10
WITHOUT_VAL = frozenset({"irony_isarcasmeval", "irony_arsarcasm", "irony_mustard"})


def understanding_pool(folder: Path, held_out: set[str], seed: int = 1) -> list[Row]:
    """Return the rows of one epoch of all ``PARTS``, in the order of the parts.

    ``held_out``: keys of texts that must not be learned.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, no secret
    pool: list[Row] = []
    for part in PARTS:
        rows = [row for row in read_rows(folder, part.data_set) if row.split == "train"]
        if part.data_set in WITHOUT_VAL:
            rows = [row for i, row in enumerate(rows) if i % CHOOSING_EVERY]
        rng.shuffle(rows)
        pool += _rows_of_part(part, rows, held_out) * part.times
    return pool


def choosing_rows(folder: Path) -> list[Row]:
    """Return the mapped rows on which choices rest: val splits, and what was kept back as such."""
    chosen: list[Row] = []
    for part in PARTS:
        rows = list(read_rows(folder, part.data_set))
        if part.data_set in WITHOUT_VAL:
            train = [row for row in rows if row.split == "train"]
            choices = train[::CHOOSING_EVERY]
        else:
            choices = [row for row in rows if row.split == "val"]
        chosen += [mapped for row in choices if (mapped := part.mapping(row, part.data_set))]
    return chosen


def keys_not_learned(folder: Path) -> set[str]:
    """Return the keys of all val and test texts, as they are without markers."""
    return {
        key_of(prepare(row.text))
        for part in PARTS
        for row in read_rows(folder, part.data_set)
        if row.split != "train"
    }


def _rows_of_part(part: UnderstandingPart, rows: list[SetRow], held_out: set[str]) -> list[Row]:
    counts: dict[str, int] = {}
    chosen: list[Row] = []
    for row in rows:
        if len(chosen) >= part.limit:
            break
        if counts.get(row.label, 0) >= part.per_label or key_of(row.text) in held_out:
            continue
        mapped = part.mapping(row, part.data_set)
        if mapped is not None and mapped.text:
            counts[row.label] = counts.get(row.label, 0) + 1
            chosen.append(mapped)
    return chosen
