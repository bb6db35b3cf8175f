"""YouTube: comments under videos through the Data API v3."""
