"""Bluesky: search and mentions through the AppView, and the Jetstream."""
