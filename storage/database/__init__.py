"""The database itself: engine, migrations, upserts, types, the leader lock."""
