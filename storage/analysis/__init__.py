"""Readings of mentions: predictions, roll-ups, stories and ratings."""
