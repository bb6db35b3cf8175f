"""A long text is read whole, in pieces that overlap."""

from __future__ import annotations

from itertools import pairwise

from sentiment.pieces import OVERLAP, cut

FIRST, LAST, MARKER, COLON = 0, 2, 7, 8
WINDOW = 100


def text(words: int, marker_at: int | None = None) -> list[int]:
    ids = list(range(1000, 1000 + words))
    if marker_at is not None:
        ids[marker_at] = MARKER
    return [FIRST, *ids, LAST]


def test_a_text_that_fits_is_one_piece() -> None:
    assert cut(text(98), WINDOW, (MARKER, COLON)) == [text(98)]


def test_pieces_hold_every_word_and_overlap() -> None:
    for words in (99, 150, 300, 2000):
        pieces = cut(text(words), WINDOW, (MARKER, COLON))
        assert all(len(piece) <= WINDOW for piece in pieces)
        assert all((piece[0], piece[-1]) == (FIRST, LAST) for piece in pieces)
        assert {word for piece in pieces for word in piece[1:-1]} == set(text(words)[1:-1])
        for one, following in pairwise(pieces):
            assert len(set(one[1:-1]) & set(following[1:-1])) >= OVERLAP


def test_every_piece_is_about_the_brand() -> None:
    pieces = cut(text(300, marker_at=4), WINDOW, (MARKER, COLON))
    assert all(MARKER in piece for piece in pieces)
    assert pieces[-1][1:3] == [MARKER, COLON]
    assert all(len(piece) <= WINDOW for piece in pieces)


def test_a_text_without_a_brand_gets_no_marker() -> None:
    assert all(MARKER not in piece for piece in cut(text(300), WINDOW, (MARKER, COLON)))
