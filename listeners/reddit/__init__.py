"""Reddit: posts and comments through praw."""
