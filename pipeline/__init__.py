"""The five steps of the flow: each a function over the database, safe to run again."""
