"""Cut a text that is longer than the model's window into overlapping pieces."""

from __future__ import annotations

from collections.abc import Sequence

# Tokens that two neighbours share: about a sentence, so that none is only read cut in two.
OVERLAP = 32


def cut(ids: Sequence[int], window: int, marker: Sequence[int]) -> list[list[int]]:
    """Return the token ids of each piece, at most ``window`` long; one piece when all fit.

    ``ids`` begin and end with the special tokens, and so does each piece. ``marker``: the tokens
    of our brand's marker at a start, the marker itself first. Where the text holds it, a piece
    without it gets them, because the whole text is about the brand.
    """
    if len(ids) <= window:
        return [list(ids)]
    first, *words, last = ids
    prefix = list(marker) if marker and marker[0] in words else []
    room = window - 2 - len(prefix)
    step_count = -(-(len(words) - OVERLAP) // (room - OVERLAP))
    pieces = []
    for number in range(step_count):
        # spread evenly: a last piece of a few words would be read without its sentence
        begin = round(number * (len(words) - room) / max(1, step_count - 1))
        piece = words[begin : begin + room]
        start = [] if not prefix or prefix[0] in piece else prefix
        pieces.append([first, *start, *piece, last])
    return pieces
