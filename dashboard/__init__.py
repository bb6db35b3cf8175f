"""The command center and the queue, in the browser. They read storage.queries and call commands."""
