"""The fixture that every test of the command line works with."""

from cli_workspace import workspace

__all__ = ["workspace"]
