"""The fixture that every test of the command line works with."""

from desk_work import desk

__all__ = ["desk"]
