"""A MessagePage as text of 80 columns, for terminals and mail readers that show no HTML."""

from __future__ import annotations

from collections.abc import Sequence

from outreach.wording import HEADINGS, BrandSummary, CaseWording, MessagePage, Section
from outreach.wrap import WIDTH, columns, pad, wrap

_INDENT = "     "


def letter(page: MessagePage) -> str:
    """Write the page as text; only a link may be wider than 80 columns, since a cut one is dead."""
    blocks = [_heading(page.title)] if page.title else []
    blocks.append([line for lead in page.lead for line in wrap(lead)])
    if page.problems:
        blocks.append(["NOT WORKING", *_bullets(page.problems)])
    for section in page.sections:
        blocks += _section(section)
    if page.brands:
        blocks.append(_table(page.brands))
    if page.foot:
        blocks.append([line for foot in page.foot for line in wrap(foot)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _heading(title: str) -> list[str]:
    lines = wrap(title)
    return [*lines, "=" * max(columns(line) for line in lines)]


def _bullets(problems: Sequence[str]) -> list[str]:
    lines = []
    for problem in problems:
        first, *following = wrap(problem, "  ") or ["  (no words for it)"]
        lines += ["!" + first[1:], *following]
    return lines


def _section(section: Section) -> list[list[str]]:
    blocks = [[section.title.upper(), "-" * WIDTH]]
    blocks += [_case(number, case) for number, case in enumerate(section.cases, 1)]
    if section.hidden_note:
        blocks.append([f"{_INDENT}… {section.hidden_note}"])
    return blocks


def _case(number: int, case: CaseWording) -> list[str]:
    overdue_mark = "OVERDUE  " if case.overdue else ""
    head = wrap(f"{overdue_mark}[{case.priority}] {case.headline}", _INDENT)
    head[0] = f"{number:>3}. " + head[0][len(_INDENT) :]
    lines = [*head, *wrap(case.facts, _INDENT), *_quote(case.text)]
    lines += wrap(f"Why: {case.reason}", _INDENT)
    lines += wrap(case.standing, _INDENT)
    if case.link:
        lines.append(f"{_INDENT}{case.link.url}")
    return lines


def _quote(text: str) -> list[str]:
    return wrap(f"“{text}”", _INDENT + "  ", foreign=True)


def _table(brands: Sequence[BrandSummary]) -> list[str]:
    rows = [HEADINGS, *(brand.cells for brand in brands)]
    widths = [max(columns(row[place]) for row in rows) for place in range(len(HEADINGS))]
    # numbers are shown whole; a long name gives way
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - 2 * len(widths[1:]))
    lines = []
    for row in rows:
        # numbers stand to the right, so that they can be compared down the column
        numbers = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([pad(row[0], widths[0]), *numbers]))
    return [lines[0], "-" * columns(lines[0]), *lines[1:]]
