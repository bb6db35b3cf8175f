"""Mastodon: hashtags, search and mentions on any number of servers."""
