"""Name an option of a file as `earful import` has it: `--encoding cp1253` for encoding = "cp1253".

Listeners write an option in the one form of settings.toml, NAME = "VALUE", with "the option" before
it or not. This module knows the options of the command, and rewrites these forms only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from earful.contracts import TRIED_AGAIN

# the key of a [listen.options] block -> the option of the command
OPTIONS = {
    **{name: f"--{name}" for name in ("format", "dates", "timezone", "encoding", "delimiter")},
    **{name: f"--{name}" for name in ("skip", "items", "sheet", "map", "rejects", "quotes")},
    "source_as": "--source",
    "brand_from": "--brand-from",
    "preset": "--from",
    "rating_scale": "--rating-scale",
    "header": "--no-header",
    "path": "FILE",
}
_NAMES = "|".join(OPTIONS)
_TABLE = re.compile(r"\bmap = \{\s*(\w+) = \"([^\"]*)\"\s*\}|\bmap\.(\w+) = \"([^\"]*)\"")
_EXAMPLE = re.compile(rf"\bthe option ({_NAMES}), as in \1 = ")
_TEXT = re.compile(rf"(?:\b(?:the )?option )?\b({_NAMES}) = \"([^\"]*)\"")
_PLAIN = re.compile(rf"(?:\b(?:the )?option )?\b({_NAMES}) = (true|false|\d+)")
_NEXT_FIELD = re.compile(r",\s*[A-Za-z_]+\s*=")
_BARE = re.compile(rf"\b(?:the )?option ({_NAMES})\b")


def in_command_words(text: str) -> str:
    """Return an error or hint of a listener with its options in the form of `earful import`.

    A listener's promise to try again is left out, because a command ends.
    """
    text = text.replace(TRIED_AGAIN, "").rstrip()
    text = _EXAMPLE.sub(r"\1 = ", text)
    text = _TABLE.sub(lambda part: _map_option(part[1] or part[3], part[2] or part[4]), text)
    text = _TEXT.sub(lambda part: f"{OPTIONS[part[1]]} {_value(part[2])}", text)
    text = _PLAIN.sub(lambda part: _flag(part[1], part[2]), text)
    return _BARE.sub(lambda part: OPTIONS[part[1]], text)


def option_name(path: Sequence[str | int]) -> str:
    """Return the place of a wrong value as an option: ("map", "text") is "--map text"."""
    first, *rest = map(str, path) if path else ("",)
    return " ".join([OPTIONS.get(first, first), *rest]).strip()


def _map_option(field: str, column: str) -> str:
    # such a comma would begin the next field
    name = f'"{column}"' if _NEXT_FIELD.search(column) else column
    return f"--map {shlex.quote(f'{field}={name}')}"


def _value(value: str) -> str:
    return value if value == "…" else shlex.quote(value)


def _flag(name: str, value: str) -> str:
    if value == "false":
        return "--no-header" if name == "header" else f"--no-{name}"
    return OPTIONS[name] if value == "true" else f"{OPTIONS[name]} {value}"
