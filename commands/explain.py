"""`earful explain`: why a mention was flagged or not, and whether it still would be today."""

from __future__ import annotations

from earful.settings.errors import SettingsError
from earful.untrusted import one_line
from pipeline.app import App
from pipeline.explain import explain, headline
from storage.cases import explanations
from storage.cases.explanations import MentionVerdict

_USAGE = "Write case:NUMBER, mention:NUMBER or SOURCE:ID."
# The largest number that both databases hold: a larger one would raise inside the driver.
_MAX_ID = 2**63 - 1


def show(app: App, name: str) -> None:
    """Print the verdicts behind ``name``: a case, a mention or a platform's post.

    Raises SettingsError for a name that is no such thing or that is not stored.
    """
    for number, verdict in enumerate(_find(app, name)):
        if number:
            print()
        print(one_line(headline(verdict), 400))
        for line in explain(verdict, app.rules):
            print(f"  {one_line(line, 1000)}")


def _find(app: App, name: str) -> tuple[MentionVerdict, ...]:
    kind, colon, external_id = name.partition(":")
    # a number alone is a case: agents see those in the queue and in alerts
    if not colon:
        kind, external_id = "case", name
    if not kind or not external_id:
        raise SettingsError(f"{name!r} names no case and no mention", hint=_USAGE)
    if kind == "case":
        verdicts = explanations.of_case(app.db, _number(name, external_id))
    elif kind == "mention":
        verdicts = explanations.of_mention(app.db, _number(name, external_id))
    else:
        verdicts = explanations.of_post(app.db, kind, external_id)
    if not verdicts:
        stored = "case" if kind == "case" else "mention"
        raise SettingsError(f"{name!r}: there is no such {stored}", hint=_USAGE)
    return verdicts


def _number(name: str, digits: str) -> int:
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= len(str(_MAX_ID))
    if not is_number or int(digits) > _MAX_ID:
        raise SettingsError(f"{name!r} names no case and no mention", hint=_USAGE)
    return int(digits)
