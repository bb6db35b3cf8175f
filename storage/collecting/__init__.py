"""Collection: ingest, polling positions, spending, coverage, edits, re-checks."""
