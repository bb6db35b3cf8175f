"""Earful listens to public talk about a brand and helps the right person answer it."""
