"""Brands, authors, and lookups by external id."""
