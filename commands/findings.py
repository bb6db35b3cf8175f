"""The findings of `earful doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from earful.command_name import command
from earful.contracts import EdgeError
from earful.hints import HintedError, with_hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result for one part. ``state`` is GOOD, LOOK or BAD; ``hint`` says how to fix it.

    ``excerpt`` holds the lines of the settings file that it is about.
    """

    part: str
    state: str
    result: str
    hint: str = ""
    excerpt: str = ""


GOOD, LOOK, BAD = "good", "worth a look", "bad"


def look_again() -> str:
    """Return the sentence that ends most hints."""
    return f"Fix it and run {command('doctor')} again."


def bad(part: str, error: HintedError) -> Finding:
    """Return the finding of an error, with its own hint."""
    hint = with_hint(error.hint, look_again()) if error.hint else look_again()
    return Finding(part=part, state=BAD, result=error.sentence, hint=hint, excerpt=error.excerpt)


def bad_edge(part: str, error: EdgeError, steps: str) -> Finding:
    """Return the finding of a source or channel; ``steps`` names the page with the steps."""
    hint = " ".join(filter(None, (error.hint, look_again(), steps)))
    return Finding(part=part, state=BAD, result=error.sentence, hint=hint)
