"""The pages that app.py lists."""
