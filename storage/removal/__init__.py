"""Deletion: erasing a person and remembering what must not come back."""
