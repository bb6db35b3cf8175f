"""Strangers' text fits into the lines of a terminal, whatever its script."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from earful.untrusted import one_line
from outreach.wrap import columns, isolate, wrap

anything = st.text(st.characters(codec=None))  # lone surrogates, controls, all of it


@given(anything, st.integers(10, 80))
def test_wrap_fits_and_loses_no_character(text: str, width: int) -> None:
    shown = one_line(text)
    lines = wrap(shown, "  ", width)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(shown.split())


def test_wide_letters_take_two_columns() -> None:
    assert columns("航空 ok") == 7
    assert all(columns(line) <= 20 for line in wrap("荷物がまた無くなりました。" * 5, "", 20))


def test_only_right_to_left_text_is_isolated() -> None:
    assert isolate("bag") == "bag"
    assert isolate("حقيبة") == "\u2068حقيبة\u2069"
    lines = wrap("الحقيبة ضاعت مرة أخرى " * 6, "  ", 40, foreign=True)
    assert len(lines) > 1
    assert all(line.startswith("  \u2068") and line.endswith("\u2069") for line in lines)
