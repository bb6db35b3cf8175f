"""The pages; app.py names them."""
