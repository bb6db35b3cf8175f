"""Turn pydantic's findings about the settings into sentences that name the fix."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from earful.hints import HintedError

# how pydantic writes a bound of ours: datetime.timedelta(days=7), which settings write 7d
_SPAN = re.compile(r"datetime\.timedelta\(([ds])[a-z]+=(\d+)\)")


class SettingsError(HintedError):
    """The settings or options cannot be used; the sentence names file, place and value."""


def nearest(wrong: str, right: Iterable[str]) -> str:
    """ " (did you mean 'every'?)", or the list of what there is when nothing is close."""
    choices = list(right)
    there = f" (there is: {', '.join(sorted(choices))})" if choices else ""
    return _near(wrong, choices) or there


def _near(wrong: str, right: Sequence[str]) -> str:
    close = difflib.get_close_matches(wrong, right, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def explain(file: str, error: ValidationError, root: type[BaseModel]) -> str:
    """One line for each thing wrong, in the file's own order."""
    errors = [typing.cast(dict[str, typing.Any], one) for one in error.errors()]
    inside = {one["loc"][:-1] for one in errors if one["loc"]}
    # a list that lacks its one wrong item is not too short besides
    told = [one for one in errors if one["type"] != "too_short" or one["loc"] not in inside]
    return "\n".join(_line(file, one, root) for one in told)


def _line(file: str, one: dict[str, typing.Any], root: type[BaseModel]) -> str:
    where: Sequence[str | int] = one["loc"]
    kind, value = one["type"], one.get("input")
    if kind == "extra_forbidden":
        place, keys = _place(where[:-1], root), list(_model_at(root, where[:-1]).model_fields)
        return _join(file, place, f"unknown key {where[-1]!r}{nearest(str(where[-1]), keys)}")
    if kind == "missing":
        return _join(file, _place(where[:-1], root), f"{where[-1]!r} is missing")
    place = _place(where, root)
    if kind == "tuple_type" and len(where) == 1 and _is_block(root, where[0]):
        return _join(file, place, f"write [[{where[0]}]], one for each {where[0]}")
    message = _message(one, root)
    if kind == "value_error" and isinstance(value, dict | list | tuple):
        return _join(file, place, message)  # about a whole: its words name the part
    return _join(file, place, f"{_shown(value)} {_lower(message)}")


def _message(one: dict[str, typing.Any], root: type[BaseModel]) -> str:
    """What is wrong with a value, and what it should be."""
    where, kind, ctx = one["loc"], one["type"], one.get("ctx") or {}
    if kind == "literal_error":
        expected = ctx["expected"]
        near = _near(str(one.get("input")), re.findall(r"'([^']*)'", expected))
        return f"should be {expected}{near}"
    if kind == "tuple_type":
        return f'should be a list, as in {where[-1]} = ["…"]'
    if kind == "too_short":
        return f"should hold {ctx['min_length']} or more"
    if kind == "string_pattern_mismatch" and (words := _described(root, where)):
        return f"should be {words}"
    # a validator of ours: pydantic's own text would put "Value error, " before its words
    text = ctx["error"] if kind == "value_error" else one["msg"]
    return _SPAN.sub(r"\2\1", str(text))


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _join(file: str, place: str, message: str) -> str:
    return f"{file}: {place}: {message}" if place else f"{file}: {message}"


def _place(where: Sequence[str | int], root: type[BaseModel]) -> str:
    """("listen", 1, "every") is written `[[listen]] 2 every`, ("rules", "x") `[rules] x`, and a key
    that is no block of its own as it is: `kinds 1`."""
    if not where:
        return ""
    head, rest = str(where[0]), list(where[1:])
    if _is_block(root, head):
        head = f"[[{head}]]" if rest and isinstance(rest[0], int) else f"[{head}]"
    if rest and isinstance(rest[0], int):
        head = f"{head} {rest[0] + 1}"
        rest = rest[1:]
    keys = [str(part + 1) if isinstance(part, int) else part for part in rest]
    return " ".join([head, ".".join(keys)]) if keys else head


def _is_block(root: type[BaseModel], name: str | int) -> bool:
    field = root.model_fields.get(str(name))
    return field is not None and _inner_model(field.annotation) is not None


def _described(root: type[BaseModel], where: Sequence[str | int]) -> str | None:
    """The description of the field that a path leads to, or of the items of its list."""
    last = max((at for at, part in enumerate(where) if isinstance(part, str)), default=-1)
    field = _model_at(root, where[:last]).model_fields.get(str(where[last]))
    if field is None:
        return None
    items = [getattr(one, "__metadata__", ()) for one in typing.get_args(field.annotation)]
    infos = [one for some in items for one in some if isinstance(one, FieldInfo)]
    return next((one.description for one in [field, *infos] if one.description), None)


def _model_at(root: type[BaseModel], where: Sequence[str | int]) -> type[BaseModel]:
    """The settings block that a path leads to, found by walking the annotations."""
    model = root
    for part in where:
        if isinstance(part, str) and part in model.model_fields:
            inner = _inner_model(model.model_fields[part].annotation)
            model = inner or model
    return model


def _inner_model(annotation: typing.Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
