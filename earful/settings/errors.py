"""Turn pydantic's findings about the settings into sentences that name the fix."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from earful.hints import HintedError

# how pydantic writes a bound of ours: datetime.timedelta(days=7), which settings write 7d
_SPAN = re.compile(r"datetime\.timedelta\(([ds])[a-z]+=(\d+)\)")
# and how it writes a member of a vocabulary: <Intent.LEAVING: 'leaving'>
_ENUM_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")


Finding = dict[str, typing.Any]  # as pydantic's ErrorDetails


class SettingsError(HintedError):
    """The settings or options cannot be used; the sentence names file, place and value."""


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Return " (did you mean 'every'?)", or the list of choices when none is close."""
    choices = list(right)
    listing = f" (there is: {', '.join(sorted(choices))})" if choices else ""
    return _near(wrong, choices) or listing


def _near(wrong: str, right: Sequence[str]) -> str:
    close = closest(wrong, right)
    return f" (did you mean {close!r}?)" if close is not None else ""


def closest(wrong: str, right: Sequence[str]) -> str | None:
    """Return the choice that is nearest to a wrong word; None when none is close."""
    return next(iter(difflib.get_close_matches(wrong, right, n=1, cutoff=0.5)), None)


def explain(
    file: str,
    error: ValidationError,
    root: type[BaseModel],
    place_of: Callable[[Sequence[str | int]], str] | None = None,
) -> str:
    """Write one line for each finding, in the file's own order.

    ``place_of`` names the place of a path; without it as a settings file has it.
    """
    findings = [typing.cast(Finding, finding) for finding in error.errors()]
    parents = {finding["loc"][:-1] for finding in findings if finding["loc"]}
    # a list with a wrong item is not reported as too short besides
    reported = [
        finding
        for finding in findings
        if finding["type"] != "too_short" or finding["loc"] not in parents
    ]
    name = place_of or (lambda path: _place(path, root))
    return "\n".join(_line(file, finding, root, name) for finding in reported)


def _line(
    file: str,
    finding: Finding,
    root: type[BaseModel],
    place_of: Callable[[Sequence[str | int]], str],
) -> str:
    path: Sequence[str | int] = finding["loc"]
    kind, value = finding["type"], finding.get("input")
    if kind == "extra_forbidden":
        place, keys = place_of(path[:-1]), list(_model_at(root, path[:-1]).model_fields)
        return _join(file, place, f"unknown key {path[-1]!r}{nearest(str(path[-1]), keys)}")
    if kind == "missing":
        return _join(file, place_of(path[:-1]), f"{path[-1]!r} is missing")
    place = place_of(path)
    if kind == "tuple_type" and len(path) == 1 and _is_block(root, path[0]):
        return _join(file, place, f"write [[{path[0]}]], one for each {path[0]}")
    message = _message(finding, root)
    if kind == "value_error" and isinstance(value, dict | list | tuple):
        return _join(file, place, message)  # about a whole block: its words name the part
    return _join(file, place, f"{_quote(value)} {_lower(message)}")


def _message(finding: Finding, root: type[BaseModel]) -> str:
    """Say how a value is wrong, and how it should be."""
    path, kind, context = finding["loc"], finding["type"], finding.get("ctx") or {}
    if kind in ("literal_error", "enum"):
        expected = _ENUM_MEMBER.sub(r"\1", context["expected"])
        near = _near(str(finding.get("input")), re.findall(r"'([^']*)'", expected))
        return f"should be {expected}{near}"
    if kind == "tuple_type":
        return f'should be a list, as in {path[-1]} = ["…"]'
    if kind == "too_short":
        return f"should hold {context['min_length']} or more"
    if kind == "string_pattern_mismatch" and (words := _described(root, path)):
        return f"should be {words}"
    # a validator of ours: pydantic's own text would put "Value error, " before its words
    text = context["error"] if kind == "value_error" else finding["msg"]
    return _SPAN.sub(r"\2\1", str(text))


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _join(file: str, place: str, message: str) -> str:
    return f"{file}: {place}: {message}" if place else f"{file}: {message}"


def _place(path: Sequence[str | int], root: type[BaseModel]) -> str:
    """Write the place of a path as the settings file has it.

    ("listen", 1, "every") is `[[listen]] 2 every`, ("rules", "x") is `[rules] x`, and a key that is
    no block stays as it is: `kinds 1`.
    """
    if not path:
        return ""
    head, keys = str(path[0]), list(path[1:])
    if _is_block(root, head):
        head = f"[[{head}]]" if keys and isinstance(keys[0], int) else f"[{head}]"
    if keys and isinstance(keys[0], int):
        head = f"{head} {keys[0] + 1}"
        keys = keys[1:]
    words = [str(key + 1) if isinstance(key, int) else key for key in keys]
    return " ".join([head, ".".join(words)]) if words else head


def _is_block(root: type[BaseModel], name: str | int) -> bool:
    field = root.model_fields.get(str(name))
    return field is not None and _inner_model(field.annotation) is not None


def _described(root: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """Return the description of the field at a path, or of the items of its list."""
    last = max((at for at, part in enumerate(path) if isinstance(part, str)), default=-1)
    field = _model_at(root, path[:last]).model_fields.get(str(path[last]))
    if field is None:
        return None
    metadata = [
        note
        for item_type in typing.get_args(field.annotation)
        for note in getattr(item_type, "__metadata__", ())
    ]
    infos = [note for note in metadata if isinstance(note, FieldInfo)]
    return next((info.description for info in [field, *infos] if info.description), None)


def _model_at(root: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel]:
    """Return the settings block at a path, by walking the annotations."""
    model = root
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            inner = _inner_model(model.model_fields[part].annotation)
            model = inner or model
    return model


def _inner_model(annotation: typing.Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        inner = _inner_model(argument)
        if inner is not None:
            return inner
    return None
