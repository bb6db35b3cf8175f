"""Keep the language of code and docs plain: nouns for names, short sentences, no riddles.

Run it as a script to list the offenders below some folders or files:

    python tests/test_voice.py listeners docs/queue.md
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    *("earful", "listeners", "sentiment", "outreach", "storage"),
    *("pipeline", "dashboard", "feedback", "commands"),
)
# Names that say nothing about their value: a reader has to find the noun elsewhere.
_PRONOUNS = """
    one ones some what which who whom whose whoever whatever these those this that them they it its
    other others another each both many most more less few several rest here there where when how
    why thing things stuff mine theirs half whole again
    anything something nothing everything somebody nobody anybody everybody
"""
_PARTICIPLES = """
    said told kept wanted known found asked given taken shown listed done made met held heard left
    came went took got had did does gave looked let put out away back about over around along
    anew once late lately
"""
VAGUE = frozenset((_PRONOUNS + _PARTICIPLES).split())
RIDDLES = frozenset(("what", "whoever", "whatever", "whom", "whose", "somebody", "nobody"))
MOST_VAGUE_NAMES = 0.005  # of all bound names
MOST_RIDDLES = 3.0  # in 1,000 words
MOST_WORDS = 17.0  # in a sentence of docs, on average
LEAST_COMMENTS = 0.02  # of all lines

_WORD = re.compile(r"[A-Za-z']+")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(*`\[])|\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )")


def sources() -> list[Path]:
    """The modules of the product, without history (migrations never change)."""
    modules = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in modules if "versions" not in path.parts)


def pages() -> list[Path]:
    """The pages that people read."""
    root = [path for path in ROOT.glob("*.md") if path.name in ("README.md", "CONTRIBUTING.md")]
    return sorted([*root, *(ROOT / "docs").rglob("*.md")])


def bound_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that the module binds, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name, node.lineno


def is_vague(name: str) -> bool:
    """True for a pronoun or a bare participle, also behind an underscore."""
    return name.strip("_").lower() in VAGUE


def docstrings(tree: ast.Module) -> Iterator[str]:
    """The docstrings of a module, its classes and its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def prose(page: str) -> str:
    """A page without code blocks, tables, headings and the targets of links."""
    lines = _FENCE.sub("\n\n", page).splitlines()
    kept = ["" if line.lstrip().startswith(("|", "#", ">")) else line for line in lines]
    return _CODE.sub("code", _LINK.sub(r"\1", "\n".join(kept)))


def sentences(page: str) -> list[str]:
    """The sentences of a page that have at least two words."""
    return [part for part in _END.split(prose(page)) if len(_WORD.findall(part)) > 1]


def riddles(text: str) -> tuple[int, int]:
    """How many words are riddles, and how many words there are."""
    words = _WORD.findall(text)
    return sum(word.lower() in RIDDLES for word in words), len(words)


def _rate(texts: list[str]) -> float:
    counts = [riddles(text) for text in texts]
    return 1000 * sum(count for count, _ in counts) / max(1, sum(total for _, total in counts))


def test_names_are_nouns() -> None:
    names = [name for path in sources() for name, _ in bound_names(_tree(path))]
    vague = Counter(name for name in names if is_vague(name))
    assert sum(vague.values()) <= MOST_VAGUE_NAMES * len(names), vague.most_common(40)


def test_docstrings_hold_no_riddles() -> None:
    assert _rate([text for path in sources() for text in docstrings(_tree(path))]) <= MOST_RIDDLES


def test_docs_hold_no_riddles() -> None:
    assert _rate([prose(path.read_text(encoding="utf-8")) for path in pages()]) <= MOST_RIDDLES


def test_sentences_of_docs_are_short() -> None:
    lengths = [
        len(_WORD.findall(sentence))
        for path in pages()
        for sentence in sentences(path.read_text(encoding="utf-8"))
    ]
    assert sum(lengths) / len(lengths) <= MOST_WORDS


def test_comments_say_why() -> None:
    lines = [line.strip() for path in sources() for line in path.read_text("utf-8").splitlines()]
    comments = sum(line.startswith("#") for line in lines)
    assert comments >= LEAST_COMMENTS * len(lines)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _report_modules(chosen: list[Path]) -> None:
    names = vague = lines = comments = 0
    texts: list[str] = []
    for path in chosen:
        tree, place = _tree(path), path.relative_to(ROOT)
        for name, line in bound_names(tree):
            names += 1
            if is_vague(name):
                vague += 1
                print(f"{place}:{line}: vague name {name}")
        for text in docstrings(tree):
            texts.append(text)
            if riddles(text)[0]:
                print(f"{place}: riddle: {text[:100]!r}")
        body = path.read_text("utf-8").splitlines()
        lines += len(body)
        comments += sum(line.strip().startswith("#") for line in body)
    share = f"{100 * vague / names:.2f} % of {names} names are vague"
    print(f"{share}; {_rate(texts):.1f} riddles; {100 * comments / lines:.2f} % comments")


def _report_pages(chosen: list[Path]) -> None:
    for path in chosen:
        page = path.read_text(encoding="utf-8")
        lengths = [len(_WORD.findall(part)) for part in sentences(page)]
        average = sum(lengths) / max(1, len(lengths))
        print(f"{path.relative_to(ROOT)}: {average:.1f} words, {_rate([prose(page)]):.1f} riddles")
        for part in sentences(page):
            if len(_WORD.findall(part)) > 28:
                print(f"    long: {' '.join(part.split())[:110]}")


def _below(paths: list[Path], folders: list[str]) -> list[Path]:
    roots = [(ROOT / folder).resolve() for folder in folders] or [ROOT]
    return [path for path in paths if any(path.is_relative_to(root) for root in roots)]


if __name__ == "__main__":
    if modules := _below(sources(), sys.argv[1:]):
        _report_modules(modules)
    if texts := _below(pages(), sys.argv[1:]):
        _report_pages(texts)
