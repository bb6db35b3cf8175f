"""Store a file of mentions through the same listener and ingest as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from commands.importing.order import ImportOrder, query_of
from commands.importing.report import ImportReport, RejectsFile
from commands.importing.wording import in_command_words
from earful.contracts import Permanent, Transient
from earful.types import Batch
from pipeline.app import App
from pipeline.poll import Polled, store_all
from storage.collecting.ingest import IngestCounts


def import_file(
    app: App, order: ImportOrder, *, progress: Callable[[IngestCounts], None]
) -> ImportReport:
    """Store every mention of the file; repeating it adds nothing. Rejects go to their own file.

    A file that cannot be read to its end has its error in ``report.broken``, and the rows before
    that are stored. Raises SettingsError for wrong options.
    """
    query = query_of(app, order)
    report = ImportReport()
    with RejectsFile(order.rejects) as rejects:

        def settle(stored: IngestCounts) -> None:
            report.count_stored(stored)
            rejects.write(stored.refused)
            progress(stored)

        # From the first row each time: storage drops the stored ones (test_a_file_comes_in_once).
        batches = _batches(app.listener(query).poll(query, None), report, rejects)
        try:
            store_all(
                app.db,
                query,
                batches,
                clock=app.clock,
                total=Polled(queries=1),
                progress=settle,
            )
        except (Permanent, Transient) as error:
            report.broken = error
    return report


def worded(batch: Batch) -> Batch:
    """Return the batch with its rejects and its assumptions in this command's words."""
    if not batch.rejected and not batch.assumed:
        return batch
    rows = tuple(replace(row, reason=in_command_words(row.reason)) for row in batch.rejected)
    assumed = {in_command_words(phrase): number for phrase, number in batch.assumed.items()}
    return replace(batch, rejected=rows, assumed=assumed)


def _batches(
    batches: Iterator[Batch], report: ImportReport, rejects: RejectsFile
) -> Iterator[Batch]:
    """Yield the batches with this command's words, count their rows, and write their rejects."""
    for batch in map(worded, batches):
        report.count_batch(batch)
        rejects.write(batch.rejected)
        yield batch
