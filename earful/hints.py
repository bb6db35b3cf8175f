"""The base of errors that keep their sentence and their hint apart."""

from __future__ import annotations


class HintedError(Exception):
    """An error for people: ``sentence`` names the problem and its place, ``hint`` the fix.

    ``str()`` gives both, for logs and stored errors. ``excerpt`` is for people alone: lines of the
    file that the sentence is about, with a mark under the place.
    """

    def __init__(self, sentence: str, *, hint: str = "", excerpt: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.excerpt = excerpt

    def __str__(self) -> str:
        return with_hint(self.sentence, self.hint)


def with_hint(sentence: str, hint: str) -> str:
    """Join a sentence and its hint as people read them; ``hint`` is a sentence of its own or ""."""
    if not hint:
        return sentence
    # a sentence may quote a platform, which ends its own with a full stop
    stop = "" if sentence.endswith((".", "!", "?", "…")) else "."
    return f"{sentence}{stop} {hint}"
