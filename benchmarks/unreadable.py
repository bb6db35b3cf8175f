"""Name a set's file where it cannot be read as a table."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def naming_unreadable(file: Path) -> Iterator[None]:
    """Raise ValueError with the file's name for any error of a gzipped table in UTF-8."""
    try:
        yield
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{file} cannot be read as a gzipped table in UTF-8 ({error}); copy it again"
        ) from error
