"""The command center and the queue, in the browser. They read storage.queries, act by commands."""
