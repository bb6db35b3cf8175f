"""Tell a poll that failed after progress from one that failed at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from earful.types import Batch
from storage.collecting.ingest import IngestCounts


class PollProgress:
    """Watch one poll; ``is_made`` says whether it took up anything that had waited.

    That is a mention stored for the first time, or a window of time read that ended before the poll
    began. The window that ends now is no progress: a source with one broken part reads it at
    every poll, and would be asked each minute for ever.
    """

    def __init__(self, started_at: datetime) -> None:
        self._started_at = started_at
        self._closes_window = False
        self.is_made = False

    def watch(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches as they come, and look at the time that they cover."""
        for batch in batches:
            self._closes_window = any(
                seen.since < seen.until < self._started_at for seen in batch.seen
            )
            yield batch

    def note_stored(self, stored: IngestCounts) -> None:
        """Note that the latest batch is stored."""
        self.is_made = self.is_made or self._closes_window or stored.new > 0
