"""Answers of the models and figures over mentions: predictions, tallies, stories and ratings."""
