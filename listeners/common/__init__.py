"""Helpers that several listeners share: options, text, times, search terms, rejects."""
