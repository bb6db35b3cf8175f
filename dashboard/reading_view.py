"""A model's reading of a post as small labels, and all its numbers one click away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dashboard.safe import label, one_line
from dashboard.words import capitalize, format_percent, format_time
from earful.enums import Intent, Reason, Sentiment
from earful.judgements import HOLDS_AT, Reading, Scores
from outreach.reasons import INTENT_LABELS, REASON_LABELS
from outreach.unhappy import UNHAPPY_INTENTS, has_intents, toward_brand
from outreach.words import count, percent
from storage.views import ModelAnswer

Colour = Literal["orange", "blue", "gray", "violet", "yellow"]
# The theme draws orange for worse and blue for better.
_COLOUR_OF: Mapping[Sentiment, Colour] = {
    Sentiment.NEGATIVE: "orange",
    Sentiment.NEUTRAL: "gray",
    Sentiment.POSITIVE: "blue",
}
_COLOUR_OF_INTENT: Mapping[Intent, Colour] = {Intent.LEAVING: "yellow", Intent.RESOLVED: "blue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A small label: its words as plain text, and its colour."""

    words: str
    colour: Colour = "gray"


def held_intents(reading: Reading) -> list[Intent]:
    """Return the intents that hold, most probable first; none of a text that was not understood."""
    if reading.could_not_tell:
        return []
    return [intent for intent in map(Intent, _ranked(reading.intents)) if reading.holds(intent)]


def held_reasons(reading: Reading) -> list[Reason]:
    """Return the reasons of an unhappy author that hold, most probable first.

    They are those by which the queue is filtered (storage/cases/complaints.py).
    """
    if not set(held_intents(reading)) & set(UNHAPPY_INTENTS):
        return []
    ranked = _ranked(reading.reasons)
    return [Reason(name) for name in ranked if reading.reasons[name] >= HOLDS_AT]


def brief_marks(reading: Reading | None) -> list[Mark]:
    """Return the marks of a line in the queue: leaving, the reasons, and irony."""
    if not has_intents(reading):
        return []
    marks = [_intent_mark(Intent.LEAVING)] if Intent.LEAVING in held_intents(reading) else []
    marks += [Mark(words=capitalize(REASON_LABELS[reason])) for reason in held_reasons(reading)]
    return marks + _irony_marks(reading)


def list_marks(reading: Reading | None, list_intent: Intent, brand: str) -> list[Mark]:
    """Return the marks of a line in a list of ``list_intent``: what is not said by the list.

    Neutral toward the brand is the usual case there, so it has no mark.
    """
    if not has_intents(reading):
        return []
    marks = [_intent_mark(intent) for intent in held_intents(reading) if intent is not list_intent]
    if toward_brand(reading).sentiment is not Sentiment.NEUTRAL:
        marks.insert(0, _toward_mark(reading, brand))
    return marks + _irony_marks(reading)


def draw_marks(key: str, marks: Sequence[Mark]) -> None:
    """Draw marks in a row that wraps; nothing without marks."""
    if not marks:
        return
    with st.container(horizontal=True, gap="xsmall", key=f"marks-{key}"):
        for mark in marks:
            st.badge(label(mark.words, 60), color=mark.colour)


def draw(key: str, reading: Reading | None, brand: str) -> None:
    """Draw what the model read: toward the brand, the intents, the reasons, and irony.

    Draw nothing for a model that only gives the sentiment of a text.
    """
    if not has_intents(reading):
        return
    toward = _toward_mark(reading, brand)
    reasons = [Mark(words=capitalize(REASON_LABELS[reason])) for reason in held_reasons(reading)]
    intents = [_intent_mark(intent) for intent in held_intents(reading)]
    draw_marks(key, [toward, *intents, *reasons, *_irony_marks(reading)])
    if asides := _asides(reading):
        with st.container(key=f"small-reading-{key}"):
            st.text(" · ".join(asides))


def _toward_mark(reading: Reading, brand: str) -> Mark:
    if reading.could_not_tell:
        return Mark(words="The model could not tell")
    toward = toward_brand(reading)
    sentiment = toward.sentiment
    sure = percent(float(getattr(toward, sentiment)))
    words = f"{sentiment.capitalize()} toward {one_line(brand, 30)}, {sure}"
    return Mark(words=words, colour=_COLOUR_OF[sentiment])


def _intent_mark(intent: Intent) -> Mark:
    return Mark(
        words=capitalize(INTENT_LABELS[intent]), colour=_COLOUR_OF_INTENT.get(intent, "gray")
    )


def _irony_marks(reading: Reading) -> list[Mark]:
    return [Mark(words="Meant ironically", colour="violet")] if reading.ironic else []


def _asides(reading: Reading) -> list[str]:
    """Return what few readings have: another tone of the text itself, and several pieces."""
    asides = []
    sentiment = reading.scores.sentiment
    if not reading.could_not_tell and sentiment is not toward_brand(reading).sentiment:
        sure = percent(float(getattr(reading.scores, sentiment)))
        asides.append(f"The text itself is {sentiment}, {sure}")
    if reading.pieces > 1:
        asides.append(f"Read in {reading.pieces:,} pieces; the angriest counts")
    return asides


def draw_numbers(answers: Sequence[ModelAnswer], counting: str, brand: str, zone: str) -> None:
    """Draw a button that opens all probabilities of the counting model, and other answers.

    ``answers`` are newest first; ``counting`` is the id of the model that counts. Draw nothing
    when no model has read for the brand.
    """
    current = next((answer for answer in answers if answer.model_id == counting), None)
    if current is None or not has_intents(current.reading):
        return
    other_answers = [answer for answer in answers if answer is not current]
    with st.popover("The reading"):
        # st.code has a fixed-width font, and a button that copies.
        st.code(_numbers(current.reading, current.model_id, brand), language=None, wrap_lines=True)
        if other_answers:
            st.text("Read by other models")
            lines = [_summary(answer, brand, zone) for answer in other_answers]
            st.code("\n\n".join(lines), language=None, wrap_lines=True)


def _numbers(reading: Reading, model_id: str, brand: str) -> str:
    """Return all probabilities of a reading; figures first, so that a phone shows them whole."""
    intents = [(reading.intents[name], INTENT_LABELS[Intent(name)]) for name in reading.intents]
    reasons = [(reading.reasons[name], REASON_LABELS[Reason(name)]) for name in reading.reasons]
    pieces = count(reading.pieces, "piece")
    return "\n\n".join(
        [
            _section(f"Toward {one_line(brand, 30)}", _sentiments(reading.toward)),
            _section("The text itself", _sentiments(reading.scores)),
            _section("Intents", sorted(intents, key=_by_figure)),
            _section("Reasons", sorted(reasons, key=_by_figure)),
            f"{format_percent(reading.irony):>5}  meant ironically\nRead in {pieces}",
            f"Model {one_line(model_id, 120)}",
        ]
    )


def _section(title: str, figures: Sequence[tuple[float, str]]) -> str:
    lines = [f"{format_percent(figure):>5}  {words}" for figure, words in figures]
    return "\n".join([title, *(lines or ["could not tell"])])


def _sentiments(scores: Scores) -> list[tuple[float, str]]:
    if scores.could_not_tell:
        return []
    return [(float(getattr(scores, sentiment)), sentiment.value) for sentiment in Sentiment]


def _by_figure(pair: tuple[float, str]) -> float:
    return -pair[0]


def _summary(answer: ModelAnswer, brand: str, zone: str) -> str:
    """Return another model's answer in few lines: what it read, and when."""
    reading = answer.reading
    scores = answer.scores if reading is None else toward_brand(reading)
    aim = "" if reading is None else f" toward {one_line(brand, 30)}"
    words = [f"{capitalize(_sentiment_words(scores))}{aim}"]
    if has_intents(reading):
        words += [INTENT_LABELS[intent] for intent in held_intents(reading)]
        words += [REASON_LABELS[reason] for reason in held_reasons(reading)]
    at = format_time(answer.at, zone, answer.at)
    return f"{', '.join(words)}\n{one_line(answer.model_id, 120)}, {at}"


def _sentiment_words(scores: Scores) -> str:
    if scores.could_not_tell:
        return "could not tell"
    sentiment = scores.sentiment
    return f"{percent(float(getattr(scores, sentiment)))} {sentiment}"


def _ranked(probabilities: Mapping[str, float]) -> list[str]:
    return sorted(probabilities, key=lambda name: -probabilities[name])
