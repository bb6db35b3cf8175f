"""X (formerly Twitter): the paid API v2 through tweepy."""
