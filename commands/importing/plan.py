"""Decide how a file is read, and what a person should see before it is stored.

1. With `--map` or columns of Earful's own names for text and time: as they say, no question.
2. With `--from`, the named preset reads it: no question.
3. Earful's own export is recognised, and read without a question.
4. Any other file is recognised by its columns and first rows. A person confirms the reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from commands.importing.order import checked_options
from commands.importing.wording import in_command_words
from earful.contracts import Permanent
from earful.settings.errors import SettingsError
from listeners.files.content import IsMailbox
from listeners.files.inspect import Inspection, first_rows, inspect
from listeners.files.platforms import zone_by_rule
from listeners.files.presets import Recognised, recognise
from listeners.files.replay import ReplayOptions

# rows that may prove the order of day and month: some seconds of reading
_ROWS_FOR_DATES = 200_000
_OWN_NAMES = {"text", "published_at"}
_OWN_EXPORT = "earful"
_NO_SOURCE = "--source is missing: which platform are these mentions from?"
_NAME_IT = "Write --source x, or any other name."


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The options as typed: ``options`` are keys of RowOptions, ``columns`` is `--map`.

    ``is_dry_run``: the plan is only shown, so a missing source is no error yet.
    """

    file: Path
    columns: Mapping[str, str]
    options: Mapping[str, Any]
    source: str | None = None
    brand_from: str | None = None
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The reading of a file: its options, and the sentences that a person confirms.

    ``source`` is "" while nothing names one. ``title`` names the format. ``matched`` tells which
    column is which field. ``is_certain``: no person needs to confirm it. ``brand_from`` is the
    column that names each row's brand, where the format has one. ``inspection`` is None when the
    file is a mailbox, which has no columns.
    """

    source: str
    columns: Mapping[str, str]
    options: Mapping[str, Any]
    title: str = "as --map says, else by Earful's own names of columns"
    matched: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    is_certain: bool = True
    brand_from: str | None = None
    inspection: Inspection | None = field(default=None, repr=False)
    is_mailbox: bool = False

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns that become no field."""
        if self.inspection is None:
            return ()
        used = {match.rpartition(" → ")[0] or match for match in self.matched}
        used |= {part.strip() for column in used for part in column.split("+")}
        # the column "user" of "user.name"
        used |= {column.partition(".")[0] for column in used}
        return tuple(column for column in self.inspection.columns if column not in used)


def make_plan(request: Request) -> Plan:
    """Look at the file, and decide how it is read; the module's docstring has the rules.

    Raises IsMailbox for mails. Raises SettingsError for wrong options, an unreadable file, and a
    source that nothing names.
    """
    inspection = _inspect(request)
    plan = _plan(request, inspection)
    zone = zone_by_rule(plan.source, inspection.columns)
    if zone is None or "timezone" in plan.options:
        return plan
    sentence = f"Times that name no zone are in {zone}, as GDELT writes them."
    return replace(
        plan,
        options={**plan.options, "timezone": zone},
        assumptions=(*plan.assumptions, sentence),
    )


def _plan(request: Request, inspection: Inspection) -> Plan:
    preset = request.options.get("preset")
    own = set(inspection.columns) >= _OWN_NAMES
    is_named = {*request.columns, *inspection.columns} >= _OWN_NAMES
    # without a readable row, reading on tells the reason of the first
    if preset is None and (not inspection.columns or (request.columns and is_named)):
        return _as_named(request, inspection)
    recognised = recognise(
        inspection.columns,
        inspection.sample_rows,
        name=preset,
        chosen=request.columns,
        dates=request.options.get("dates"),
        timezone=request.options.get("timezone"),
        preamble=inspection.preamble,
        more_rows=lambda: first_rows(_row_options(request), _ROWS_FOR_DATES),
    )
    is_own_export = recognised.preset is not None and recognised.preset.name == _OWN_EXPORT
    if own and preset is None and not is_own_export:
        return _as_named(request, inspection)
    return _as_recognised(request, inspection, recognised)


def _inspect(request: Request) -> Inspection:
    try:
        return inspect(_row_options(request))
    except IsMailbox:
        raise
    except Permanent as error:
        raise SettingsError(
            in_command_words(error.sentence), hint=in_command_words(error.hint)
        ) from error


def _row_options(request: Request) -> ReplayOptions:
    options = {"path": str(request.file), "map": dict(request.columns)} | dict(request.options)
    return checked_options(request.file, options)


def _as_named(request: Request, inspection: Inspection) -> Plan:
    return Plan(
        source=_source(request, None),
        columns=request.columns,
        options=request.options,
        matched=_names(request, inspection),
        assumptions=inspection.notes,
        inspection=inspection,
    )


def _names(request: Request, inspection: Inspection) -> tuple[str, ...]:
    """Return "Body → text" for `--map` and for the columns with names of ours."""
    columns = {field: field for field in inspection.columns} | dict(request.columns)
    column_map = checked_options(
        request.file, {"path": str(request.file), "map": dict(request.columns)}
    ).map.model_dump()
    return tuple(
        field if field == column else f"{column} → {field}"
        for field, column in columns.items()
        if column_map.get(field) == column
    )


def _as_recognised(request: Request, inspection: Inspection, recognised: Recognised) -> Plan:
    preset = recognised.preset
    options = dict(recognised.options) | dict(request.options)
    options.pop("source_as", None)
    # a survey's questions are chosen by their answers; --map may choose otherwise
    columns = dict(options.pop("map", {})) | dict(request.columns)
    is_own_export = preset is not None and preset.name == _OWN_EXPORT
    title = "by the names of its columns"
    if preset is not None:
        how = "as --from says" if "preset" in request.options else "recognised by its columns"
        title = f"{preset.title}, {how}"
    else:
        columns = dict(recognised.map) | columns
    return Plan(
        source=_source(request, recognised),
        columns=columns,
        options=options,
        title=title,
        matched=recognised.matched,
        assumptions=(*inspection.notes, *recognised.assumptions),
        questions=recognised.questions,
        is_certain="preset" in request.options or is_own_export,
        # a post about two brands is two rows of an export, and competitors are in it too
        brand_from="brand" if is_own_export else None,
        inspection=inspection,
    )


def _source(request: Request, recognised: Recognised | None) -> str:
    source = request.source or (recognised.source if recognised else None)
    if source is None and not request.is_dry_run:
        raise SettingsError(_NO_SOURCE, hint=_NAME_IT)
    return source or ""
