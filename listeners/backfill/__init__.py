"""Backfill for newest-first sources: the walk from the newest post to the last one stored."""
