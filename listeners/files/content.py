"""Open a file by its content: its layers, its encoding, and the place of its rows."""

from __future__ import annotations

import re

from earful.contracts import Permanent
from listeners.files import json_documents
from listeners.files.containers import Container, open_container
from listeners.files.file_options import FileOptions
from listeners.files.needed_columns import NeededColumns
from listeners.files.presets import whatsapp
from listeners.files.record_stream import Content, naming_file
from listeners.files.text_contents import (
    JSON_FORMATS,
    TABLE_FORMATS,
    ChatContent,
    JsonContent,
    TableContent,
    dialect_of,
)
from listeners.files.text_file import open_text
from listeners.files.workbook_content import WorkbookContent

_MARKUP = re.compile(r"\s*<(?:!doctype|html|\?xml|rss|feed)\b", re.IGNORECASE)
# as mail programs begin a message; a header of a table may begin with the word
_MBOX = re.compile(r"From (?:\S+@\S+|-|MAILER-DAEMON)? ?.*\d{2}:\d{2}.*\d{4}")


class IsMailbox(Permanent):
    """The file holds mails, which the source "mbox" reads."""


def open_content(options: FileOptions, needed: NeededColumns) -> Content:
    """Return what the file holds, from its first bytes.

    Permanent: it cannot be read, or it can be read in several ways. READ_ERRORS: it is damaged
    before its first row.
    """
    with naming_file(options.path), open_container(options.path) as container:
        if container.workbook is not None:
            return WorkbookContent(options, needed, container)
        return _text_content(options, needed, container)


def _text_content(options: FileOptions, needed: NeededColumns, container: Container) -> Content:
    text = open_text(options, container)
    if whatsapp.is_chat(text.start()):
        return ChatContent(text)
    kind = _kind(text.start(), options)
    dialect = dialect_of(text, options, needed) if kind != "json" else None
    if kind == "either":
        # rows without JSON may be a table under another name
        is_table = dialect is not None and needed.fit(dialect.header)[0]
        kind = "table" if is_table else "json"
    return TableContent(text, needed, dialect) if kind == "table" else JsonContent(text, needed)


def _kind(start: str, options: FileOptions) -> str:
    """Return json, table, or either; Permanent for a document that holds no rows."""
    is_json_name = options.format_name() in JSON_FORMATS
    if options.format in TABLE_FORMATS:
        return "table"
    if json_documents.STARTS.match(start):
        return "json"
    if _MARKUP.match(start):
        raise Permanent(
            "this is a web page or XML, whatever its name says",
            hint="Export the rows as CSV, .xlsx or JSON.",
        )
    if _MBOX.match(start):
        raise IsMailbox("these are mails (mbox)", hint='Read them with the source "mbox".')
    controls = sum(not char.isprintable() and not char.isspace() for char in start[:4096])
    if len(start) > 64 and controls * 10 > len(start[:4096]):
        raise Permanent("this is no text", hint="Export the rows as CSV, .xlsx or JSON.")
    return "either" if is_json_name else "table"
