"""Delete posts, erase authors, and remember which of them must not be stored again."""
