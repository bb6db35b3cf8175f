"""Earful: hears what people say about a brand and brings the unhappy ones to the right person."""
