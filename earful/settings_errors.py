"""Turns what pydantic found wrong with the settings into a sentence that says how to mend it."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ValidationError


class SettingsError(Exception):
    """The settings cannot be used; the text names file, place, value and the mend."""


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
    return "\n".join(_line(file, dict(one), root) for one in error.errors())


def _line(file: str, one: dict[str, typing.Any], root: type[BaseModel]) -> str:
    where: Sequence[str | int] = one["loc"]
    kind, value = one["type"], one.get("input")
    if kind == "extra_forbidden":
        keys = list(_model_at(root, where[:-1]).model_fields)
        return _join(file, where[:-1], f"unknown key {where[-1]!r}{nearest(str(where[-1]), keys)}")
    if kind == "missing":
        return _join(file, where[:-1], f"{where[-1]!r} is missing")
    if kind == "tuple_type" and len(where) == 1:
        return _join(file, where, f"write [[{where[0]}]], one for each {where[0]}")
    message = str(one["msg"]).removeprefix("Value error, ")
    if kind == "literal_error":
        expected = one["ctx"]["expected"]
        near = _near(str(value), re.findall(r"'([^']*)'", expected))
        message = f"should be {expected}{near}"
    if kind == "tuple_type":
        message = f'should be a list, as in {where[-1]} = ["…"]'
    if kind == "value_error" and isinstance(value, dict | list | tuple):
        return _join(file, where, message)  # about a whole: its words name the part
    return _join(file, where, f"{_shown(value)} {_lower(message)}")


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _join(file: str, where: Sequence[str | int], message: str) -> str:
    place = _place(where)
    return f"{file}: {place}: {message}" if place else f"{file}: {message}"


def _place(where: Sequence[str | int]) -> str:
    """("listen", 1, "every") is written `[[listen]] 2 every`; ("rules", "x") as `[rules] x`."""
    if not where:
        return ""
    head, rest = str(where[0]), list(where[1:])
    if rest and isinstance(rest[0], int):
        head = f"[[{head}]] {rest[0] + 1}"
        rest = rest[1:]
    elif rest or head not in {"database_url"}:
        head = f"[{head}]"
    keys = [str(part + 1) if isinstance(part, int) else part for part in rest]
    return " ".join([head, ".".join(keys)]) if keys else head


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
