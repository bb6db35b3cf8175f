"""`earful explain`: why a mention was flagged or not, and whether it still would be today."""

from __future__ import annotations

from earful.command_name import command
from earful.settings.errors import SettingsError
from earful.untrusted import one_line
from pipeline.app import App
from pipeline.explain import explain, headline
from storage.cases import explanations
from storage.cases.explanations import MentionVerdict

_USAGE = "Write case:NUMBER, mention:NUMBER or SOURCE:ID."
# A stranger decides how many posts a case holds; a person reads this many in a terminal.
_MAX_SHOWN = 20
# The largest number that both databases hold: a larger one would raise inside the driver.
_MAX_ID = 2**63 - 1


def show(app: App, name: str, *, every_mention: bool = False) -> None:
    """Print the verdicts behind ``name``: a case, a mention or a platform's post.

    Of a long case the newest ones, and how many more there are, unless ``every_mention``.
    Raises SettingsError for a name that is no such thing or that is not stored.
    """
    verdicts = _find(app, name, None if every_mention else _MAX_SHOWN)
    for number, verdict in enumerate(verdicts):
        if number:
            print()
        print(one_line(headline(verdict), 400))
        for line in explain(verdict, app.rules):
            print(f"  {one_line(line, 1000)}")
    case = verdicts[0].flag
    if len(verdicts) == _MAX_SHOWN and case is not None:
        hidden = explanations.count_flags(app.db, case.case_id) - _MAX_SHOWN
        if hidden > 0:
            again = command(f"explain case:{case.case_id} --all")
            print(f"\n{hidden:,} older mentions; {again}")


def _find(app: App, name: str, limit: int | None) -> tuple[MentionVerdict, ...]:
    kind, colon, external_id = name.partition(":")
    # a number alone is a case: agents see those in the queue and in alerts
    if not colon:
        kind, external_id = "case", name
    if not kind or not external_id:
        raise SettingsError(f"{name!r} names no case and no mention", hint=_USAGE)
    if kind == "case":
        verdicts = explanations.of_case(app.db, _number(name, external_id), limit=limit)
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
